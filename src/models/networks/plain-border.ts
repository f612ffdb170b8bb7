/** The pixels at the edges of pictures or frames [count, side, side], corners twice. */
export function borderPixels(side: number, count = 1): number[] {
  const border: number[] = [];
  for (let t = 0; t < count; t++)
    for (let n = 0; n < side; n++)
      for (const [y, x] of [
        [0, n],
        [side - 1, n],
        [n, 0],
        [n, side - 1],
      ] as const)
        border.push((t * side + y) * side + x);
  return border;
}

/** Whether no channel of pixel i is `tolerance` or more away from a colour. */
export const isNear = (pixels: ArrayLike<number>, i: number, colour: readonly number[], tolerance: number) =>
  colour.every((value, c) => Math.abs(pixels[3 * i + c]! - value) < tolerance);

/** The median colour of a border if three quarters of its pixels are near it, else null. */
export function plainColour(
  pixels: ArrayLike<number>,
  border: readonly number[],
  tolerance: number,
): [number, number, number] | null {
  const median = [0, 1, 2].map((c) => {
    const sorted = border.map((i) => pixels[3 * i + c]!).sort((a, b) => a - b);
    return sorted[sorted.length >> 1]!;
  }) as [number, number, number];
  const near = border.filter((i) => isNear(pixels, i, median, tolerance));
  return near.length >= 0.75 * border.length ? median : null;
}
