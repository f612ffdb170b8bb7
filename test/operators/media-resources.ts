import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Flow, MediaFile } from '../../src/flow/flow.js';
import type { Resources } from '../../src/flow/operator.js';
import { identityOf } from '../../src/media/open-media.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { createEmbedder } from '../../src/models/encoders/built-in/embedder.js';
import { openFileStore } from '../../src/stores/objects/files.js';
import { never } from '../media/make-media.js';
import { resourcesWith } from './run-operator.js';

/** What the media operators reach: a real object store, embedder and folders, all under one test folder. */
export async function mediaResources(folder: string): Promise<Resources> {
  const workDir = join(folder, 'work');
  await mkdir(workDir, { recursive: true });
  const objects = await openFileStore(join(folder, 'objects'));
  return resourcesWith({ objects, embedder: createEmbedder(), workDir, mediaRoots: [folder] });
}

/** A file as fetch leaves it. */
export function fetched(path: string): MediaFile {
  const stat = statSync(path, { bigint: true });
  const [size, sha256, identity] = [Number(stat.size), 'f'.repeat(64), identityOf(stat)];
  return { path, size, sha256, identity, uri: path, source: 'the tests', licence: 'CC0-1.0' };
}

/** The flow of a medium as fetch and probe leave it. */
export async function probed(path: string): Promise<Flow> {
  return {
    media: { uri: path },
    file: fetched(path),
    probe: await probeMedia(path, { maxPixels: 40_000_000, signal: never }),
  };
}

/** A plain image as WebP in the object store. */
export async function storedImage({ objects }: Resources, colour: string) {
  const bytes = await sharp({ create: { width: 8, height: 8, channels: 3, background: colour } })
    .webp({ lossless: true })
    .toBuffer();
  return objects.put(`images/${colour.slice(1)}.webp`, bytes, { mediaType: 'image/webp' });
}
