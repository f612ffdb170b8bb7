import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { VimiError } from '../../../src/core/errors.js';
import { probeMedia } from '../../../src/media/probe-media.js';
import { storePromptClip } from '../../../src/operators/requests/prompt-clip.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { convert, makeVideo, never, tone } from '../../media/make-media.js';
import { fileStore, folder, imageFile } from '../grounding-resources.js';

let objects: ObjectStore;
let root: string;
let film: string;
beforeAll(async () => {
  objects = await fileStore();
  root = folder();
  film = await makeVideo(root, 'film.mp4', { width: 640, height: 360, scenes: [24] });
});

const limits = { maxBytes: 1_000_000, maxSeconds: 3, maxPixels: 1_000_000, longest: 128 };
const taken = (uri: string, changes = {}) =>
  storePromptClip(
    { clip: { uri } },
    { ...limits, ...changes },
    {
      ...{ objects, mediaRoots: [root], workDir: join(root, 'work'), signal: never },
    },
  );
const refused = (uri: string, changes = {}) =>
  taken(uri, changes).then(
    () => 'taken',
    (error) => {
      expect(error).toBeInstanceOf(VimiError);
      // Whoever sent it knows it by this name.
      expect(error.where).toBe(uri);
      expect(`${error.message} ${error.found}`).not.toMatch(/\/proc\/|frames\.rgb/);
      return (error as VimiError).code;
    },
  );
const put = (name: string, bytes: Buffer | string) => {
  writeFileSync(join(root, name), bytes);
  return join(root, name);
};

describe('a clip of a request', () => {
  it('is decoded, made small, and coded anew; nothing else of the file is kept', async () => {
    const sound = put('tone.wav', tone());
    const named = await convert(root, film, 'named.mp4', [
      ...['-i', `file:${sound}`, '-c:v', 'copy', '-c:a', 'aac', '-map', '0:v', '-map', '1:a'],
      ...['-metadata', 'comment=whose film this is'],
    ]);
    expect(readFileSync(named).includes('whose film this is')).toBe(true);
    const clip = await taken(named);
    expect(clip).toMatchObject({
      key: `clips/${clip.sha256}.mp4`,
      media_type: 'video/mp4',
      frames: 24,
      fps: 12,
      seconds: 2,
    });
    const bytes = await objects.get(clip.key, { sha256: clip.sha256 });
    expect(bytes.includes('whose film this is')).toBe(false);
    expect(bytes.includes('mp4a')).toBe(false);
    const { path, release } = await objects.localFile(clip.key);
    expect(await probeMedia(path, { maxPixels: 1e6, signal: never })).toMatchObject({
      ...{ kind: 'video', codec: 'h264', width: 128, height: 72, fps: 12 },
    });
    await release();
    // The same wherever it comes from, and however often.
    await objects.put('uploads/film', readFileSync(film), { mediaType: 'application/octet-stream' });
    expect(await taken('object:uploads/film')).toEqual(clip);
    expect(await taken(film)).toEqual(clip);
  });

  it('lies under an allowed root, or in the object store', async () => {
    const outside = await makeVideo(folder(), 'secret.mp4');
    symlinkSync(outside, join(root, 'door.mp4'));
    expect(await refused(outside)).toBe('MEDIA_FORBIDDEN');
    expect(await refused(join(root, 'door.mp4'))).toBe('MEDIA_FORBIDDEN');
    expect(await refused('http://127.0.0.1/film.mp4')).toBe('MEDIA_FORBIDDEN');
    expect(await refused(join(root, 'none.mp4'))).toBe('MEDIA_NOT_FOUND');
    expect(await refused('object:uploads/none')).toBe('MEDIA_NOT_FOUND');
    expect(await refused(root)).toBe('MEDIA_UNSUPPORTED');
    await expect(taken('object:../none')).rejects.toMatchObject({ code: 'OBJECT_KEY_INVALID' });
  });

  it('is a film, whatever its name says', async () => {
    expect(await refused(put('image.mp4', await imageFile('fox')))).toBe('MEDIA_UNSUPPORTED');
    expect(await refused(put('text.mp4', 'not a film at all'))).toBe('MEDIA_UNSUPPORTED');
    expect(await refused(put('sound.mp4', tone()))).toBe('MEDIA_UNSUPPORTED');
    expect(await refused(put('empty.mp4', ''))).toBe('MEDIA_EMPTY');
    const whole = readFileSync(film);
    expect(await refused(put('torn.mp4', whole.subarray(0, Math.round(whole.length * 0.8))))).toBe('MEDIA_DAMAGED');
    // Lists that would make ffmpeg open other files.
    for (const list of [
      `ffconcat version 1.0\nfile '${film}'\n`,
      `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:${film}\n#EXT-X-ENDLIST\n`,
      `<?xml version="1.0"?><MPD><Period><BaseURL>file:${film}</BaseURL></Period></MPD>`,
    ])
      expect(await refused(put('list.mp4', list)), list.slice(0, 8)).toBe('MEDIA_UNSUPPORTED');
  });

  it('keeps to the limits of bytes, pixels and seconds, whatever its header says', async () => {
    expect(await refused(film, { maxBytes: 1000 })).toBe('MEDIA_TOO_LARGE');
    await objects.put('uploads/large', readFileSync(film), { mediaType: 'video/mp4' });
    expect(await refused('object:uploads/large', { maxBytes: 1000 })).toBe('MEDIA_TOO_LARGE');
    expect(await refused(film, { maxPixels: 640 * 360 - 1 })).toBe('MEDIA_TOO_LARGE');
    expect(await taken(film, { maxPixels: 640 * 360 })).toMatchObject({ frames: 24 });
    expect(await refused(film, { maxSeconds: 1.9 })).toBe('MEDIA_TOO_LARGE');
    expect(await taken(film, { maxSeconds: 2 })).toMatchObject({ frames: 24 });
    // Nobody says how long these are before they are read.
    const silent = await convert(root, film, 'silent.h264', ['-c:v', 'copy', '-f', 'h264']);
    expect((await probeMedia(silent, { maxPixels: 1e6, signal: never })).duration).toBe(0);
    expect(await refused(silent, { maxSeconds: 0.5 })).toBe('MEDIA_TOO_LARGE');
    const lying = Buffer.from(readFileSync(film));
    const duration = (box: string, at: number) => lying.writeUInt32BE(1, lying.indexOf(box) + at);
    // Version 0 of each box: its duration lies so many bytes after the type.
    for (const [box, at] of [
      ['mvhd', 20],
      ['tkhd', 24],
      ['mdhd', 20],
    ] as const)
      duration(box, at);
    expect(['MEDIA_TOO_LARGE', 'MEDIA_DAMAGED']).toContain(await refused(put('lying.mp4', lying), { maxSeconds: 0.5 }));
  });
});
