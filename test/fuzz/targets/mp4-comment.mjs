// @ts-nocheck: a plain script
/** The record in an MP4, as `vimi reproduce` finds it. */
import { recordIn } from '../../../dist/app/reproduce.js';
import { commentOf, withComment } from '../../../dist/media/mp4-comment.js';

const box = (type, ...parts) => {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8, 0);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
};
const mp4 = Buffer.concat([
  box('ftyp', Buffer.from('isom\0\0\0\0')),
  box('moov', box('mvhd', Buffer.alloc(100))),
  box('mdat', Buffer.alloc(50)),
]);
export const valid = () => [mp4, withComment(mp4, '{"job":"a"}'), withComment(mp4, 'x'.repeat(2000))];

export function run(bytes) {
  const text = commentOf(bytes);
  if (text !== null && Buffer.byteLength(text) > bytes.length * 3)
    throw new Error('a comment that is longer than its file');
  recordIn(bytes, 'fuzz.mp4');
}
