import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { PromptPart } from '../../../src/events/prompt.js';
import type { ModelDescription } from '../../../src/models/ports.js';
import { modelPrompt } from '../../../src/operators/requests/model-prompt.js';
import { makeVideo, testFolder } from '../../media/make-media.js';
import { mediaResources, storedImage } from '../media-resources.js';

const folder = await testFolder();
const media = await mediaResources(folder);
const image = await storedImage(media, '#ff0000');
const mp4 = Buffer.from('....ftyp a clip');
const stored = await media.objects.put('clips/one.mp4', mp4, { mediaType: 'video/mp4' });
const clip = { ...stored, frames: 1, fps: 1, seconds: 1 };

const parts: PromptPart[] = [
  ...[{ text: 'a fox' }, { image, role: 'reference' as const }],
  ...[{ text: 'a barn' }, { image, role: 'reference' as const }],
  { clip, caption: 'retrieved', role: 'motion' },
  { clip, caption: 'own', role: 'motion' },
  ...[{ image, role: 'subject' as const }, { text: 'runs' }],
];
const limits = { frames: 8, width: 32, height: 32, images: 2 };
const { signal } = new AbortController();
const read = (takes?: ModelDescription['takes']) =>
  modelPrompt(
    { task: 'subject-driven', instruction: '', parts },
    { limits, ...(takes && { takes }) },
    { ...media, signal },
  );
const shape = ({ read: { parts, clips }, unreadParts }: Awaited<ReturnType<typeof read>>) => ({
  parts: parts.map((part) => ('text' in part ? part.text : part.role)),
  clips: clips?.map(({ caption }) => caption),
  unreadParts,
});

describe('what a model is shown of a prompt', () => {
  it('is all but the clips, for an own model', async () => {
    expect(shape(await read())).toEqual({
      parts: ['a fox', 'reference', 'a barn', 'reference', 'subject', 'runs'],
      ...{ clips: undefined, unreadParts: [4, 5] },
    });
  });

  it('is what a server has places for: first what the request brings', async () => {
    expect(shape(await read({ roles: ['subject'], clips: 1 }))).toEqual({
      parts: ['a fox', 'reference', 'subject', 'runs'],
      ...{ clips: ['own'], unreadParts: [2, 3, 4] },
    });
  });

  it('is the path of what moves in the last clip, for a model that follows one', async () => {
    const film = await readFile(await makeVideo(folder, 'moving.mp4', { scenes: [16] }));
    const moving = { ...clip, ...(await media.objects.put('clips/moving.mp4', film, { mediaType: 'video/mp4' })) };
    const own: PromptPart = { clip: moving, caption: 'own', role: 'motion' };
    const retrieved: PromptPart = { clip, caption: 'retrieved', role: 'motion' };
    const followed = (...parts: PromptPart[]) =>
      modelPrompt({ task: 'text-to-video', instruction: '', parts }, { limits, path: 8 }, { ...media, signal });
    const { read: shown, unreadParts } = await followed(retrieved, own, { image, role: 'subject' });
    expect(unreadParts).toEqual([0]);
    expect(shown.clips).toBeUndefined();
    expect(shown.path).toHaveLength(16);
    expect(new Set(shown.path!.filter((_, i) => i % 2 === 0)).size).toBeGreaterThan(1);

    // Nothing is in it; it leads no image: it changes nothing. The square of these films begins below their eighth row.
    const stays = await readFile(await makeVideo(folder, 'still.mp4', { scenes: [16], height: 8 }));
    const resting = { ...clip, ...(await media.objects.put('clips/still.mp4', stays, { mediaType: 'video/mp4' })) };
    for (const prompt of [
      [retrieved, { clip: resting, caption: 'own', role: 'motion' as const }, { image, role: 'subject' as const }],
      [retrieved, own, { text: 'a fox' }],
    ]) {
      const { read: without, unreadParts: unread } = await followed(...prompt);
      expect([unread, without.path, without.clips]).toEqual([[0, 1], undefined, undefined]);
    }
  });

  it('leaves a caption out with its image', async () => {
    const shown = await read({ roles: [], clips: 2 });
    expect(shape(shown)).toEqual({
      parts: ['subject', 'runs'],
      ...{ clips: ['retrieved', 'own'], unreadParts: [0, 1, 2, 3] },
    });
    expect(shown.read.clips?.[0]?.mp4).toEqual(mp4);
  });
});
