import { defineConfig, mergeConfig } from 'vitest/config';
import all from './vitest.config.js';

// Before each commit (.ci/run --fast): what tests of the command line, films, training and crashes take minutes for is left out.
export default mergeConfig(
  all,
  defineConfig({
    test: {
      exclude: [
        'test/{cli,evaluation,examples,house}/**',
        'test/media/films.test.ts',
        'test/media/odd-films.test.ts',
        'test/models/{nano,networks,planning,sampling,servers,training,encoders}/**',
        'test/models/nano.test.ts',
        'test/operators/media/split-films.test.ts',
        'test/stores/corpus/{index/open-corpus,corpus-follower}.test.ts',
        'test/streams/delivery/{crash,memory,trouble}.test.ts',
        'test/streams/topology/hostile-topology.test.ts',
        'test/streams/transports/kafka/protocol/**',
      ],
    },
  }),
);
