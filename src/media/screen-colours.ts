/*
 * Colours of a film as an ordinary screen shows them. Ordinary video is shown as it is coded; three kinds are not:
 *
 *   HDR         PQ (SMPTE ST 2084) and HLG (ARIB STD-B67) code light up to 10,000 or 1,000 cd/m2. White is at 203 cd/m2
 *               (ITU-R BT.2408); what is brighter is squeezed into the top tenth, its hue kept.
 *   linear      codes light itself, as renderers do; without a curve the middle of it would be far too dark.
 *   wide gamut  BT.2020 and P3 primaries; what BT.709 cannot show is clipped.
 *
 * Everything is done on decoded RGB of 16 bits, so that it does not depend on how ffmpeg was built. The coded value of a
 * screen is the 1/2.4th power of its light (BT.1886).
 */

export interface ColourTags {
  /** As ffprobe names them; undefined: not stated. */
  matrix?: string | undefined;
  transfer?: string | undefined;
  primaries?: string | undefined;
}

type Matrix = readonly [number, number, number, number, number, number, number, number, number];

/** Light of other primaries as light of BT.709's, both with D65 white. */
const toBt709: Record<string, Matrix> = {
  bt2020: [1.660491, -0.587641, -0.07285, -0.12455, 1.1329, -0.008349, -0.018151, -0.100579, 1.11873],
  smpte431: [1.22494, -0.22494, 0, -0.042057, 1.042057, 0, -0.019638, -0.078636, 1.098274],
  smpte432: [1.22494, -0.22494, 0, -0.042057, 1.042057, 0, -0.019638, -0.078636, 1.098274],
};
const same: Matrix = [1, 0, 0, 0, 1, 0, 0, 0, 1];
const whiteNits = 203;
/** Of light: up to here nothing is changed. */
const knee = 0.9;

function isHdr({ transfer }: ColourTags): boolean {
  return transfer === 'smpte2084' || transfer === 'arib-std-b67';
}

/** Whether colours as coded are not those that an ordinary screen shows. */
export function needsScreenColours(tags: ColourTags): boolean {
  return isHdr(tags) || tags.transfer === 'linear' || (tags.primaries ?? '') in toBt709;
}

/** Converts planes of 16 bits, G, B, R and perhaps A, to RGB or RGBA of 8. */
export function screenColours(tags: ColourTags, channels: 3 | 4): (planes: Uint16Array) => Uint8Array {
  const hdr = isHdr(tags);
  const light = lightOf(tags.transfer ?? '');
  const [rr, rg, rb, gr, gg, gb, br, bg, bb] = toBt709[tags.primaries ?? ''] ?? (hdr ? toBt709.bt2020! : same);
  return (planes) => {
    const pixels = planes.length / channels;
    const shown = new Uint8Array(planes.length);
    for (let i = 0, to = 0; i < pixels; i++, to += channels) {
      const g = light[planes[i]!]!;
      const b = light[planes[pixels + i]!]!;
      const r = light[planes[2 * pixels + i]!]!;
      let red = Math.max(0, rr * r + rg * g + rb * b);
      let green = Math.max(0, gr * r + gg * g + gb * b);
      let blue = Math.max(0, br * r + bg * g + bb * b);
      const most = Math.max(red, green, blue);
      if (hdr && most > knee) {
        const over = (most - knee) / (1 - knee);
        const squeeze = (knee + (1 - knee) * (over / (1 + over))) / most;
        red *= squeeze;
        green *= squeeze;
        blue *= squeeze;
      }
      shown[to] = codeOf[rootIndex(red)]!;
      shown[to + 1] = codeOf[rootIndex(green)]!;
      shown[to + 2] = codeOf[rootIndex(blue)]!;
      if (channels === 4) shown[to + 3] = planes[3 * pixels + i]! >> 8;
    }
    return shown;
  };
}

/** Tables over the square root of light, which is about as even to the eye as its code. */
function rootIndex(light: number): number {
  return Math.min(65535, Math.round(Math.sqrt(light) * 65535));
}

const codeOf = Uint8Array.from({ length: 65536 }, (_, i) => Math.round(255 * (i / 65535) ** (2 / 2.4)));

/** Light of each code; 1 is white. */
function lightOf(transfer: string): Float32Array {
  const known = { smpte2084: lightOfPq, 'arib-std-b67': lightOfHlg, linear: (code: number) => code };
  const of = known[transfer as keyof typeof known] ?? ((code: number) => code ** 2.4);
  return Float32Array.from({ length: 65536 }, (_, i) => of(i / 65535));
}

/** SMPTE ST 2084. */
function lightOfPq(code: number): number {
  const [m1, m2, c1, c2, c3] = [2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128];
  const power = code ** (1 / m2);
  return (10_000 / whiteNits) * (Math.max(0, power - c1) / (c2 - c3 * power)) ** (1 / m1);
}

/**
 * The inverse of BT.2100's OETF, then the OOTF of a screen of 1,000 cd/m2, gamma 1.2: of each channel, as zimg and with it
 * most converters do, not of the luma.
 */
function lightOfHlg(code: number): number {
  const [a, b, c] = [0.17883277, 0.28466892, 0.55991073];
  const scene = code <= 0.5 ? (code * code) / 3 : (Math.exp((code - c) / a) + b) / 12;
  return (1000 / whiteNits) * scene ** 1.2;
}
