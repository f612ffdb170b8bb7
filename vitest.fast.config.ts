import { defineConfig, mergeConfig } from 'vitest/config';
import all from './vitest.config.js';

// Before each commit (.ci/run --fast): what tests of the command line, films, training and crashes take minutes for is left out.
export default mergeConfig(
  all,
  defineConfig({
    test: {
      exclude: [
        'test/{chaos,cli,evaluation,examples,fuzz,house,load}/**',
        'test/app/{backup,dry-run,index-snapshots,own-model}.test.ts',
        'test/app/ingest/media-feed.test.ts',
        'test/media/films.test.ts',
        'test/media/odd-films.test.ts',
        'test/models/{graphs,nano,networks,planning,sampling,servers,training,encoders}/**',
        'test/models/nano.test.ts',
        'test/operators/media/{split-crop,split-films}.test.ts',
        'test/server/keys.test.ts',
        'test/stores/corpus/snapshots/**',
        'test/stores/corpus/{index/open-corpus,corpus-follower}.test.ts',
        'test/streams/delivery/{crash,memory,trouble}.test.ts',
        'test/streams/topology/hostile-topology.test.ts',
        'test/streams/transports/kafka/protocol/**',
      ],
    },
  }),
);
