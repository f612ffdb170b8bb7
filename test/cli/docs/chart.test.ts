import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chartFiles } from '../../../src/cli/docs/chart/chart-files.js';
import { chartValues } from '../../../src/cli/docs/chart/values.js';
import { operators } from '../../../src/operators/index.js';

/* What Helm itself makes of the chart is for infra/check-deploy.sh to say: here, that its values and their schema are one. */
const top = resolve(import.meta.dirname, '../../..');
const shipped = readFileSync(join(top, 'topology.yaml'), 'utf8');
const files = new Map(chartFiles(operators, '1.2.3', shipped));
const read = (name: string) => files.get(`infra/helm/vimi/${name}`) ?? expect.fail(`${name} is not generated`);
const validate = new Ajv({ strict: false }).compile(JSON.parse(read('values.schema.json')));
const faults = (values: unknown) =>
  validate(values) ? [] : validate.errors!.map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
const defaults = () => parse(read('values.yaml'));

describe('the values of the chart', () => {
  it('are those of the code, each with what is said of it', () => {
    const { topology, ...values } = defaults();
    expect(values).toEqual(chartValues.parse({}));
    expect(topology).toEqual({});
    expect(read('values.yaml')).toContain(
      '# How long a stopping process may finish what is in flight (--stop-within).\ndrainSeconds: 60\n',
    );
  });

  it('pass their own schema, as do those that the check renders', () => {
    expect(faults(defaults())).toEqual([]);
    for (const name of ['smallest', 'everything', 'own-topology'])
      expect(faults(parse(readFileSync(join(top, `infra/helm/vimi/ci/${name}.yaml`), 'utf8')))).toEqual([]);
  });

  it.each([
    ['no time to finish', { drainSeconds: 0 }, '/drainSeconds minimum'],
    ['a key that nobody reads', { server: { replica: 2 } }, '/server additionalProperties'],
    [
      'scaling to nothing, where nobody would report what waits',
      { worker: { autoscaling: { minReplicas: 0 } } },
      '/worker/autoscaling/minReplicas minimum',
    ],
    ['a Secret with a name that none can have', { existingSecret: 'A B' }, '/existingSecret pattern'],
    [
      'a topology without topics',
      { topology: { pipelines: { a: { from: 'b', steps: ['admit'] } } } },
      '/topology required',
    ],
  ])('are refused: %s', (_, values, fault) => {
    expect(faults(values)).toContain(fault);
  });

  it('have the shipped topology, and its schema', () => {
    expect(parse(read('files/topology.yaml'))).toEqual(parse(shipped));
    expect(faults({ topology: parse(shipped) })).toEqual([]);
    const wrong = parse(shipped);
    wrong.pipelines.generate.steps[0] = { admit: { max_frames: 'many' } };
    expect(faults({ topology: wrong })).not.toEqual([]);
  });
});
