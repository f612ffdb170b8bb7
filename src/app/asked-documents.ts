import type { GenerationRequested } from '../events/schemas.js';
import { type AskedLimits, askedDocuments } from '../operators/grounding/retrieval/asked-documents.js';
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
  const { pin = [], exclude = [] } = retrieval || {};
  const step = steps.find(({ operator }) => operator.name === 'retrieve');
  if (!step || pin.length + exclude.length === 0) return;
  const [corpus, removals, objects] = await Promise.all([
    workspace.corpusIsCurrent(),
    workspace.removals(),
    workspace.objects(),
  ]);
  await removals.caughtUp();
  await askedDocuments({ pin, exclude }, step.config as unknown as AskedLimits, { corpus, removals, objects });
}
