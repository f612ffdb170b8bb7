import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
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
 * limits now are named, since their images are not in the corpus: their media have to come again. Of what is removed nothing
 * stays from which it could be made, so that has to come again too: the commands for both are printed.
 */
export async function corpusRegrade(
  workspace: Workspace,
  { limit = [], rewriteShards = false, dryRun = false, json = false }: CorpusRegradeOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const pipeline = workspace.pipelineFor('media.added');
  const corpus = await workspace.corpusIsCurrent();
  const going = new Map<string, Bound>();
  /** Of clips that pass, and of those that go. */
  const media = new Set<string>();
  const left = new Set<string>();
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
      for (const { document } of await corpus.find({ uri, content: keyframe })) {
        going.set(document, failed);
        left.add(uri);
      }
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
  const has = async (uri: string) => (await (await workspace.corpusIsCurrent()).find({ uri })).length > 0;
  const again = await mediaAgain(media, has);
  if (json) {
    const counts = { removed: dryRun ? 0 : going.size, fails: going.size, unmeasured, passes };
    out.write(
      `${JSON.stringify({ limits: wanted, ...counts, ingest_again: again.media, remove_first: again.kept })}\n`,
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
      `${counted(passes, 'clip')} that ${passes === 1 ? 'was' : 'were'} dropped would pass now. To have ${passes === 1 ? 'it' : 'them'}, set these limits in the topology, then\n${commandsOf(again)}`,
    );
  if (going.size > 0 && !dryRun)
    out.write(
      `To take the removal back, set limits in the topology that keep what went, then\n${commandsOf(await mediaAgain(left, has), [...going.keys()])}`,
    );
}

interface MediaAgain {
  media: string[];
  /** Those of which the corpus has something: they would be dropped as known. */
  kept: string[];
}

async function mediaAgain(media: ReadonlySet<string>, has: (uri: string) => Promise<boolean>): Promise<MediaAgain> {
  const kept: string[] = [];
  for (const uri of media) if (await has(uri)) kept.push(uri);
  return { media: [...media], kept };
}

/** Names that one line shows. */
const mostNames = 8;

/** What to type so that media come again, and documents that were removed with them. */
function commandsOf({ media, kept }: MediaAgain, removed: readonly string[] = []): string {
  const named = (names: readonly string[], option = '') => {
    const shown = names.slice(0, mostNames).map((name) => `${option}${inShell(name)}`);
    return `${shown.join(' ')}${names.length > mostNames ? ` (and ${names.length - mostNames} more)` : ''}`;
  };
  const lines = [
    ...(removed.length > 0 ? [`vimi corpus remove ${named(removed)} --lift`] : []),
    ...(kept.length > 0
      ? ['--rewrite-shards', '--lift'].map((last) => `vimi corpus remove ${named(kept, '--uri ')} ${last}`)
      : []),
    `vimi ingest ${named(media)}`,
  ];
  return lines.map((line) => `  ${line}\n`).join('');
}

function inShell(name: string): string {
  return /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
