// @ts-nocheck: a plain script
/** Record batches as a broker answers with them. Half of the checksums are made to fit, else nothing behind them would be read. */
import { gzipSync } from 'node:zlib';
import { crc32c } from '../../../dist/streams/transports/kafka/protocol/crc32c.js';
import {
  batchesOf,
  encodeBatch,
  isAbort,
  recordsOf,
} from '../../../dist/streams/transports/kafka/protocol/record-batch.js';

const message = (value, more = {}) => ({
  key: null,
  value: value && Buffer.from(value),
  headers: {},
  timestamp: 1000,
  ...more,
});
const batch = (messages) =>
  encodeBatch({ messages, producerId: '7', producerEpoch: 0, firstSequence: 0, transactional: true });

/** The same records under a codec. */
function packed(plain, codec, pack) {
  const made = Buffer.concat([plain.subarray(0, 61), pack(plain.subarray(61))]);
  made.writeInt32BE(made.length - 12, 8);
  made.writeInt16BE(codec, 21);
  return summed(made);
}

function summed(bytes) {
  const made = Buffer.from(bytes);
  for (let start = 0; start + 61 <= made.length; ) {
    const end = start + 12 + made.readInt32BE(start + 8);
    if (end < start + 61 || end > made.length) break;
    made.writeUInt32BE(crc32c(made, start + 21, end), start + 17);
    start = end;
  }
  return made;
}

export const valid = () => {
  const plain = batch([
    message('{"prompt":"a fox"}', { headers: { ce_id: Buffer.from('a'), ce_type: Buffer.from('t') } }),
    message(null, { key: Buffer.from('k') }),
    message('x'.repeat(300)),
  ]);
  return [
    plain,
    Buffer.concat([plain, batch([message('b')])]),
    packed(plain, 1, gzipSync),
    packed(plain, 2, (b) => b),
    packed(plain, 3, (b) => b),
    packed(plain, 4, (b) => b),
  ];
};

/** The frame of a batch, and its checksum. */
export const isFirstCheck = ({ message }) => /own header|older than|checksum is wrong/.test(message);

export async function run(bytes, random) {
  const given = random() < 0.7 ? summed(bytes) : bytes;
  for (const one of batchesOf(given)) {
    if (one.control) isAbort(given, one);
    await recordsOf(given, one, { topic: 'fuzz', partition: 0, from: 0 });
  }
}
