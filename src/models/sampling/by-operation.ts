import * as tf from '@tensorflow/tfjs';
import { Readings } from '../encoders/known-readings.js';
import { asTensors } from '../networks/numbers.js';
import type { Condition } from '../networks/prompt-encoder.js';
import { roomFor, seenBy } from '../networks/prompt-input.js';
import { promptKey } from '../networks/prompt-key.js';
import type { LoadedModel } from '../weights/load-model.js';
import type { Branch } from './guidance.js';
import { frameNumbers, type GuidedNetwork, type GuidedVideo, laidOf, placesOf } from './guided-network.js';
import { modelKey } from './model-key.js';
import { type Pass, Rounds, type Seat } from './rounds.js';

/** On tfjs's current backend: the branches of a step are one batch, and so are videos of the same shape. */
export function byOperation(
  loaded: LoadedModel,
  video: GuidedVideo,
  { seat = new Rounds().seat(), readings = new Readings() }: { seat?: Seat; readings?: Readings } = {},
): GuidedNetwork {
  const { model, weights } = loaded;
  const { items, frames: T } = video;
  const words = roomFor(items);
  let branches: readonly Branch[] = [];
  let condition: Condition | undefined;
  let latents: tf.Tensor | undefined;
  /** What is told the branches of a step does not depend on the noise: it is read once, and when branches fall away. */
  const turnTo = (now: readonly Branch[]) => {
    if (condition && now.length === branches.length) return;
    const kept = now.map((branch) => branches.indexOf(branch));
    tf.dispose(condition ?? []);
    const seen = now.map((branch) => seenBy[branch](items));
    condition = readings.now({
      key: `batch ${modelKey(loaded)} ${words} ${seen.map(promptKey).join(' ')}`,
      read: () => tf.tidy(() => model.encode(weights, seen, { words })),
      bytesOf: (read) => tensorsOf(read).reduce((sum, { size }) => sum + 4 * size, 0),
      copies: { copy: copied, drop: (read) => tf.dispose(read) },
    });
    const before = latents;
    latents = before && tf.tidy(() => tf.gather(before, tf.tensor1d(kept, 'int32')));
    tf.dispose(before ?? []);
    branches = now;
  };
  const passOf = (rows: Rows): Pass<Rows, Seen> => ({
    key: [modelKey(loaded), T, rows.condition.tokens.shape[1], rows.condition.images?.meaning.shape[1] ?? 0].join(' '),
    input: rows,
    run: (all) => runRows(loaded, all),
  });
  return {
    async step(now, x, { sigma, places }) {
      turnTo(now);
      const [seen] = await seat.ask([passOf({ video, branches, x, sigma, condition: condition!, latents, places })]);
      tf.dispose(latents ?? []);
      latents = seen!.latents;
      const part = (values: Float32Array, b: number) => {
        const length = values.length / branches.length;
        return values.subarray(b * length, (b + 1) * length);
      };
      const all = branches.indexOf('all');
      const { placed, paint } = places && all >= 0 ? seen! : {};
      return {
        f: branches.map((_, b) => part(seen!.f, b)),
        ...laidOf(placed && part(placed, all), paint && part(paint, all), T),
      };
    },
    close() {
      tf.dispose([condition ?? [], latents ?? []]);
      seat.rest();
    },
  };
}

const tensorsOf = ({ tokens, bias, images }: Condition): tf.Tensor[] => [
  ...[tokens, bias],
  ...(images ? [images.pixels, images.meaning, images.present, ...(images.wanted ? [images.wanted] : [])] : []),
];

/** Its own tensors, of the same numbers. */
const copied = ({ tokens, bias, images }: Condition): Condition => ({
  ...{ tokens: tokens.clone(), bias: bias.clone() },
  ...(images && {
    images: {
      ...{ pixels: images.pixels.clone(), meaning: images.meaning.clone(), present: images.present.clone() },
      ...(images.wanted && { wanted: images.wanted.clone() }),
    },
  }),
});

/** Entries of a batch that belong to one video: one for each branch of its guidance. */
interface Rows {
  video: GuidedVideo;
  branches: readonly Branch[];
  /** [T, H, W, 3], the same for all of them. */
  x: Float32Array;
  sigma: number;
  condition: Condition;
  latents: tf.Tensor | undefined;
  /** Whether it asks where the images are laid. */
  places: boolean;
}

interface Seen {
  /** [rows, T, H, W, 3] */
  f: Float32Array;
  /** [rows, L, C] */
  latents: tf.Tensor;
  /** [rows, K, T, 5] */
  placed: Float32Array | undefined;
  /** [rows, K, 4, 3] */
  paint: Float32Array | undefined;
}

