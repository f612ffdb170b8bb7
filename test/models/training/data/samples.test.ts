import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { pack } from 'tar-stream';
import { expect, test } from 'vitest';
import { readSamples } from '../../../../src/models/training/data/samples.js';
import { clip, image, members, writeShard } from '../shards.js';

const options = { side: 32, frames: 8 };

test('a shard comes back decoded: frames, prompt with its images in place, captions of the context', async () => {
  const [red, green] = [await image('#e01010'), await image('#10e010')];
  const context = [{ caption: 'a red fox', image: red }];
  const path = await writeShard([
    ...members({ key: 'media-0-2', caption: 'a fox runs', clip: { mp4: clip(10) }, context, own: green }),
    ...members({ key: 'media-0-1', caption: 'a fox', clip: { webp: red }, context: [] }),
    ...members({ key: 'media-0-3', caption: 'too short', clip: { mp4: clip(5) }, context }),
  ]);
  const [still, moving, ...more] = await readSamples([path], options);
  expect(more).toEqual([]);
  expect(moving).toMatchObject({ key: 'media-0-2', count: 10, fps: 8, contextCaptions: ['a red fox'] });
  expect(moving!.frames).toHaveLength(10 * 32 * 32 * 3);
  const kinds = moving!.prompt.parts.map((part) =>
    'text' in part ? part.text : `${part.role} ${[...part.pixels.data.subarray(0, 3)]}`,
  );
  expect(kinds).toEqual(['a red fox', 'reference 224,16,16', 'background 16,224,16', 'a fox runs']);
  // The dot lies left at first, right at last.
  const at = (t: number, x: number) => [
    ...moving!.frames.subarray(((t * 32 + 14) * 32 + x) * 3, ((t * 32 + 14) * 32 + x) * 3 + 3),
  ];
  expect(at(0, 6)[1]).toBeLessThan(90);
  expect(at(7, 6)[1]).toBeGreaterThan(150);
  expect(still).toMatchObject({ key: 'media-0-1', count: 8, fps: Number.POSITIVE_INFINITY });
  expect(still!.frames.subarray(0, 3072)).toEqual(still!.frames.subarray(3072, 6144));
});

test('of clips with more frames a second than wanted every n-th is taken, as far as enough are left', async () => {
  const path = await writeShard(members({ key: 'a', caption: 'x', clip: { mp4: clip(12) }, context: [] }));
  const read = async (change: object) => (await readSamples([path], { ...options, ...change }))[0]!;
  const all = await read({ frames: 4 });
  const half = await read({ frames: 4, fps: 4 });
  expect(half).toMatchObject({ count: 6, fps: 4 });
  const frame = 32 * 32 * 3;
  for (let t = 0; t < 6; t++)
    expect(half.frames.subarray(t * frame, (t + 1) * frame)).toEqual(
      all.frames.subarray(2 * t * frame, (2 * t + 1) * frame),
    );
  expect(await read({ frames: 8, fps: 4 })).toMatchObject({ count: 12, fps: 8 });
  expect(await read({ frames: 4, fps: 100 })).toMatchObject({ count: 12, fps: 8 });
  expect(await read({ frames: 4, fps: 1, height: 16 })).toMatchObject({ count: 4, fps: 8 / 3 });
  expect((await read({ frames: 4, height: 16 })).frames).toHaveLength(12 * 32 * 16 * 3);
});

