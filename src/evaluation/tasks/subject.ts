import { readFile } from 'node:fs/promises';
import type { GenerationRequested } from '../../events/schemas.js';
import { decodePicture } from '../../media/pictures.js';
import { shrink } from '../../models/embedding/area.js';
import type { RgbImage, RgbVideo } from '../../models/ports.js';
import { groundColour, plain } from '../metrics/ground.js';
import { measured } from '../metrics/interval.js';
import { rankOf } from '../metrics/look.js';
import { lasting, pictureLikeness } from '../metrics/picture-ground.js';
import { WORLD, type WorldFrame, worldFrames } from '../metrics/world-frames.js';
import type { ActorVerdict, Oracle } from '../oracle.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { readClip, type Still, type World, type WorldClip } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

export interface SubjectSetting extends Setting {
  worlds: NamedWorld[];
  oracle: Oracle;
}

/** What a prompt's images are of. */
const kinds = ['one subject', 'two subjects', 'a background image'] as const;
type Kind = (typeof kinds)[number];

interface Row {
  set: string;
  kind: Kind;
  how: string;
  clip: number;
  caption: string;
  actors: ActorVerdict[];
  /** Every subject first among 100 in its own half, motions right too for the second. */
  allLooks: number;
  allMotions: number;
  groundRight: number;
  /** All of it. */
  everything: number;
}

const SHOWN = 12;
const PICTURES = 8;
/** Part of an emoji's side that is cut off when the world uses it as a ground: its rounded corners. */
const CORNER = 5 / 64;

/**
 * Subject-driven generation: the nouns of the caption are replaced by their pictures, in place; one subject, two, and one
 * in front of a picture. Are they all there, each in its place, moving as asked, on the right ground?
 */
