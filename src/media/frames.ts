/** How two RGB frames of one size differ: means over all pixels, 0 to 1. `colour` over the three channels, `grey` in luma. */
export function frameDifference(a: Uint8Array, b: Uint8Array): { colour: number; grey: number } {
  let colour = 0;
  let grey = 0;
  for (let i = 0; i < a.length; i += 3) {
    const red = a[i]! - b[i]!;
    const green = a[i + 1]! - b[i + 1]!;
    const blue = a[i + 2]! - b[i + 2]!;
    colour += Math.abs(red) + Math.abs(green) + Math.abs(blue);
    // BT.601 luma in integers: sums of integers do not depend on their order.
    grey += Math.abs(299 * red + 587 * green + 114 * blue);
  }
  return { colour: colour / (255 * a.length), grey: grey / (255 * 1000 * (a.length / 3)) };
}

/**
 * How likely a new scene begins here, 0 to 1, on the scale of ffmpeg's `scene` value: a hundredth of the mean byte
 * difference, but only what is sudden of it: a pan differs as much from frame to frame, a cut does so once. Slow
 * fades are not found.
 */
export function sceneScore(difference: number, previousDifference: number): number {
  const sudden = Math.min(difference, Math.abs(difference - previousDifference));
  return Math.min(1, (sudden * 255) / 100);
}

/** How much there is to see in an RGB frame: the standard deviation of its grey, 0 to 0.5. */
export function contrast(frame: Uint8Array): number {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < frame.length; i += 3) {
    const grey = 299 * frame[i]! + 587 * frame[i + 1]! + 114 * frame[i + 2]!;
    sum += grey;
    squares += grey * grey;
  }
  const mean = sum / (frame.length / 3);
  return Math.sqrt(Math.max(0, squares / (frame.length / 3) - mean * mean)) / 255_000;
}

/** RGBA bytes as RGB, transparent pixels laid on white. */
export function layOnWhite(rgba: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const alpha = rgba[from + 3]!;
    for (let c = 0; c < 3; c++) rgb[to + c] = Math.round((rgba[from + c]! * alpha + 255 * (255 - alpha)) / 255);
  }
  return rgb;
}

/** A size whose longer side is at most `longest`, same shape; never larger than it was. */
export function fitWithin(width: number, height: number, longest: number): { width: number; height: number } {
  const scale = Math.min(1, longest / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** Frames a second as ffmpeg wants it: an exact fraction for whole and NTSC rates, else to a thousandth. */
export function rateText(fps: number): string {
  if (Number.isInteger(fps)) return `${fps}`;
  const ntsc = Math.round((fps * 1001) / 1000);
  if (Math.abs((ntsc * 1000) / 1001 - fps) < 1e-3) return `${ntsc * 1000}/1001`;
  return `${Math.round(fps * 1000)}/1000`;
}

/** The number that `rateText` says. */
export function rateOf(fps: number): number {
  const [over, under = 1] = rateText(fps).split('/').map(Number) as [number, number?];
  return over / under;
}
