// @ts-nocheck: a plain script
/** The record in an MP4, as `vimi reproduce` finds it. */
import { recordIn } from '../../../dist/app/reproduce.js';
import { boxesIn } from '../../../dist/media/mp4-boxes.js';
import { commentOf, withComment } from '../../../dist/media/mp4-comment.js';
import { mutateJson } from '../mutate-json.mjs';

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
const hash = 'ab'.repeat(32);
const image = { key: 'images/fox.webp', size: 9, sha256: hash, media_type: 'image/webp' };
const record = {
  ...{ job: 'a', request: { source: '/shop', id: 'a' }, width: 64, height: 64, frames: 8, fps: 8, codec: 'h264' },
  prompt: { task: 'text-to-video', instruction: '', parts: [{ text: 'a fox' }, { image, role: 'reference' }] },
  context: [{ document: hash, caption: 'a fox', image, score: 0.5, ranks: { lexical: 1 } }],
  corpus: { documents: 1, digest: hash.slice(0, 32) },
  model: { name: 'nano', weights: hash, backend: 'wasm' },
  sampler: { name: 'heun', steps: 4, guidance: { text: 3, image: 1 }, seed: 7 },
};
const candidates = { steps: 2, encoder: 'hashed', scored: [{ seed: 7, score: 0.5 }], chosen: 7 };
const withMore = { ...record, candidates, retrieval: { pin: [hash], exclude: [] }, unknown_words: ['zyx'] };
const withServer = {
  ...record,
  model: { name: 'wan', backend: 'remote', server: { url: 'http://gpu', dialect: 'vimi' } },
};
export const valid = () => [
  ...[record, withMore, withServer].map((one) => withComment(mp4, JSON.stringify(one))),
  withComment(mp4, '{"job":"a"}'),
  mp4,
];

/** Another record in whole boxes, or other boxes whose sizes fit. */
export function change(bytes, _, random) {
  const comment = commentOf(bytes);
  if (comment !== null && random() < 0.5) {
    try {
      return withComment(bytes, JSON.stringify(mutateJson(JSON.parse(comment), random)));
    } catch {
      // What changed before is no JSON, or no MP4 that takes a comment.
    }
  }
  return otherBoxes(bytes, random);
}

/** Of these, the boxes begin so many bytes behind the header. */
const containers = { moov: 0, udta: 0, meta: 4, ilst: 0, '\xa9cmt': 0 };

function otherBoxes(bytes, random) {
  let boxes;
  try {
    boxes = boxesIn(bytes, 0, bytes.length);
  } catch {
    return bytes;
  }
  const parts = boxes.map(({ type, start, end }) => {
    const inner = containers[type];
    if (inner === undefined) return bytes.subarray(start, end);
    const from = start + 8 + inner;
    return box(type, bytes.subarray(start + 8, from), otherBoxes(bytes.subarray(from, end), random));
  });
  if (parts.length > 0 && random() < 0.1) {
    const n = Math.floor(random() * parts.length);
    const one = parts[n];
    const kind = Math.floor(random() * 4);
    if (kind === 0) parts.splice(n, 1);
    else if (kind === 1) parts.splice(Math.floor(random() * parts.length), 0, one);
    else if (kind === 2) parts[n] = box(one.toString('latin1', 4, 8), one.subarray(8, 8 + random() * one.length));
    else parts[n] = box('free', one.subarray(8));
  }
  return Buffer.concat(parts);
}

/** No comment in any MP4. */
export const isFirstCheck = ({ found }) => found === 'no comment';

export function run(bytes) {
  const text = commentOf(bytes);
  if (text !== null && Buffer.byteLength(text) > bytes.length * 3)
    throw new Error('a comment that is longer than its file');
  recordIn(bytes, 'fuzz.mp4');
}
