import { VimiError } from '../core/errors.js';

/** A box of an MP4: its size, 4 bytes, the head included | its type, 4 characters | its content. */
export interface Box {
  type: string;
  start: number;
  end: number;
}

/** Before the content of a box. */
export const headBytes = 8;

/** What the head of a box says. undefined in place of a size: to the end of the file, or a 64-bit size follows, as only a last mdat of over 4 GiB needs it. */
export function headOf(bytes: Buffer, at: number): { type: string; size: number | undefined } {
  const size = bytes.readUInt32BE(at);
  return { type: bytes.toString('latin1', at + 4, at + headBytes), size: size < headBytes ? undefined : size };
}

/** The boxes from `from` to `to`. INTERNAL: one ends behind it. */
export function boxesIn(bytes: Buffer, from: number, to: number): Box[] {
  const boxes: Box[] = [];
  for (let start = from; start + headBytes <= to; ) {
    const { type, size } = headOf(bytes, start);
    const end = size === undefined ? to : start + size;
    if (end > to)
      throw new VimiError('INTERNAL', 'The boxes of this MP4 do not fit into each other', {
        expected: `the end of ${type} at ${to} at most`,
        found: String(end),
      });
    boxes.push({ type, start, end });
    start = end;
  }
  return boxes;
}
