/**
 * Where the subject of a clip is, if that can be told: with a plain ground (the borders of all frames are one colour), a
 * pixel that differs from it. Returns the covered share of each cell of cell x cell pixels, [T, cells * cells], or null
 * for clips with another ground: they get no layout loss.
 *
 * `frames` are RGB from -1 to 1, [T, side, side, 3].
 */
export function subjectMask(frames: Float32Array, T: number, side: number, cell: number): Float32Array | null {
  const ground = plainGround(frames, T, side);
  if (!ground) return null;
  const cells = side / cell;
  const mask = new Float32Array(T * cells * cells);
  for (let t = 0; t < T; t++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        const at = ((t * side + y) * side + x) * 3;
        const differs = [0, 1, 2].some((c) => Math.abs(frames[at + c]! - ground[c]!) > 0.3);
        if (differs) mask[(t * cells + Math.floor(y / cell)) * cells + Math.floor(x / cell)]! += 1 / cell ** 2;
      }
  return mask;
}

/** The median colour of the borders if three quarters of the border pixels are near it. */
function plainGround(frames: Float32Array, T: number, side: number): [number, number, number] | null {
  const border: number[] = [];
  for (let t = 0; t < T; t++)
    for (let i = 0; i < side; i++)
      for (const [y, x] of [
        [0, i],
        [side - 1, i],
        [i, 0],
        [i, side - 1],
      ] as const)
        border.push(((t * side + y) * side + x) * 3);
  const median = [0, 1, 2].map((c) => {
    const sorted = border.map((at) => frames[at + c]!).sort((a, b) => a - b);
    return sorted[sorted.length >> 1]!;
  }) as [number, number, number];
  const near = border.filter((at) => [0, 1, 2].every((c) => Math.abs(frames[at + c]! - median[c]!) < 0.15));
  return near.length >= 0.75 * border.length ? median : null;
}
