import { defineConfig } from 'vitest/config';
import { patience } from './test/support/patience.js';

/** What needs a server, a graphics adapter or a browser: npm run test:real, test:webgpu, test:web. */
const elsewhere = ['test/real/**', 'test/webgpu/**', 'test/web/**'];

/** Tests of the command line, films, training and crashes take minutes: `.ci/run --fast` leaves them out. */
const slow = [
  'test/{chaos,cli,evaluation,examples,fuzz,house,load}/**/*.test.ts',
  'test/app/{backup,dry-run,index-snapshots,own-model}.test.ts',
  'test/app/ingest/media-feed.test.ts',
  'test/media/films.test.ts',
  'test/media/odd-films.test.ts',
  'test/models/{graphs,nano,networks,planning,sampling,servers,training,encoders}/**/*.test.ts',
  'test/models/nano.test.ts',
  'test/operators/media/{split-crop,split-films}.test.ts',
  'test/server/keys.test.ts',
  'test/stores/corpus/snapshots/**/*.test.ts',
  'test/stores/corpus/{index/open-corpus,corpus-follower}.test.ts',
  'test/streams/delivery/{crash,memory,trouble}.test.ts',
  'test/streams/topology/hostile-topology.test.ts',
  'test/streams/transports/kafka/protocol/**/*.test.ts',
];

/** These change what a whole process has: modules, backends of tfjs. */
const alone = ['test/operators/decoded-image.test.ts', 'test/models/{backends,diffusion,presets}/**/*.test.ts'];

export default defineConfig({
  test: {
    // A test that expects nothing cannot fail.
    expect: { requireAssertions: true },
    testTimeout: patience(300),
    hookTimeout: patience(300),
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'slow', include: slow },
      },
      {
        extends: true,
        test: { name: 'alone', include: alone },
      },
      {
        extends: true,
        // A process for each of these files would cost more than its tests.
        test: {
          name: 'quick',
          include: ['test/**/*.test.ts'],
          exclude: [...elsewhere, ...slow, ...alone],
          isolate: false,
        },
      },
    ],
  },
});
