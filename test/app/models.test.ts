import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { Workspace } from '../../src/app/workspace.js';
import { defineOperator } from '../../src/flow/define-operator.js';
import type { Operator } from '../../src/flow/operator.js';
import { denoise } from '../../src/operators/requests/denoise.js';
import type { PipelineSpec } from '../../src/streams/delivery/pipeline-spec.js';
import { testFolder } from '../media/make-media.js';
import { quietLog, thrownBy } from '../operators/run-operator.js';

const folder = await testFolder();
cpSync(join(import.meta.dirname, '../../topology.yaml'), join(folder, 'topology.yaml'));
const workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), log: quietLog });
afterAll(() => workspace.close());

/** A custom operator with a model of its own. */
const preview = defineOperator(
  {
    ...{ name: 'preview', summary: 'Shows a first look.', needs: [], adds: [] },
    config: z.strictObject({ look: z.string().default('fake') }),
    models: ({ look }) => [{ model: look }],
  },
  { process: () => ({}) },
);

function pipelineOf(...steps: [Operator, Record<string, unknown>][]): PipelineSpec {
  const named = steps.map(([operator, config], n) => ({
    ...{ name: `${operator.name}-${n + 1}`, operator, config: operator.config.parse(config) },
  }));
  return { ...workspace.pipeline('generate'), steps: named };
}

it('gives each step the model that its own configuration names', async () => {
  const models = await workspace.modelsOf(
    pipelineOf([preview, {}], [denoise, { model: 'nano' }], [denoise, { model: 'fake', steps: 3 }]),
  );
  const nameOf = async (model: string) => (await models.of({ model }).describe()).name;
  expect(await nameOf('fake')).toBe('fake');
  expect(await nameOf('nano')).toBe('nano');
  // The steps that choose alike share one.
  expect(models.all()).toHaveLength(2);
  const undeclared = await thrownBy(() => models.of({ model: 'nano', upsampler: 'nano-upsampler' }));
  expect(undeclared).toMatchObject({ code: 'INTERNAL', found: 'nano' });
});

it('starts no model for steps that name none, and says which model there is not', async () => {
  expect((await workspace.modelsOf(workspace.pipeline('corpus'))).all()).toEqual([]);
  const unknown = await thrownBy(() => workspace.modelsOf(pipelineOf([preview, { look: 'nanno' }])));
  expect(unknown).toMatchObject({ code: 'MODEL_UNKNOWN', message: expect.stringContaining("did you mean 'nano'") });
});
