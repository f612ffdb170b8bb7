import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { verified } from '../../../../src/stores/objects/s3/verified.js';

const stored = Buffer.from('the bytes that were stored');
const sha256 = createHash('sha256').update(stored).digest('hex');
const announced = { size: stored.length, sha256 };

/** What comes through when a server sends these bytes, in two pieces. */
async function passed(bytes: Buffer, facts: Parameters<typeof verified>[1] = announced): Promise<Buffer> {
  const check = verified('videos/a.mp4', facts);
  const [read] = await Promise.all([
    buffer(check),
    pipeline(Readable.from([bytes.subarray(0, 5), bytes.subarray(5)]), check),
  ]);
  return read;
}
const damaged = { code: 'OBJECT_DAMAGED', where: 'videos/a.mp4' };

describe('an object from a server', () => {
  it('passes when it is what was announced, and where nothing was', async () => {
    expect(await passed(stored)).toEqual(stored);
    expect(await passed(stored, {})).toEqual(stored);
  });

  it('fails at its end when its bytes are others', async () => {
    const others = Buffer.from(stored);
    others[9]! ^= 1;
    await expect(passed(others)).rejects.toMatchObject(damaged);
  });

  it('fails at its end when it has more or fewer bytes, whatever its hash', async () => {
    const { size } = announced;
    await expect(passed(stored.subarray(0, -1), { size })).rejects.toMatchObject(damaged);
    await expect(passed(Buffer.concat([stored, Buffer.alloc(1)]), { size })).rejects.toMatchObject(damaged);
  });
});
