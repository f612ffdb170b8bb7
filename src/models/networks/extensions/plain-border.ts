/** The pixels at the edges of images or frames [count, height, width], corners twice. */
export function borderPixels(width: number, count = 1, height = width): number[] {
  const border: number[] = [];
  for (let t = 0; t < count; t++) {
    const from = t * height;
    for (let x = 0; x < width; x++) border.push(from * width + x, (from + height - 1) * width + x);
    for (let y = 0; y < height; y++) border.push((from + y) * width, (from + y) * width + width - 1);
  }
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
