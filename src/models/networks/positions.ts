export interface Wavelengths {
  longest: number;
  shortest: number;
}

/** Of numbers of any size, of frames counted from 0, and of places in a prompt. */
export const ranges = {
  number: { longest: 32, shortest: 0.5 },
  frame: { longest: 64, shortest: 2 },
  place: { longest: 256, shortest: 4 },
} as const satisfies Record<string, Wavelengths>;

/** The wavelengths of C channels, half as many: a geometric row. */
export function wavelengths(C: number, { longest, shortest }: Wavelengths): number[] {
  const half = C / 2;
  return Array.from({ length: half }, (_, f) => longest * (shortest / longest) ** (half === 1 ? 0 : f / (half - 1)));
}

/**
 * Sines and cosines of one number: [n] → [n, C], half of each, wavelengths from `longest` down in a geometric row to
 * `shortest`.
 */
export function waves(numbers: ArrayLike<number>, C: number, range: Wavelengths): Float32Array {
  const half = C / 2;
  const lengths = wavelengths(C, range);
  const out = new Float32Array(numbers.length * C);
  for (let i = 0; i < numbers.length; i++)
    for (let f = 0; f < half; f++) {
      const angle = (2 * Math.PI * numbers[i]!) / lengths[f]!;
      out[i * C + f] = Math.sin(angle);
      out[i * C + half + f] = Math.cos(angle);
    }
  return out;
}

/**
 * Where cells lie in an image: [rows * columns, C], half of the channels for x and half for y, of the cells' middles in a
 * frame that is 1 wide and 1 high. Video cells and image cells of any size share this frame, so "the same place" is
 * the same vector for both: learned positions would have to learn that first (not from the paper; the paper learns them).
 */
export function gridPositions(rows: number, columns: number, C: number): Float32Array {
  const middles = Float32Array.from({ length: rows * columns * 2 }, (_, i) => {
    const cell = i >> 1;
    return i % 2 === 0 ? ((cell % columns) + 0.5) / columns : (Math.floor(cell / columns) + 0.5) / rows;
  });
  return placePositions(middles, C);
}

/** Of places in a frame that is 1 wide and 1 high. */
export const placeRange = { longest: 2, shortest: 1 / 8 };

/** The same of places [n, 2], x and y in that frame: [n, C]. */
export function placePositions(places: Float32Array, C: number): Float32Array {
  const half = C / 2;
  const of = (axis: number) =>
    waves(
      places.filter((_, i) => i % 2 === axis),
      half,
      placeRange,
    );
  const [xs, ys] = [of(0), of(1)];
  const out = new Float32Array((places.length / 2) * C);
  for (let i = 0; i < places.length / 2; i++) {
    out.set(xs.subarray(i * half, (i + 1) * half), i * C);
    out.set(ys.subarray(i * half, (i + 1) * half), i * C + half);
  }
  return out;
}

/** When frames happen: [T, C], of their numbers counted from 0. */
export const timePositions = (frames: ArrayLike<number>, C: number) => waves(frames, C, ranges.frame);

/** A number of any size as channels for a network: [n] → [n, C]. */
export const numberFeatures = (numbers: ArrayLike<number>, C: number) => waves(numbers, C, ranges.number);
