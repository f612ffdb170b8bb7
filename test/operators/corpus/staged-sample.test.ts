import { expect, it } from 'vitest';
import { packTar } from '../../../src/media/tar.js';
import { readStaged } from '../../../src/operators/corpus/staged-sample.js';

const key = 'staging/media/3/000000000007-0-abcd.sample';

it('says that 0.1.0 staged a sample, and what to do then', async () => {
  const older = await packTar([{ name: 'media-3-000000000007-0.json', bytes: Buffer.from('{}') }]);
  expect(() => readStaged(older, key)).toThrow(
    expect.objectContaining({
      code: 'OBJECT_DAMAGED',
      message: expect.stringMatching(/^vimi 0\.1\.0 staged this sample.*000000000007/),
      remedy: expect.stringContaining('--drain'),
    }),
  );
});

it.each(['', 'not JSON', '{}'])('refuses %j', (text) => {
  expect(() => readStaged(Buffer.from(text), key)).toThrow(
    expect.objectContaining({ code: 'OBJECT_DAMAGED', message: expect.stringContaining('not a staged sample') }),
  );
});
