import { Spread } from '../../app/outcomes/spread.js';
import type { Workspace } from '../../app/workspace.js';
import type { ClipSettled } from '../../events/schemas.js';
import { type Limit, limits } from '../../operators/media/limits.js';
import type { Corpus } from '../../stores/corpus/corpus.js';
import { withCorpusView } from './corpus-view.js';

export interface ScoreSpread {
  least: number;
  quarter: number;
  middle: number;
  three_quarters: number;
  most: number;
}

/** Counts documents, media, clips and samples, and how the scores are spread. */
export async function corpusStats(
  workspace: Workspace,
  { json = false }: { json?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  const told = await withCorpusView(workspace, async ({ outcomes, shards }) => {
    const [stills, clips] = [new Tally(), new Tally()];
    const seconds = { kept: 0, all: 0 };
    const spreads = new Map<string, Spread>();
    for (const one of outcomes.clips()) {
      const { kind, duration } = one.clip;
      (kind === 'still' ? stills : clips).add(whatBecameOf(one));
      if (kind === 'clip') {
        seconds.all += duration;
        if (one.outcome === 'delivered') seconds.kept += duration;
      }
      for (const [name, value] of Object.entries(one.scores)) {
        if (kind === 'still' && ofClipsAlone.has(name)) continue;
        const spread = spreads.get(name) ?? new Spread();
        spreads.set(name, spread);
        spread.add(value);
      }
    }
    return {
      documents: await countDocuments(await workspace.corpusIsCurrent()),
      media: new Tally(outcomes.mediaCounts()).told(),
      ...{ stills: stills.told(), clips: clips.told(), seconds },
      shards: shards.length,
      samples: shards.reduce((sum, { samples }) => sum + samples, 0),
      scores: Object.fromEntries([...spreads].map(([name, spread]) => [name, spreadOf(spread)])),
    };
  });
  if (json) {
    out.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const { all, retrievable, motions } = told.documents;
  const asClips = motions > 0 ? `, ${motions} as motion examples` : '';
  out.write(`documents  ${all}, ${retrievable} of them retrievable${asClips}\n`);
  out.write(`media      ${countsText(told.media)}\n`);
  out.write(`stills     ${countsText(told.stills)}\n`);
  out.write(`clips      ${countsText(told.clips)}\n`);
  out.write(`time       ${told.seconds.kept.toFixed(1)} s kept of ${told.seconds.all.toFixed(1)} s\n`);
  out.write(`samples    ${told.samples} in ${told.shards} ${told.shards === 1 ? 'shard' : 'shards'}\n`);
  out.write(`licences   ${countsText(told.documents.by_licence, 10)}\n`);
  const { by_source, without_source } = told.documents;
  const sources = { ...by_source, ...(without_source > 0 && { 'not named': without_source }) };
  out.write(`sources    ${countsText(sources, 10)}\n`);
  const rows = Object.entries(told.scores).map(([name, spread]) => [
    name,
    ...Object.values(spread).map((value) => String(Number(value.toPrecision(3)))),
  ]);
  if (rows.length === 0) return;
  const table = [['score', 'least', '25 %', 'middle', '75 %', 'most'], ...rows];
  const widest = Math.max(...table.map(([name]) => name!.length));
  const lines = table.map(([name, ...numbers]) => [name!.padEnd(widest), ...numbers.map((one) => one.padStart(9))]);
  out.write(`\n${lines.map((cells) => cells.join(' ')).join('\n')}\n`);
}

/** `delivered`, the reason of a drop, or the code of a reject. */
export function whatBecameOf({ outcome, reason, error }: ClipSettled): string {
  return outcome === 'delivered' ? outcome : (reason ?? error?.code ?? outcome);
}

/** How often each name came; the most first. */
export class Tally {
  readonly #counts: Map<string, number>;

  constructor(counts = new Map<string, number>()) {
    this.#counts = counts;
  }

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  told(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
  }
}

/** Documents read at once. */
const page = 1000;

async function countDocuments(corpus: Corpus) {
  const [licences, sources] = [new Tally(), new Tally()];
  let [all, retrievable, motions, unnamed] = [0, 0, 0, 0];
  for (let after = ''; ; ) {
    const found = await corpus.find({}, { after, most: page });
    for (const document of found) {
      all++;
      if (document.retrievable) retrievable++;
      if (document.clip) motions++;
      licences.add(document.licence);
      // Media without a source have their address there.
      if (document.source === document.uri) unnamed++;
      else sources.add(document.source);
    }
    const last = found.at(-1)?.document;
    // An engine that knows no pages gives all of them at once.
    if (last === undefined || found.length !== page || last <= after)
      return {
        ...{ all, retrievable, motions },
        ...{ by_licence: licences.told(), by_source: sources.told(), without_source: unnamed },
      };
    after = last;
  }
}

/** A still has no length and does not move. */
const ofClipsAlone: ReadonlySet<string> = new Set(
  Object.values<Limit>(limits).flatMap(({ onlyClips, score }) => (onlyClips ? [score] : [])),
);

function spreadOf(spread: Spread): ScoreSpread {
  const at = (share: number) => spread.at(share)!;
  return { least: at(0), quarter: at(0.25), middle: at(0.5), three_quarters: at(0.75), most: at(1) };
}

/** `delivered 812, too-still 31`: the most first, and how many names there are more. */
function countsText(counts: Readonly<Record<string, number>>, most = Number.POSITIVE_INFINITY): string {
  const all = Object.entries(counts);
  if (all.length === 0) return 'none';
  const shown = all.slice(0, most).map(([name, times]) => `${name} ${times}`);
  return [...shown, ...(all.length > most ? [`and ${all.length - most} more`] : [])].join(', ');
}
