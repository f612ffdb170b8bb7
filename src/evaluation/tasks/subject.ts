import { readFile } from 'node:fs/promises';
import type { GenerationRequested } from '../../events/schemas.js';
import { decodeImage } from '../../media/images.js';
import { shrink } from '../../models/encoders/built-in/area.js';
import type { RgbImage, RgbVideo } from '../../models/ports.js';
import type { ReferenceMaker } from '../documents.js';
import { rankOf } from '../metrics/appearance.js';
import { backgroundColour, plain } from '../metrics/background.js';
import { imageLikeness, lasting } from '../metrics/background-image.js';
import { measured } from '../metrics/interval.js';
import { type WorldFrame, worldFrames, worldSide } from '../metrics/world-frames.js';
import type { ActorVerdict, Oracle } from '../oracle.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { isArt, readClip, type Still, type World, type WorldClip } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

export interface SubjectSetting extends Setting {
  worlds: NamedWorld[];
  oracle: Oracle;
  /** Where the images are not given: the caption is asked in words, and this makes the document that retrieval should find of a still. */
  documentOf?: ReferenceMaker['documentOf'];
}

/** What a prompt's images are of. Exchanged: the first subject's image in the place of the second's noun, and the other way round. */
const kinds = [
  'one subject',
  'two subjects',
  'two subjects, exchanged',
  'a background image',
  'two subjects, a background image',
] as const;
type Kind = (typeof kinds)[number];

interface Row {
  set: string;
  kind: Kind;
  how: string;
  clip: number;
  caption: string;
  actors: ActorVerdict[];
  /** Every subject first among 100 in its own half, motions right too for the second. */
  allAppearances: number;
  allMotions: number;
  backgroundRight: number;
  /** All of it. */
  everything: number;
  /** Whether retrieval found the document of every image; NaN where the images are given. */
  found: number;
}

const rowsShown = 12;
const framesShown = 8;
/** Part of an emoji's side that is cut off when the world uses it as a background: its rounded corners. */
const corner = 5 / 64;

/**
 * Subject-driven generation: the nouns of the caption are replaced by their images, in place; one subject, two, and each
 * in front of an image. Are they all there, each in its place, moving as asked, on the right background? With documents, the same
 * of the caption in words, whose images retrieval has to find.
 */