export async function evaluateSubject(setting: SubjectSetting): Promise<Report> {
  const { worlds, serving, model, n, seed, signal } = setting;
  const format = formatOf(model);
  const settings = setting.steps.flatMap((steps) => setting.guidance.map((guidance) => ({ steps, guidance })));
  const chosen = worlds.flatMap(({ name, world }) =>
    kinds.flatMap((kind) => {
      const clips = world.clips.flatMap((clip) =>
        kindOf(clip) === kind ? [{ ...clip, motion: clip.actors.map(({ motion }) => motion).join(' ') }] : [],
      );
      return chooseClips(clips, n, seed).map((clip, index) => ({ set: name, world, kind, clip, index }));
    }),
  );
  const grounds = new Map<World, Promise<Map<string, WorldFrame>>>();
  const groundsOf = (world: World) => {
    const there = grounds.get(world) ?? readGrounds(world);
    grounds.set(world, there);
    return there;
  };
  const total = chosen.length * settings.length;
  let done = 0;
  const results = await eachOf(chosen, setting.atOnce, async ({ set, world, kind, clip, index }) => {
    const truth = await readClip(clip, format, signal);
    const pictures = await groundsOf(world);
    const about = { set, kind, clip: clip.number, caption: clip.caption };
    const rows: Row[] = [{ ...about, how: 'true clips', ...(await judge(setting.oracle, truth, clip, pictures)) }];
    const pages: { name: string; label: string; images: RgbImage[] }[] = [];
    const { prompt, images } = await promptOf(clip, world);
    for (const { steps, guidance } of settings) {
      const { frames } = await serving.ask(
        {
          prompt,
          task: 'subject-driven',
          seed: (seed + index) >>> 0,
          steps: steps ?? model.defaults.steps,
          guidance: guidance ?? model.defaults.guidance,
          ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
        },
        { context: [], signal },
      );
      const { sampler, video } = frames;
      const how = `${sampler.steps} steps, guidance ${sampler.guidance.image}`;
      const row = { ...about, how, ...(await judge(setting.oracle, video, clip, pictures)) };
      rows.push(row);
      setting.onProgress(++done, total, `${set}, ${kind}`);
      if (index < SHOWN)
        pages.push({
          name: `${set}-${kind.replaceAll(' ', '-')}${settings.length > 1 ? `-${how.replaceAll(/[ ,]+/g, '-')}` : ''}`,
          label: `${clip.caption} (look ${row.actors.map(({ lookRank }) => lookRank).join(' and ')})`,
          images: [...images, ...someFrames(video, PICTURES), ...someFrames(truth, PICTURES)],
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
    title: 'Subject-driven generation: pictures in the place of nouns',
    notes: [
      'Two subjects: each is looked for in its own half, the other being among its 100 candidates. A background image is right when what stays in the video is most like it among all pictures of the world; a plain ground when its colour is.',
    ],
    tables: [
      {
        title: 'What the videos show',
        columns: [
          ...['set', 'images', 'how', 'n', 'look rank-1, each', 'look rank-5, each', 'motion, each'],
          ...['all looks right, in their places', 'all motions', 'ground', 'everything'],
        ],
        rows: keys.map((key): Cell[] => {
          const [set, kind, how] = JSON.parse(key) as [string, string, string];
          const group = rows.filter((row) => row.set === set && row.kind === kind && row.how === how);
          const actors = group.flatMap((row) => row.actors);
          const share = (values: number[]): Cell => ({ share: measured(values) });
          return [
            ...[set, kind, how, group.length],
            share(actors.map(({ lookRank }) => Number(lookRank === 1))),
            share(actors.map(({ lookRank }) => Number(lookRank <= 5))),
            share(actors.map(({ motionRight }) => motionRight)),
            share(group.map(({ allLooks }) => allLooks)),
            share(group.map(({ allMotions }) => allMotions)),
            share(group.map(({ groundRight }) => groundRight)),
            share(group.map(({ everything }) => everything)),
          ];
        }),
      },
    ],
    records: rows.map((row) => ({ ...row })),
    sheets: [...sheets.values()],
  };
}

function kindOf({ actors, background }: WorldClip): Kind | null {
  if ('picture' in background) return actors.length === 1 ? 'a background image' : null;
  return actors.length === 1 ? 'one subject' : actors.length === 2 ? 'two subjects' : null;
}

/** "a fox": the article stays, as in the paper's "A <image> is playing in <image>". */
const article = /^(?:an?|the) /;

/** The caption with its nouns replaced by their pictures, in reading order. */
export async function promptOf(
  { caption, actors, background }: Pick<WorldClip, 'caption' | 'actors' | 'background'>,
  { stills }: World,
): Promise<{ prompt: Exclude<GenerationRequested['prompt'], string>; images: RgbImage[] }> {
  const nouns = actors.map(({ subject, phrase }) => ({
    phrase,
    still: stills.get(subject)!,
    role: 'subject' as const,
  }));
  const picture = 'picture' in background ? stillNamed(background.picture, stills) : undefined;
  const all = [
    ...nouns,
    ...(picture ? [{ phrase: picture.caption, still: picture, role: 'background' as const }] : []),
  ];
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
    images.push(await decodePicture(bytes, still.file));
    if (at >= 0) rest = rest.slice(at + noun.length);
  }
  if (rest.trim() !== '') prompt.push({ text: rest.trim() });
  return { prompt, images };
}

async function judge(
  oracle: Oracle,
  video: RgbVideo,
  clip: WorldClip,
  pictures: ReadonlyMap<string, WorldFrame>,
): Promise<Pick<Row, 'actors' | 'allLooks' | 'allMotions' | 'groundRight' | 'everything'>> {
  const frames = worldFrames(video);
  const { background } = clip;
  const rgb = groundColour(frames);
  const ground = 'picture' in background ? (pictures.get(background.picture) ?? lasting(frames)) : plain(rgb);
  const actors: ActorVerdict[] = [];
  for (const actor of clip.actors)
    actors.push(
      await oracle.judgeActor(frames, ground, actor, {
        number: clip.number,
        rivals: clip.actors.flatMap(({ subject }) => (subject === actor.subject ? [] : [subject])),
      }),
    );
  const groundRight = Number(
    'picture' in background
      ? isMostLike(frames, background.picture, pictures)
      : oracle.colourOf(rgb) === background.colour,
  );
  const allLooks = Number(actors.every(({ lookRank }) => lookRank === 1));
  const allMotions = Number(actors.every(({ motionRight }) => motionRight === 1));
  return { actors, allLooks, allMotions, groundRight, everything: allLooks * allMotions * groundRight };
}

function isMostLike(frames: readonly WorldFrame[], name: string, pictures: ReadonlyMap<string, WorldFrame>): boolean {
  const stays = lasting(frames);
  const names = [...pictures.keys()];
  const likely = names.map((other) => pictureLikeness(stays, pictures.get(other)!));
  return rankOf(names.indexOf(name), likely, 'high') === 1;
}

/** The pictures that clips of the world have for grounds, and all others that are no subjects, as the world shows them. */
async function readGrounds({ clips, stills }: World): Promise<Map<string, WorldFrame>> {
  const named = new Set(clips.flatMap(({ background }) => ('picture' in background ? [background.picture] : [])));
  for (const { source, caption } of stills.values()) if (source.startsWith('ground:')) named.add(caption);
  const grounds = new Map<string, WorldFrame>();
  for (const name of named) {
    const still = stillNamed(name, stills);
    if (!still) continue;
    const picture = await decodePicture(await readFile(still.file), still.file);
    const inside = still.source.startsWith('noto:') ? cropped(picture) : picture;
    grounds.set(
      name,
      Float32Array.from(shrink(inside, WORLD), (v) => v * 255),
    );
  }
  return grounds;
}

function stillNamed(caption: string, stills: ReadonlyMap<string, Still>): Still | undefined {
  return [...stills.values()].find((still) => still.caption === caption);
}

function cropped({ width, data }: RgbImage): RgbImage {
  const edge = Math.round(CORNER * width);
  const side = width - 2 * edge;
  const out = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    const from = ((row + edge) * width + edge) * 3;
    out.set(data.subarray(from, from + side * 3), row * side * 3);
  }
  return { width: side, height: side, data: out };
}
