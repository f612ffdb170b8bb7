import { describe, expect, it } from 'vitest';
import { parquetCodecs } from '../../../src/app/ingest/parquet-codecs.js';

const codecs = await parquetCodecs();
const literal = (text: string) => Buffer.from([text.length << 4, ...Buffer.from(text)]);
const framed = (text: string) => {
  const block = literal(text);
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(text.length, 0);
  sizes.writeUInt32BE(block.length, 4);
  return Buffer.concat([sizes, block]);
};

describe('LZ4 in Parquet', () => {
  it.each([
    ['LZ4_RAW', 'a block', literal('hello'), 5],
    ['LZ4', 'blocks as Hadoop frames them', Buffer.concat([framed('hel'), framed('lo')]), 5],
    ['LZ4', 'a plain block', literal('hello'), 5],
  ] as const)('%s unpacks %s', (codec, _, bytes, size) => {
    expect(Buffer.from(codecs[codec]!(bytes, size)).toString()).toBe('hello');
  });

  it.each([
    ['LZ4_RAW', 'less than was announced', literal('hello'), 6],
    ['LZ4_RAW', 'more than was announced', literal('hello'), 4],
    ['LZ4', 'more than was announced, in two blocks', Buffer.concat([framed('hel'), framed('lo')]), 4],
    ['LZ4', 'half a frame', framed('hello').subarray(0, 11), 5],
    ['LZ4', 'nothing', Buffer.alloc(0), 5],
    ['LZ4_RAW', 'a page that nobody writes', literal('hello'), 2 ** 31],
  ] as const)('%s refuses %s', (codec, _, bytes, size) => {
    expect(() => codecs[codec]!(bytes, size)).toThrow();
  });
});
