import { expect, it } from 'vitest';
import { xxh32 } from '../../../../../../src/streams/transports/kafka/protocol/codecs/xxh32.js';

it('XXH32 is what the reference implementation gives', () => {
  for (const [text, sum] of [
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ] as const)
    expect(xxh32(Buffer.from(text))).toBe(sum);
});