export async function evaluateSubject(setting: SubjectSetting): Promise<Report> {
  const { worlds, serving, model, n, seed, signal, documentOf } = setting;
  const format = formatOf(model);
  const settings = setting.steps.flatMap((steps) => setting.guidance.map((guidance) => ({ steps, guidance })));
  const chosen = worlds.flatMap(({ name, world }) =>
    kinds.flatMap((kind) => {
      const isExchanged = kind === 'two subjects, exchanged';
      if (isExchanged && documentOf) return []; // Words would bring the right images back.
      const clips = world.clips.flatMap((clip) =>
        kindOf(clip) === (isExchanged ? 'two subjects' : kind)
          ? [{ ...(isExchanged ? exchanged(clip) : clip), motion: clip.actors.map(({ motion }) => motion).join(' ') }]
          : [],
      );
      return chooseClips(clips, n, seed).map((clip, index) => ({ set: name, world, kind, clip, index }));
    }),
  );
  const backgrounds = new Map<World, Promise<Map<string, WorldFrame>>>();
  const backgroundsOf = (world: World) => {
    const there = backgrounds.get(world) ?? readBackgrounds(world);
    backgrounds.set(world, there);
    return there;
  };
  const total = chosen.length * settings.length;
  let done = 0;
  const results = await eachOf(chosen, setting.atOnce, async ({ set, world, kind, clip, index }) => {
    const truth = await readClip(clip, format, signal);
    const backgrounds = await backgroundsOf(world);
    const about = { set, kind, clip: clip.number, caption: clip.caption };
    const rows: Row[] = [];
    // Nobody made clips of exchanged subjects.
    if (kind !== 'two subjects, exchanged')
      rows.push({
        ...{ ...about, how: 'true clips', found: Number.NaN },
        ...(await judge(setting.oracle, truth, clip, backgrounds)),
      });
    const pages: { name: string; label: string; images: RgbImage[] }[] = [];
    const { prompt, images, codes } = await promptOf(clip, world);
    const wanted = documentOf && (await Promise.all(codes.map(async (code) => (await documentOf(code)).document.id)));
    for (const { steps, guidance } of settings) {
      const { frames, context } = await serving.serve(
        {
          ...(wanted ? { prompt: clip.caption } : { prompt, task: 'subject-driven' as const }),
          seed: (seed + index) >>> 0,
          steps: steps ?? model.defaults.steps,
          guidance: guidance ?? model.defaults.guidance,
          ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
        },
        { context: wanted ? undefined : [], signal },
      );
      const { sampler, video } = frames;
      const how = `${sampler.steps} steps, guidance ${sampler.guidance.image}`;
      const retrieved = context.entries.map(({ document }) => document);
      const found = wanted ? Number(wanted.every((id) => retrieved.includes(id))) : Number.NaN;
      const row = { ...about, how, found, ...(await judge(setting.oracle, video, clip, backgrounds)) };
      rows.push(row);
      setting.onProgress(++done, total, `${set}, ${kind}`);
      if (index < rowsShown)
        pages.push({
          name: `${set}-${kind.replaceAll(/[ ,]+/g, '-')}${settings.length > 1 ? `-${how.replaceAll(/[ ,]+/g, '-')}` : ''}`,
          label: `${clip.caption} (appearance ${row.actors.map(({ appearanceRank }) => appearanceRank).join(' and ')})`,
          images: [...images, ...someFrames(video, framesShown), ...someFrames(truth, framesShown)],
        });
    }
    return { rows, pages };
  });

  const sheets = new Map<string, Sheet>();
  for (const { name, label, images } of results.flatMap(({ pages }) => pages)) {
    const sheet = sheets.get(name) ?? { name, rows: [] };
    sheets.set(name, sheet);
    sheet.rows.push({ label, images });
  }
  const rows = results.flatMap((result) => result.rows);
  const keys = [...new Set(rows.map(({ set, kind, how }) => JSON.stringify([set, kind, how])))].sort();
  return {
    title: documentOf
      ? 'Subjects and backgrounds that retrieval finds'
      : 'Subject-driven generation: images in the place of nouns',
    notes: [
      'Two subjects: each is looked for in its own half, the other being among its 100 candidates; mistaken: it looks most like the other. Exchanged: the same noise and words, each image in the place of the other; right is who follows the images. A background image is right when what stays in the video is most like it among all images of the world; a plain background when its colour is.',
    ],
    tables: [
      {
        title: 'What the videos show',
        columns: [
          ...['set', 'images', 'how', 'n', 'appearance rank-1, each', 'appearance rank-5, each', 'mistaken, each'],
          ...['motion, each', 'all appearances right, in their places', 'all motions'],
          ...['background', 'everything', ...(documentOf ? ['all documents found'] : [])],
        ],
        rows: keys.map((key): Cell[] => {
          const [set, kind, how] = JSON.parse(key) as [string, string, string];
          const group = rows.filter((row) => row.set === set && row.kind === kind && row.how === how);
          const actors = group.flatMap((row) => row.actors);
          const share = (values: number[]): Cell => ({ share: measured(values) });
          return [
            ...[set, kind, how, group.length],
            share(actors.map(({ appearanceRank }) => Number(appearanceRank === 1))),
            share(actors.map(({ appearanceRank }) => Number(appearanceRank <= 5))),
            share(actors.map(({ mistaken }) => mistaken)),
            share(actors.map(({ motionRight }) => motionRight)),
            share(group.map(({ allAppearances }) => allAppearances)),
            share(group.map(({ allMotions }) => allMotions)),
            share(group.map(({ backgroundRight }) => backgroundRight)),
            share(group.map(({ everything }) => everything)),
            ...(documentOf ? [how === 'true clips' ? '' : share(group.map(({ found }) => found))] : []),
          ];
        }),
      },
    ],
    records: rows.map((row) => ({ ...row })),
    sheets: [...sheets.values()],
  };
}

/** The clip as it would be with each image in the place of the other: names, motions and places stay. */
function exchanged(clip: WorldClip): WorldClip {
  const subjects = clip.actors.map(({ subject }) => subject).reverse();
  return { ...clip, actors: clip.actors.map((actor, i) => ({ ...actor, subject: subjects[i]! })) };
}

function kindOf({ actors, background }: WorldClip): Kind | null {
  const isImage = 'image' in background;
  if (actors.length === 1) return isImage ? 'a background image' : 'one subject';
  if (actors.length === 2) return isImage ? 'two subjects, a background image' : 'two subjects';
  return null;
}

/** "a fox": the article stays, as in the paper's "A <image> is playing in <image>". */
const article = /^(?:an?|the) /;

