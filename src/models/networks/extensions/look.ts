import * as tf from '@tensorflow/tfjs';
import { withGradient } from '../layers.js';

/**
 * What is seen at places in images: pixels, between them their mixture, at full and at half resolution; white and 0 beyond
 * an image.
 *
 *   M images   N views, N/M of each image in a row   n places a view
 *
 * x and y [N, n], in images that are 1 wide and 1 high → [N, n, 8]
 */
export type Look = (x: tf.Tensor, y: tf.Tensor) => tf.Tensor;

/** Of each pixel: four channels, at full and at half resolution. */
export const seen = 8;

/** Kernels that a backend may bring for it, where taking it operation by operation is slow. */
export const lookKernel = 'LookAtImages';
export const lookGradientKernel = 'LookAtImagesGradient';

/**
 * So close to the white beyond, in pixels, what is seen counts as white in gradients. Many places lie just on that line, and
 * the last bit of a number is not to decide between the slope of an image's edge and none.
 */
export const edge = 1e-3;

/** Images [..., side, side, 4], M of them in all. They are only read: no gradient goes to them. */
export function lookAt(given: tf.Tensor): Look {
  const side = given.shape.at(-2)!;
  const images = given.reshape([-1, side, side, 4]);
  const M = images.shape[0]!;
  const half = images
    .reshape([(M * side) / 2, 2, side / 2, 8])
    .mean(1)
    .reshape([M, side / 2, side / 2, 2, 4])
    .mean(3);
  return (tf.getKernel(lookKernel, tf.getBackend()) ? lookByKernel : lookByTable)(images, half);
}

function lookByKernel(full: tf.Tensor, half: tf.Tensor): Look {
  const run = (kernel: string, given: tf.NamedTensorMap) => tf.engine().runKernel(kernel, given);
  return withGradient((x, y) => ({
    value: run(lookKernel, { full, half, x: x!, y: y! }) as tf.Tensor,
    saved: [full, half, x!, y!],
    gradient: (dy, [full, half, x, y]) =>
      run(lookGradientKernel, { full: full!, half: half!, x: x!, y: y!, dy }) as tf.Tensor[],
  }));
}

/** One gather for both resolutions, from a table of pixels with their neighbours. */
function lookByTable(full: tf.Tensor, half: tf.Tensor): Look {
  const M = full.shape[0]!;
  const table = tf.concat([neighbourhoods(full), neighbourhoods(half)]) as tf.Tensor2D;
  const sides = [full.shape[1]!, half.shape[1]!];
  const of = (f: (side: number) => number) => tf.tensor1d(sides.map(f));
  const [size, last, width] = [of((side) => side), of((side) => side + 1), of((side) => side + 2)];
  const firstRows = [0, M * (sides[0]! + 2) ** 2];
  return withGradient((x, y) => {
    const [N, n] = x!.shape as [number, number];
    // In bordered pixels, [N, n, 2]: the one before, the part of the way to the next, and how fast the place moves.
    const [column, row] = [x!, y!].map((at) => {
      const free = at.reshape([N, n, 1]).mul(size).add(0.5);
      const held = tf.minimum(free.relu(), last);
      const before = held.floor();
      const moves = free.equal(held).logicalAnd(free.less(last.sub(edge)));
      return { before, part: held.sub(before).reshape([-1, 1]), speed: moves.cast('float32').mul(size) };
    }) as [Along, Along];
    const starts = Float32Array.from({ length: 2 * N }, (_, i) => {
      const image = Math.floor(((i >> 1) * M) / N);
      return firstRows[i & 1]! + image * (sides[i & 1]! + 2) ** 2;
    });
    const index = row.before
      .mul(width)
      .add(column.before)
      .add(tf.tensor(starts, [N, 1, 2]));
    const four = tf.gather(table, index.cast('int32').reshape([-1]) as tf.Tensor1D); // [N * n * 2, 16]
    const [above, below] = halves(four);
    const fall = below.sub(above);
    const [left, right] = halves(above.add(fall.mul(row.part)));
    const across = right.sub(left);
    const [fallLeft, fallRight] = halves(fall);
    const down = fallLeft.add(fallRight.sub(fallLeft).mul(column.part));
    const gradient = (dy: tf.Tensor, [across, columnSpeed, down, rowSpeed]: tf.Tensor[]) => {
      const pull = dy.reshape([-1, 4]);
      const along = (change: tf.Tensor, speed: tf.Tensor) =>
        pull.mul(change).sum(1).reshape([N, n, 2]).mul(speed).sum(2);
      return [along(across!, columnSpeed!), along(down!, rowSpeed!)];
    };
    const value = left.add(across.mul(column.part)).reshape([N, n, seen]);
    return { value, saved: [across, column.speed, down, row.speed], gradient };
  });
}

type Along = Record<'before' | 'part' | 'speed', tf.Tensor>;

const halves = (x: tf.Tensor) => tf.split(x, 2, 1) as [tf.Tensor, tf.Tensor];

/**
 * For each pixel of images [M, n, n, 4] and of a border around them: itself and the ones to the right, below and below right;
 * beyond the image white and 0. [M * (n + 2) * (n + 2), 16]
 */
function neighbourhoods(images: tf.Tensor): tf.Tensor {
  const [M, n] = images.shape as [number, number];
  const white = tf.tensor1d([1, 1, 1, 0]);
  // The last row and column of neighbours are never mixed in.
  const bordered = tf.pad(images.sub(white), [
    [0, 0],
    [1, 2],
    [1, 2],
    [0, 0],
  ]);
  const corner = (y: number, x: number) => bordered.slice([0, y, x, 0], [M, n + 2, n + 2, 4]);
  return tf
    .concat([corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)], 3)
    .add(tf.tile(white, [4]))
    .reshape([-1, 16]);
}
