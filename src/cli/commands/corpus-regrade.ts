import type { Workspace } from '../../app/workspace.js';
import type { ClipSettled } from '../../events/schemas.js';
import { type Bound, boundsOf, scoreBehind } from '../../operators/media/limits.js';
import { clipLine } from './clip-outcomes.js';
import { corpusRemove } from './corpus-remove.js';
import { Counts, limitsOf, unmeasuredLines, verdictOn, withLimits } from './corpus-thresholds.js';
import { withOutcomes } from './corpus-view.js';

export interface CorpusRegradeOptions {
  /** Limits in place of the topology's, `min_motion=0.03`. */
  limit?: string[];
  /** Shards that hold what goes are written anew without it. */
  rewriteShards?: boolean;
  /** Lists what would be done, and does nothing. */
  dryRun?: boolean;
  json?: boolean;
}

/** Whether a clip was dropped by a limit. */
function isOfLimit({ reason = '', scores }: ClipSettled): boolean {
  return reason === 'language' || scoreBehind(reason, Object.keys(scores)) !== undefined;
}

/**
 * Applies limits to the corpus as it is, from recorded scores alone: documents of clips that do not keep to them are removed
 * as `corpus remove` removes them, and later shards are without their samples. Clips that were dropped and keep to the
 * limits now are named, since their images are not in the corpus: their media have to come again.
 */
export async function corpusRegrade(
  workspace: Workspace,
  { limit = [], rewriteShards = false, dryRun = false, json = false }: CorpusRegradeOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const pipeline = workspace.pipelineFor('media.added');
  const corpus = await workspace.corpusIsCurrent();
  const going = new Map<string, Bound>();
  /** Those that have to come again. */
  const media = new Set<string>();
  let passes = 0;
  const { wanted, unmeasured } = await withOutcomes(workspace, pipeline, async (outcomes) => {
    const limits = withLimits(limitsOf(pipeline), limit, outcomes.measured);
    const bounds = boundsOf(limits);
    /** Of the clips that the corpus has. */
    const counts = new Counts(bounds);
    for (const clip of outcomes.clips()) {
      const failed = clip.outcome === 'delivered' ? counts.add(clip) : verdictOn(clip, bounds);
      if (clip.outcome === 'dropped' && isOfLimit(clip) && !failed) {
        passes++;
        media.add(clip.uri);
        const fact = { place: 'clip', passes: true, ...clip };
        out.write(json ? `${JSON.stringify(fact)}\n` : `${clipLine(clip)}: passes now\n`);
      }
      if (clip.outcome !== 'delivered' || !failed) continue;
      const { uri } = clip;
      const { keyframe } = clip.clip;
      // Of a document that two clips made, one is enough.
      const others = [...outcomes.clips(uri)].filter(
        (one) => one.outcome === 'delivered' && one.clip.keyframe === keyframe,
      );
      if (others.some((one) => verdictOn(one, bounds) === null)) continue;
      for (const { document } of await corpus.find({ uri, content: keyframe })) going.set(document, failed);
    }
    return { wanted: limits, unmeasured: counts.told().unmeasured };
  });

  if (going.size > 0) {
    const names = [...new Set(going.values())].map(({ name, value }) => `${name} ${value}`);
    await corpusRemove(
      workspace,
      [...going.keys()],
      { reason: `regrade: ${names.join(', ')}`, rewriteShards, dryRun, json },
      out,
    );
  }
  if (json) {
    out.write(
      `${JSON.stringify({ limits: wanted, removed: dryRun ? 0 : going.size, fails: going.size, unmeasured, passes, ingest_again: [...media] })}\n`,
    );
    return;
  }
  const unknown = unmeasuredLines({ unmeasured });
  if (going.size === 0)
    out.write(
      unknown.length > 0 ? 'no document is known to fail the limits\n' : 'every document keeps to the limits\n',
    );
  for (const line of unknown) out.write(`${line}\n`);
  if (passes > 0)
    out.write(
      `${passes} clips that were dropped pass now: set the limits in the topology, and ingest these ${media.size} media again\n`,
    );
}