/** The caption with its nouns replaced by their images, in reading order, and what the world calls these. */
export async function promptOf(
  { caption, actors, background }: Pick<WorldClip, 'caption' | 'actors' | 'background'>,
  { stills }: World,
): Promise<{ prompt: Exclude<GenerationRequested['prompt'], string>; images: RgbImage[]; codes: string[] }> {
  const nouns = actors.map(({ subject, phrase }) => ({
    phrase,
    still: stills.get(subject)!,
    role: 'subject' as const,
  }));
  const image = 'image' in background ? stillNamed(background.image, stills) : undefined;
  const all = [...nouns, ...(image ? [{ phrase: image.caption, still: image, role: 'background' as const }] : [])];
  const prompt: Exclude<GenerationRequested['prompt'], string> = [];
  const images: RgbImage[] = [];
  let rest = caption;
  for (const { phrase, still, role } of all) {
    const noun = phrase.replace(article, '');
    const at = rest.indexOf(noun);
    const bytes = await readFile(still.file);
    const before = rest.slice(0, Math.max(0, at)).trim();
    if (before !== '') prompt.push({ text: before });
    prompt.push({ image: { base64: bytes.toString('base64') }, role });
    images.push(await decodeImage(bytes, still.file));
    if (at >= 0) rest = rest.slice(at + noun.length);
  }
  if (rest.trim() !== '') prompt.push({ text: rest.trim() });
  return { prompt, images, codes: all.map(({ still }) => still.code) };
}

async function judge(
  oracle: Oracle,
  video: RgbVideo,
  clip: WorldClip,
  images: ReadonlyMap<string, WorldFrame>,
): Promise<Pick<Row, 'actors' | 'allAppearances' | 'allMotions' | 'backgroundRight' | 'everything'>> {
  const frames = worldFrames(video);
  const { background } = clip;
  const rgb = backgroundColour(frames);
  const behind = 'image' in background ? (images.get(background.image) ?? lasting(frames)) : plain(rgb);
  const actors: ActorVerdict[] = [];
  for (const actor of clip.actors)
    actors.push(
      await oracle.judgeActor(frames, behind, actor, {
        number: clip.number,
        rivals: clip.actors.flatMap(({ subject }) => (subject === actor.subject ? [] : [subject])),
      }),
    );
  const backgroundRight = Number(
    'image' in background ? isMostLike(frames, background.image, images) : oracle.colourOf(rgb) === background.colour,
  );
  const allAppearances = Number(actors.every(({ appearanceRank }) => appearanceRank === 1));
  const allMotions = Number(actors.every(({ motionRight }) => motionRight === 1));
  return {
    actors,
    allAppearances,
    allMotions,
    backgroundRight,
    everything: allAppearances * allMotions * backgroundRight,
  };
}

function isMostLike(frames: readonly WorldFrame[], name: string, images: ReadonlyMap<string, WorldFrame>): boolean {
  const stays = lasting(frames);
  const names = [...images.keys()];
  const likely = names.map((other) => imageLikeness(stays, images.get(other)!));
  return rankOf(names.indexOf(name), likely, 'high') === 1;
}

/** The images that clips of the world have for backgrounds, and all others that are no subjects, as the world shows them. */
async function readBackgrounds({ clips, stills }: World): Promise<Map<string, WorldFrame>> {
  const named = new Set(clips.flatMap(({ background }) => ('image' in background ? [background.image] : [])));
  for (const { source, caption } of stills.values()) if (source.startsWith('ground:')) named.add(caption);
  const backgrounds = new Map<string, WorldFrame>();
  for (const name of named) {
    const still = stillNamed(name, stills);
    if (!still) continue;
    const image = await decodeImage(await readFile(still.file), still.file);
    const inside = isArt(still) ? cropped(image) : image;
    backgrounds.set(
      name,
      Float32Array.from(shrink(inside, worldSide), (v) => v * 255),
    );
  }
  return backgrounds;
}

function stillNamed(caption: string, stills: ReadonlyMap<string, Still>): Still | undefined {
  return [...stills.values()].find((still) => still.caption === caption);
}

function cropped({ width, data }: RgbImage): RgbImage {
  const edge = Math.round(corner * width);
  const side = width - 2 * edge;
  const out = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    const from = ((row + edge) * width + edge) * 3;
    out.set(data.subarray(from, from + side * 3), row * side * 3);
  }
  return { width: side, height: side, data: out };
}
