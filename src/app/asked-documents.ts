import type { GenerationRequested } from '../events/schemas.js';
import { askedDocuments } from '../operators/grounding/retrieval/asked-documents.js';
import { type AllowedByStep, narrowed } from '../operators/grounding/retrieval/narrowed.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import type { Workspace } from './workspace.js';

/**
 * Refuses what the step retrieve of a pipeline would reject a request for, by the corpus as it is now: documents that cannot
 * be pinned or excluded. DOCUMENT_REFUSED.
 */
export async function checkAskedDocuments(
  { retrieval }: Pick<GenerationRequested, 'retrieval'>,
  { steps }: PipelineSpec,
  workspace: Workspace,
): Promise<void> {
  const { pin = [], exclude = [], filter } = retrieval || {};
  const step = steps.find(({ operator }) => operator.name === 'retrieve');
  if (!step || pin.length + exclude.length === 0) return;
  const [corpus, removals, objects] = await Promise.all([
    workspace.corpusIsCurrent(),
    workspace.removals(),
    workspace.objects(),
  ]);
  await removals.caughtUp();
  const allowed = narrowed(step.config as unknown as AllowedByStep, filter);
  await askedDocuments({ pin, exclude }, allowed, { corpus, removals, objects });
}