test('of the last clip of a prompt comes the path of what moves, where a model follows one', async () => {
  // Its dot goes to the right, and the other clip, which comes first, is none.
  const [film, other] = [clip(8), Buffer.from('no clip')];
  const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const motion = (bytes: Buffer) => ({ image: '', clip: sha(bytes), role: 'motion', text: 'a fox runs' });
  const json = {
    ...{ layout: 4, caption: 'a dog runs', context: '[]', clip: { fps: 8 } },
    prompt: {
      ...{ task: 'text-to-video', instruction: '' },
      parts: [motion(other), motion(film), { image: '', clip: '', role: '', text: 'a dog runs' }],
    },
  };
  const own = [
    { name: 'a.mp4', bytes: clip(8) },
    { name: 'a.json', bytes: Buffer.from(JSON.stringify(json)) },
  ];
  const path = await writeShard([{ name: `clips/${sha(film)}`, bytes: film }, ...own]);
  const [sample] = await readSamples([path], { ...options, path: 8 });
  const across = [...sample!.prompt.path!].filter((_, i) => i % 2 === 0).map((x) => Math.round(64 * x));
  // The dot of 16 pixels begins at 4, and goes 5 a frame.
  for (const [t, x] of across.entries()) expect(Math.abs(x - (12 + 5 * t)), `frame ${t}`).toBeLessThanOrEqual(2);
  expect((await readSamples([path], options))[0]!.prompt).not.toHaveProperty('path');
  await expect(readSamples([await writeShard(own)], { ...options, path: 8 })).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
  });
});

test('a missing shard is OBJECT_NOT_FOUND', async () => {
  await expect(readSamples(['/nowhere.tar'], options)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
});

test('shards that are not what they should be are OBJECT_DAMAGED, with their place', async () => {
  const red = await image('#e01010');
  const good = members({ key: 'a', caption: 'x', clip: { mp4: clip(8) }, context: [{ caption: 'y', image: red }] });
  const without = (kind: string) => good.filter(({ name }) => !name.endsWith(kind));
  const changed = (kind: string, bytes: string) =>
    good.map((m) => (m.name.endsWith(kind) ? { ...m, bytes: Buffer.from(bytes) } : m));
  for (const list of [
    without('.json'),
    without('.mp4'),
    without('.webp'),
    changed('.json', '{"caption": 3}'),
    changed('.json', '{'),
    changed('.mp4', 'no video'),
    changed('.webp', 'no image'),
  ]) {
    const path = await writeShard(list);
    const failure = await readSamples([path], options).catch((error) => error);
    expect(failure).toMatchObject({ code: 'OBJECT_DAMAGED' });
    expect(failure.where).toContain(path);
  }
  const cut = await writeShard(good);
  await truncate(cut, 3000);
  await expect(readSamples([cut], options)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
});

test('a member is of a bounded size, and refused before it is read', async () => {
  const tar = pack();
  tar.entry({ name: 'a.mp4', size: 256 * 1024 ** 2 + 1 });
  const [header] = (await once(tar, 'data')) as [Buffer];
  const path = await writeShard([]);
  await writeFile(path, header);
  await expect(readSamples([path], options)).rejects.toMatchObject({
    code: 'OBJECT_DAMAGED',
    found: 'the member a.mp4 is too large: expected at most 268435456 bytes',
  });
});

test('one damaged sample among many ends the reading with its name, and nothing else', async () => {
  const red = await image('#e01010');
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    const many = Array.from({ length: 9 }, (_, n) => n).flatMap((n) =>
      members({ key: `s-${n}`, caption: 'x', clip: { mp4: clip(8) }, context: [{ caption: 'y', image: red }] }).map(
        (m) => (n === 1 && m.name.endsWith('.json') ? { ...m, bytes: Buffer.from('{"caption": 3}') } : m),
      ),
    );
    const failure = await readSamples([await writeShard(many)], options).catch((error) => error);
    expect(failure).toMatchObject({ code: 'OBJECT_DAMAGED' });
    expect(failure.message).toMatch(/caption: expected .*s-1/s);
  } finally {
    process.off('unhandledRejection', note);
  }
  expect(unhandled).toEqual([]);
});

test('an SVG is no image of a sample, whatever its name', async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>');
  const good = members({ key: 'a', caption: 'x', clip: { mp4: clip(8) }, context: [{ caption: 'y', image: svg }] });
  await expect(readSamples([await writeShard(good)], options)).rejects.toMatchObject({ code: 'OBJECT_DAMAGED' });
});
