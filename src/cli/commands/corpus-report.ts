import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Spread } from '../../app/outcomes/spread.js';
import type { Workspace } from '../../app/workspace.js';
import type { ClipSettled } from '../../events/schemas.js';
import { histogram } from '../../media/drawing/histogram.js';
import { thumbnail } from '../../media/drawing/thumbnail.js';
import { boundsOf, concerns, keepsTo } from '../../operators/media/limits.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import { figure, page, row, section, table } from '../report-page.js';
import { Tally, whatBecameOf } from './corpus-stats.js';
import { Counts, clipOf, limitsOf, type PossibleBound, possibleBounds } from './corpus-thresholds.js';
import { withOutcomes } from './corpus-view.js';

export interface CorpusReportOptions {
  out: string;
  /** Images at each side of a limit. */
  images: number;
  json?: boolean;
}

const colours = { kept: '#0969da', dropped: '#d4722a', otherwise: '#c4c9cf' };
/** Where most of these scores are small, and a few are not. */
const logFrom: Readonly<Record<string, number>> = { motion: 0.001, sharpness: 0.00001 };
const side = 112;

/**
 * Writes one HTML page that needs nothing else: how the scores of all clips are spread, what each limit keeps and drops, and
 * images of the clips nearest to each limit on both sides. Of a limit that is not set, those that would go first.
 */
export async function corpusReport(
  workspace: Workspace,
  { out: file, images, json = false }: CorpusReportOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const pipeline = workspace.pipelineFor('media.added');
  const wanted = limitsOf(pipeline);
  const thumbnails = new Thumbnails(await workspace.objects());
  const [counts, outcomes] = [new Counts(boundsOf(wanted)), new Tally()];
  let clips = 0;
  const { media, scores } = await withOutcomes(workspace, pipeline, async (table) => {
    const byScore = new Map<string, PossibleBound[]>();
    for (const bound of possibleBounds(wanted, table.measured))
      byScore.set(bound.score, [...(byScore.get(bound.score) ?? []), bound]);
    const scores = [...byScore].map(([score, limits]) => new ScoreReport(score, limits, images));
    for (const clip of table.clips()) {
      clips++;
      const isKept = counts.add(clip) === null;
      outcomes.add(whatBecameOf(clip));
      for (const score of scores) score.add(clip, isKept);
    }
    return { media: [...table.mediaCounts().values()].reduce((sum, times) => sum + times, 0), scores };
  });
  const { kept, dropped } = counts.told();
  const rows = (before: string, times: Readonly<Record<string, number>>) =>
    Object.entries(times).map(([name, count]): [string, string] => [`${before}: ${name}`, `${count}`]);
  const body = [
    table(
      ['', 'number'],
      [
        ['media', `${media}`],
        ['clips and stills', `${clips}`],
        ['kept by the limits', `${kept}`],
        ...rows('dropped', dropped),
        ...rows('came to', outcomes.told()),
      ],
    ),
  ];
  for (const score of scores) body.push(await score.section(thumbnails));
  const html = page(`Corpus of ${basename(workspace.topology.file)}`, body.join(''), colours);
  await writeFile(file, html);
  if (json)
    out.write(
      `${JSON.stringify({ file, bytes: Buffer.byteLength(html), clips, images: thumbnails.shown, images_missing: thumbnails.missing })}\n`,
    );
  else
    out.write(
      `${file}: ${clips} clips and stills, ${thumbnails.shown} images${thumbnails.missing > 0 ? `, ${thumbnails.missing} that are no longer in the object store` : ''}\n`,
    );
}

/** How one score is spread, and the clips on both sides of its limits. */
class ScoreReport {
  readonly #score: string;
  readonly #groups = { kept: new Spread(), dropped: new Spread(), otherwise: new Spread() };
  readonly #sides: readonly { limit: PossibleBound; kept: Nearest; dropped: Nearest }[];

