import { randomUUID } from 'node:crypto';
import { VimiError } from '../core/errors.js';
import type { GenerationRequested } from '../events/schemas.js';
import type { Has } from '../flow/flow.js';
import { checkRequest, type RequestLimits } from '../operators/requests/check-request.js';
import { type MediaBounds, queryOf } from '../operators/requests/query-of.js';
import { type PipelineSpec, stepOf } from '../streams/delivery/pipeline-spec.js';
import { checkAskedDocuments } from './asked-documents.js';
import { InProcessSteps } from './in-process-steps.js';
import type { Workspace } from './workspace.js';

/** What a request would be grounded in, and what the model would read. */
export type Grounded = Has<'query' | 'context'> & Partial<Has<'prompt'>>;

export interface Grounding {
  /** As the pipeline would ground it; nothing is drawn and nothing is published. Throws what its steps reject it for. */
  ground(request: GenerationRequested, signal: AbortSignal): Promise<Grounded>;
  close(): Promise<void>;
}

/**
 * The steps of a pipeline between the one that admits requests and the one that draws, in this process: the same operators
 * with the same settings, and no model. USAGE for a pipeline without them.
 */
export async function openGrounding(workspace: Workspace, pipeline: PipelineSpec): Promise<Grounding> {
  const { steps } = pipeline;
  const admitted = steps.findIndex(({ operator }) => operator.name === 'admit');
  const drawn = steps.findIndex(({ operator }) => operator.adds.includes('frames'));
  const grounding = { ...pipeline, steps: steps.slice(admitted + 1, drawn) };
  if (admitted < 0 || drawn < 0 || !grounding.steps.some(({ operator }) => operator.adds.includes('context')))
    throw new VimiError('USAGE', `Pipeline '${pipeline.name}' has no steps that ground a request before it is drawn`);
  const settings = steps[admitted]!.config as unknown as RequestLimits & MediaBounds;
  const resources = await workspace.resources(grounding);
  const running = new InProcessSteps(
    grounding.steps.map((step) => stepOf(step, { ...resources, announce: async () => {} })),
    resources,
  );
  return {
    async ground(request, signal) {
      const around = { ...resources, signal };
      const checked = checkRequest(request, settings);
      await checkAskedDocuments(request, pipeline, workspace);
      const query = await queryOf(request, checked, settings, around);
      return (await running.feed({ id: randomUUID(), request, flow: { request, query }, signal })) as Grounded;
    },
    close: () => running.close(),
  };
}
