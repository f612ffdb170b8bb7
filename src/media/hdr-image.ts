import { VimiError } from '../core/errors.js';

/** Transfer characteristics (ITU-T H.273) that code light far above the white of an ordinary screen. */
const hdr: Record<number, string> = { 16: 'PQ', 18: 'HLG' };

/**
 * Refuses an image that says of itself that it is HDR, in an AVIF's colour box or a PNG's cICP chunk: the decoders of images
 * know nothing of it, and would show it grey and pale. MEDIA_UNSUPPORTED. `start`: the first bytes of the file.
 */
export function refuseHdr(start: Buffer, where: string): void {
  const transfer = hdr[transferOfAvif(start) ?? transferOfPng(start) ?? 0];
  if (transfer === undefined) return;
  throw new VimiError('MEDIA_UNSUPPORTED', 'This image cannot be decoded correctly', {
    expected: 'an image of standard range',
    found: `one of HDR (${transfer})`,
    where,
    remedy: 'Convert it to sRGB.',
  });
}

function transferOfAvif(start: Buffer): number | undefined {
  if (start.toString('latin1', 4, 8) !== 'ftyp') return undefined;
  // Primaries, transfer and matrix, of two bytes each.
  const at = start.indexOf('colrnclx') + 10;
  return at < 10 || at + 2 > start.length ? undefined : start.readUInt16BE(at);
}

function transferOfPng(start: Buffer): number | undefined {
  if (start.toString('latin1', 1, 4) !== 'PNG') return undefined;
  for (let at = 8; at + 12 <= start.length; at += 12 + start.readUInt32BE(at)) {
    const chunk = start.toString('latin1', at + 4, at + 8);
    if (chunk === 'cICP') return start[at + 9];
    if (chunk === 'IDAT') return undefined;
  }
  return undefined;
}
