import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs';
import { edge, lookGradientKernel, lookKernel, seen } from '../networks/extensions/look.js';
import type { WasmBackend } from './wasm-batch-matmul.js';

/** Looking at places in images (networks/look.ts) for the wasm backend, whose gather and narrow slices are slow. */
export function registerLook(): void {
  if (tf.getKernel(lookKernel, 'wasm')) return;
  const register = (kernelName: string, kernelFunc: unknown) =>
    tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: kernelFunc as KernelFunc });
  register(lookKernel, look);
  register(lookGradientKernel, lookGradient);
}

interface KernelArguments {
  inputs: Record<'full' | 'half' | 'x' | 'y' | 'dy', TensorInfo>;
  backend: WasmBackend;
}

function look({ inputs: { full, half, x, y }, backend }: KernelArguments): TensorInfo {
  const out = backend.makeOutput([...x.shape, seen], 'float32');
  const to = backend.typedArrayFromHeap(out);
  for (const [level, images] of [full, half].entries()) {
    const { pixels, row, at, right, down } = found(images, x, y, backend);
    for (let i = 0; i < at.length; i++) {
      const [fx, fy] = [right[i]!, down[i]!];
      for (let c = 0; c < 4; c++) {
        const a = at[i]! + c;
        const left = pixels[a]! + (pixels[a + row]! - pixels[a]!) * fy;
        to[i * seen + level * 4 + c] =
          left + (pixels[a + 4]! + (pixels[a + row + 4]! - pixels[a + 4]!) * fy - left) * fx;
      }
    }
  }
  return out;
}

function lookGradient({ inputs: { full, half, x, y, dy }, backend }: KernelArguments): TensorInfo[] {
  const out = [x, y].map((t) => backend.makeOutput(t.shape, 'float32'));
  const [toX, toY] = out.map((t) => backend.typedArrayFromHeap(t).fill(0)) as [Float32Array, Float32Array];
  const pull = backend.typedArrayFromHeap(dy);
  for (const [level, images] of [full, half].entries()) {
    const { pixels, row, at, right, down, speedX, speedY } = found(images, x, y, backend);
    for (let i = 0; i < at.length; i++) {
      const [fx, fy] = [right[i]!, down[i]!];
      let [alongX, alongY] = [0, 0];
      for (let c = 0; c < 4; c++) {
        const a = at[i]! + c;
        const [fallLeft, fallRight] = [pixels[a + row]! - pixels[a]!, pixels[a + row + 4]! - pixels[a + 4]!];
        const by = pull[i * seen + level * 4 + c]!;
        alongX += by * (pixels[a + 4]! - pixels[a]! + (fallRight - fallLeft) * fy);
        alongY += by * (fallLeft + (fallRight - fallLeft) * fx);
      }
      toX[i]! += alongX * speedX[i]!;
      toY[i]! += alongY * speedY[i]!;
    }
  }
  return out;
}

/**
 * Images with a border, and of each place the number before its pixel above left in them, the parts of the way to the
 * pixels right and below, and how fast it moves through pixels: not at all beyond the border, or within `edge` of it.
 */
function found(images: TensorInfo, x: TensorInfo, y: TensorInfo, backend: WasmBackend) {
  const [M, side] = images.shape as [number, number];
  const wide = side + 3;
  const pixels = bordered(backend.typedArrayFromHeap(images), M, side);
  const [xs, ys] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(y)];
  const last = side + 1;
  const still = last - edge;
  const places = xs.length / M;
  const at = new Int32Array(xs.length);
  const [right, down, speedX, speedY] = [0, 0, 0, 0].map(() => new Float32Array(xs.length)) as Four;
  for (let i = 0; i < xs.length; i++) {
    const [freeX, freeY] = [xs[i]! * side + 0.5, ys[i]! * side + 0.5];
    const heldX = Math.min(Math.max(freeX, 0), last);
    const heldY = Math.min(Math.max(freeY, 0), last);
    const [column, line] = [Math.floor(heldX), Math.floor(heldY)];
    at[i] = ((Math.floor(i / places) * wide + line) * wide + column) * 4;
    right[i] = heldX - column;
    down[i] = heldY - line;
    speedX[i] = freeX === heldX && freeX < still ? side : 0;
    speedY[i] = freeY === heldY && freeY < still ? side : 0;
  }
  return { pixels, row: wide * 4, at, right, down, speedX, speedY };
}

type Four = [Float32Array, Float32Array, Float32Array, Float32Array];

/** [M, side, side, 4] → [M, side + 3, side + 3, 4]: one line of white and 0 before, two after. */
function bordered(images: Float32Array, M: number, side: number): Float32Array {
  const wide = side + 3;
  const out = new Float32Array(M * wide * wide * 4);
  for (let i = 0; i < out.length; i++) out[i] = i % 4 < 3 ? 1 : 0;
  for (let m = 0; m < M; m++)
    for (let line = 0; line < side; line++) {
      const from = (m * side + line) * side * 4;
      out.set(images.subarray(from, from + side * 4), ((m * wide + line + 1) * wide + 1) * 4);
    }
  return out;
}
