import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Operator } from '../../src/flow/operator.js';
import { operators } from '../../src/operators/index.js';
import { checkTopologyFile } from '../../src/streams/topology/read-topology.js';
import { describeOperator } from '../operators/operator-contract.js';
import { resourcesWith } from '../operators/run-operator.js';

const folder = join(import.meta.dirname, '../../examples/operator');
const { topology, mistakes } = await checkTopologyFile(join(folder, 'topology.yaml'), { env: {}, operators });

describe('the example of a custom operator', () => {
  it('stands in a topology without mistakes, with what the topology tells it', () => {
    expect(mistakes).toEqual([]);
    const step = topology?.pipelines[0]?.steps[1];
    expect(step).toMatchObject({ name: 'require-licence', config: { allow: ['CC0-1.0', 'Apache-2.0'] } });
  });
});

const file = { path: '/nowhere', size: 1, sha256: '0'.repeat(64), identity: '', uri: 'a.png', source: 'a.png' };
describeOperator(topology?.pipelines[0]?.steps[1]?.operator as Operator, {
  resources: () => resourcesWith({}),
  good: () => ({ file: { ...file, licence: 'CC0-1.0' } }),
  bad: () => ({ flow: { file: { ...file, licence: 'all rights reserved' } }, code: 'MEDIA_FORBIDDEN' }),
});