  constructor(score: string, limits: readonly PossibleBound[], images: number) {
    this.#score = score;
    this.#sides = limits.map((limit) => {
      const isMin = limit.bound === 'min';
      return { limit, kept: new Nearest(images, isMin), dropped: new Nearest(images, !isMin) };
    });
  }

  add(clip: ClipSettled, isKept: boolean): void {
    const judged = clipOf(clip);
    const value = clip.scores[this.#score];
    const asking = this.#sides.filter(({ limit }) => concerns(limit, judged));
    if (value === undefined || asking.length === 0) return;
    const isInside = this.#sides.every(({ limit }) => keepsTo(limit, judged));
    this.#groups[isKept ? 'kept' : isInside ? 'otherwise' : 'dropped'].add(value);
    for (const { limit, kept, dropped } of asking) (keepsTo(limit, judged) ? kept : dropped).add(value, clip);
  }

  /** Empty where no clip has the score. */
  async section(thumbnails: Thumbnails): Promise<string> {
    const { kept, dropped, otherwise } = this.#groups;
    if (kept.count + dropped.count + otherwise.count === 0) return '';
    const parts = [this.#histogram()];
    for (const side of this.#sides) parts.push(...(await this.#bothSides(side, thumbnails)));
    return section(this.#score, parts.join(''));
  }

  #histogram(): string {
    const { kept, dropped, otherwise } = this.#groups;
    return histogram({
      title: `${this.#score}: ${kept.count} kept, ${dropped.count} outside its limits, ${otherwise.count} dropped for another reason`,
      groups: (['kept', 'dropped', 'otherwise'] as const).map((name) => ({
        colour: colours[name],
        values: this.#groups[name].entries(),
      })),
      ...(this.#score in logFrom && { logFrom: logFrom[this.#score]! }),
      marks: this.#sides.flatMap(({ limit: { isSet, name, value } }) =>
        isSet ? [{ x: value, text: `${name} ${value}` }] : [],
      ),
    });
  }

  async #bothSides(
    { limit: { name, value, isSet }, kept, dropped }: { limit: PossibleBound; kept: Nearest; dropped: Nearest },
    thumbnails: Thumbnails,
  ): Promise<string[]> {
    const shown = async (title: string, { clips }: Nearest) =>
      row(title, await Promise.all(clips.map((clip) => thumbnails.of(clip, this.#score))));
    if (!isSet) return [await shown(`${name} is not set; these would go first`, kept)];
    return [
      await shown(`${name} ${value} drops ${dropped.count}; nearest to the limit:`, dropped),
      await shown(`and keeps ${kept.count}; nearest to the limit:`, kept),
    ];
  }
}

/** Of the clips that it is given, those with the smallest scores (or the largest), the first of equal ones. */
class Nearest {
  readonly #most: number;
  readonly #sign: number;
  readonly #found: { value: number; clip: ClipSettled }[] = [];
  count = 0;

  constructor(most: number, smallest: boolean) {
    this.#most = most;
    this.#sign = smallest ? 1 : -1;
  }

  add(score: number, clip: ClipSettled): void {
    this.count++;
    const value = this.#sign * score;
    const found = this.#found;
    if (found.length === this.#most && (this.#most === 0 || value >= found.at(-1)!.value)) return;
    let at = found.length;
    while (at > 0 && found[at - 1]!.value > value) at--;
    found.splice(at, 0, { value, clip });
    found.length = Math.min(found.length, this.#most);
  }

  get clips(): ClipSettled[] {
    return this.#found.map(({ clip }) => clip);
  }
}

/** Images of clips, each made once. */
class Thumbnails {
  readonly #made = new Map<string, Promise<string | null>>();
  readonly #objects: ObjectStore;
  shown = 0;
  missing = 0;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  async of({ uri, part, clip, scores, outcome, reason }: ClipSettled, score: string): Promise<string> {
    let making = this.#made.get(clip.keyframe);
    if (!making) {
      making = this.#make(clip.keyframe);
      this.#made.set(clip.keyframe, making);
    }
    const image = await making;
    if (image) this.shown++;
    else this.missing++;
    return figure({
      image,
      alt: `${uri}#${part || '0'} at ${clip.start} s`,
      words: [String(Number(scores[score]!.toPrecision(3))), reason ?? outcome, basename(uri)],
    });
  }

  async #make(keyframe: string): Promise<string | null> {
    const key = `images/${keyframe}.webp`;
    if (!(await this.#objects.stat(key))) return null;
    const small = await thumbnail(await this.#objects.get(key), side);
    return small && `data:image/webp;base64,${small.toString('base64')}`;
  }
}
