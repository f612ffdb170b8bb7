import { VimiError } from '../core/errors.js';
import { type Box, boxesIn, headBytes } from './mp4-boxes.js';

/*
 * moov                         the index; ffmpeg's faststart puts it before mdat
 *   udta > meta > hdlr, ilst   the metadata, as every player reads it
 *     ilst > \xa9cmt > data     the comment
 *   trak > ... > stco          where the chunks lie, counted from the start of the file
 *
 * Written here and not by ffmpeg, because there a text comes as an argument (128 KiB at most) or as a file (of which the
 * builds of 2018 read 1,000 bytes a line).
 */

/**
 * The same MP4 with `text` as its metadata tag `comment`, of any length, and no other tag. It must have its index first,
 * as encodeVideo writes it: INTERNAL otherwise.
 */
export function withComment(mp4: Buffer, text: string): Buffer {
  const boxes = boxesIn(mp4, 0, mp4.length);
  const moov = boxes.find(({ type }) => type === 'moov');
  const mdat = boxes.find(({ type }) => type === 'mdat');
  if (!moov || !mdat || moov.start > mdat.start) throw unfit(boxes.map(({ type }) => type).join(', '));
  const kept = boxesIn(mp4, moov.start + headBytes, moov.end).filter(({ type }) => type !== 'udta');
  const index = box('moov', ...kept.map(({ start, end }) => mp4.subarray(start, end)), userData(text));
  shiftChunks(index, headBytes, index.length, index.length - (moov.end - moov.start));
  return Buffer.concat([mp4.subarray(0, moov.start), index, mp4.subarray(moov.end)]);
}

/** The comment of an MP4 as `withComment` writes it; null where there is none, or where this is no MP4. */
export function commentOf(mp4: Buffer): string | null {
  const path = ['moov', 'udta', 'meta', 'ilst', '\xa9cmt', 'data'];
  let [from, to] = [0, mp4.length];
  for (const type of path) {
    let found: Box | undefined;
    try {
      found = boxesIn(mp4, from, to).find((one) => one.type === type);
    } catch {
      // Its boxes do not fit into each other.
    }
    if (!found) return null;
    // `meta` has a version before its boxes; `data` a type and a language before its text.
    from = found.start + headBytes + ({ meta: 4, data: 8 }[type] ?? 0);
    to = found.end;
  }
  return mp4.toString('utf8', from, to);
}

/** Why `commentOf` found none, in words. */
export function whyNoComment(mp4: Buffer): string {
  if (mp4.toString('latin1', 4, 8) !== 'ftyp') return mp4.length === 0 ? 'an empty file' : 'a file that is no MP4';
  try {
    boxesIn(mp4, 0, mp4.length);
  } catch {
    return `an MP4 that is cut off after ${mp4.length} bytes`;
  }
  return 'an MP4 without a comment';
}

/** Moves every chunk offset, since the index before the chunks has changed its size. */
function shiftChunks(bytes: Buffer, from: number, to: number, by: number): void {
  for (const { type, start, end } of boxesIn(bytes, from, to)) {
    if (['trak', 'mdia', 'minf', 'stbl'].includes(type)) shiftChunks(bytes, start + headBytes, end, by);
    if (type === 'co64') throw unfit('64-bit chunk offsets');
    if (type !== 'stco') continue;
    const count = bytes.readUInt32BE(start + 12);
    for (let n = 0; n < count; n++) {
      const at = start + 16 + 4 * n;
      bytes.writeUInt32BE(bytes.readUInt32BE(at) + by, at);
    }
  }
}

function userData(text: string): Buffer {
  const textType = Buffer.from([0, 0, 0, 1, 0, 0, 0, 0]);
  const comment = box('\xa9cmt', box('data', textType, Buffer.from(text)));
  const handler = box('hdlr', Buffer.alloc(8), Buffer.from('mdirappl'), Buffer.alloc(9));
  return box('udta', box('meta', Buffer.alloc(4), handler, box('ilst', comment)));
}

function box(type: string, ...content: Buffer[]): Buffer {
  const header = Buffer.alloc(headBytes);
  header.write(type, 4, 'latin1');
  const whole = Buffer.concat([header, ...content]);
  whole.writeUInt32BE(whole.length, 0);
  return whole;
}

function unfit(found: string): VimiError {
  return new VimiError('INTERNAL', 'This MP4 cannot take a comment', {
    expected: 'moov before mdat, 32-bit offsets',
    found,
  });
}
