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
