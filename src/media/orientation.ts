/**
 * How a film is to be turned so that it is upright, by the matrix of its container: any of the four quarter turns, mirrored
 * or not, as cameras leave them. Filters of ffmpeg, since older versions of it take a mirrored film for one that is turned.
 */
export interface Orientation {
  filters: string[];
  /** Its width is the height of what is coded. */
  swapsSides: boolean;
}

/** In place of a coded pixel (p, q) the pixel (a p + c q, b p + d q) is shown. */
const places = { a: 0, b: 1, c: 3, d: 4 };

/**
 * `matrix`: three rows of three numbers, as ffprobe prints them: `00000000: 65536 0 0`. What is turned by anything but
 * quarters is left at the nearest one.
 */
export function orientationOf(matrix = ''): Orientation {
  const numbers = [...matrix.matchAll(/^\s*\d+:(.*)$/gm)].flatMap(([, row = '']) =>
    row.trim().split(/\s+/).map(Number),
  );
  if (numbers.length !== 9) return { filters: [], swapsSides: false };
  const { a, b, c, d } = Object.fromEntries(Object.entries(places).map(([name, at]) => [name, numbers[at]!])) as Record<
    keyof typeof places,
    number
  >;
  if (Math.abs(b) + Math.abs(c) <= Math.abs(a) + Math.abs(d))
    return { filters: [...(a < 0 ? ['hflip'] : []), ...(d < 0 ? ['vflip'] : [])], swapsSides: false };
  const turn = c > 0 ? (b > 0 ? 'cclock_flip' : 'cclock') : b > 0 ? 'clock' : 'clock_flip';
  return { filters: [`transpose=${turn}`], swapsSides: true };
}
