import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { probeMedia } from '../../src/media/probe-media.js';
import { createEmbedder } from '../../src/models/embedding/embedder.js';
import type { Flow } from '../../src/operators/flow.js';
import { identityOf } from '../../src/operators/media-path.js';
import type { Resources } from '../../src/operators/operator.js';
import { openFileStore } from '../../src/stores/files.js';
import { never } from '../media/make-media.js';
import { resourcesWith } from './run-operator.js';

/** What the media operators reach: a real object store, embedder and folders, all under one test folder. */
export async function mediaResources(folder: string): Promise<Resources> {
  const workDir = join(folder, 'work');
  await mkdir(workDir, { recursive: true });
  const objects = await openFileStore(join(folder, 'objects'));
  return resourcesWith({ objects, embedder: createEmbedder(), workDir, mediaRoots: [folder] });
}

/** The flow of a medium as fetch and probe leave it. */
export async function probed(path: string): Promise<Flow> {
  const media = { uri: path };
  const identity = identityOf(await stat(path, { bigint: true }));
  const { size, sha256 } = { size: (await readFile(path)).length, sha256: 'f'.repeat(64) };
  return {
    media,
    file: { path, size, sha256, identity, uri: path, source: 'the tests', licence: 'CC0-1.0' },
    probe: await probeMedia(path, { maxPixels: 40_000_000, signal: never }),
  };
}

/** A plain picture as WebP in the object store. */
export async function storedPicture({ objects }: Resources, colour: string) {
  const bytes = await sharp({ create: { width: 8, height: 8, channels: 3, background: colour } })
    .webp({ lossless: true })
    .toBuffer();
  return objects.put(`images/${colour.slice(1)}.webp`, bytes, { mediaType: 'image/webp' });
}