async function runRows({ model, weights }: LoadedModel, all: readonly Rows[]): Promise<Seen[]> {
  const [{ frames: T, width: W, height: H }] = all.map(({ video }) => video) as [GuidedVideo];
  const B = all.reduce((sum, { branches }) => sum + branches.length, 0);
  const each = <V>(of: (rows: Rows, branch: Branch) => V): V[] =>
    all.flatMap((one) => one.branches.map((branch) => of(one, branch)));
  const [f, placed, paint, ...latents] = tf.tidy(() => {
    const low = lowOf(all, each);
    const result = model.fit.network(weights, {
      x: tf.tensor(repeated(each(({ x }) => x)), [B, T, H, W, 3]),
      told: asTensors(
        model.fit.told({
          ...{
            sigma: each(({ sigma }) => sigma),
            frames: each(() => frameNumbers(T)),
            fps: each(({ video }) => video.fps),
          },
          low: low && { level: each(({ video }) => video.low!.level) },
        }),
      ),
      condition: joined(all.map(({ condition }) => condition)),
      ...latentsOf(all, model.preset),
      low,
    });
    const carry =
      all.length === 1
        ? [result.latents]
        : tf.split(
            result.latents,
            all.map(({ branches }) => branches.length),
          );
    const isAsked = all.some(({ places }) => places);
    const [placed, paint] = isAsked ? [result.placed.at(-1)?.pose, result.paint] : [];
    return [result.f, placed, paint, ...carry] as [
      tf.Tensor,
      tf.Tensor | undefined,
      tf.Tensor | undefined,
      ...tf.Tensor[],
    ];
  });
  let seen: ArrayLike<number>;
  let laid: (ArrayLike<number> | undefined)[];
  try {
    [seen, ...laid] = await Promise.all([f.data(), placed?.data(), paint?.data()]);
  } catch (thrown) {
    tf.dispose(latents);
    throw thrown;
  } finally {
    tf.dispose([f, placed ?? [], paint ?? []]);
  }
  let at = 0;
  return all.map(({ branches }, n) => {
    const rows = branches.length;
    const part = (values: ArrayLike<number>) =>
      (values as Float32Array).subarray((at * values.length) / B, ((at + rows) * values.length) / B);
    const [placed, paint] = laid.map((values) => values && part(values));
    const one = { f: part(seen), latents: latents[n]!, placed, paint };
    at += rows;
    return one;
  });
}

/** The latents of the step before; those of a first step are none, which counts where others have some. */
function latentsOf(all: readonly Rows[], { latents: L, width: C }: { latents: number; width: number }) {
  if (all.every(({ latents }) => !latents)) return {};
  const latents = concat(all.map(({ latents, branches }) => latents ?? tf.zeros([branches.length, L, C])));
  if (all.every(({ latents: one }) => one)) return { latents };
  const carried = all.flatMap((one) => Array<number>(one.branches.length).fill(one.latents ? 1 : 0));
  return { latents, carried: tf.tensor(carried, [carried.length, 1, 1]) };
}

function lowOf(all: readonly Rows[], each: <V>(of: (rows: Rows, branch: Branch) => V) => V[]) {
  const [{ video }] = all as [Rows];
  if (!video.low) return undefined;
  const { frames: T, width: W, height: H } = video;
  const x = repeated(each((one) => one.video.low!.x));
  const places = each(({ video, condition }, branch) =>
    placesOf(video, seenBy[branch](video.items), condition.images?.meaning.shape[1] ?? 0),
  );
  const given = (name: 'pose' | 'known') => {
    const { shape } = places[0]![name];
    return tf.tensor(repeated(places.map((one) => one![name].values)), [places.length, ...shape.slice(1)]);
  };
  return {
    x: tf.tensor(x, [places.length, T, H, W, 3]),
    ...{ level: [] as number[] },
    ...(places[0] && { places: { pose: given('pose'), known: given('known') } }),
  };
}

function joined(all: readonly Condition[]): Condition {
  if (all.length === 1) return all[0]!;
  const images = all.flatMap((one) => (one.images ? [one.images] : []));
  return {
    tokens: concat(all.map(({ tokens }) => tokens)),
    bias: concat(all.map(({ bias }) => bias)),
    ...(images.length > 0 && {
      images: {
        pixels: concat(images.map(({ pixels }) => pixels)),
        meaning: concat(images.map(({ meaning }) => meaning)),
        present: concat(images.map(({ present }) => present)),
        ...(images[0]!.wanted && { wanted: concat(images.map(({ wanted }) => wanted!)) }),
      },
    }),
  };
}

const concat = (tensors: readonly tf.Tensor[]) => (tensors.length === 1 ? tensors[0]! : tf.concat([...tensors]));

function repeated(all: readonly Float32Array[]): Float32Array {
  const length = all[0]!.length;
  const out = new Float32Array(all.length * length);
  for (const [n, one] of all.entries()) out.set(one, n * length);
  return out;
}
