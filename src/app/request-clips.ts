import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AtOnce } from '../core/at-once.js';
import { cutAtWord } from '../core/cut-text.js';
import { VimiError } from '../core/errors.js';
import { mostClipCaption } from '../events/caption.js';
import type { ObjectRef } from '../events/prompt.js';
import { type ClipLimits, storeClipFile } from '../operators/requests/prompt-clip.js';
import { clipLimits, type MediaBounds } from '../operators/requests/query-of.js';
import { bytesOfDataUrl } from './data-url.js';
import { makeWorkFolder } from './work-folder.js';
import type { Workspace } from './workspace.js';

/** Clips of all requests together that are decoded and coded anew at once. */
const atOnce = new AtOnce(2);

/** A clip in the object store, and what it shows in words where that is known. */
export interface StoredClip {
  key: string;
  caption?: string;
}

/** Takes in clips that show a motion and come with a request, each as an object that the event can name. Each throws MEDIA_*. */
export class RequestClips {
  readonly #workspace: Workspace;
  readonly bounds: MediaBounds;
  readonly #limits: ClipLimits;

  constructor(workspace: Workspace, bounds: MediaBounds) {
    this.#workspace = workspace;
    this.bounds = bounds;
    this.#limits = clipLimits(bounds);
  }

  /** Decoded whole and coded anew: nothing of a stranger's file is kept. `where`: how the caller knows it. */
  async ofBytes(bytes: Buffer, where: string, signal: AbortSignal): Promise<StoredClip> {
    if (bytes.length > this.#limits.maxBytes) throw tooLarge(where, `${bytes.length} bytes`, this.#mostBytes());
    if (bytes.length === 0) throw new VimiError('MEDIA_EMPTY', 'A clip of the prompt is empty', { where });
    return atOnce.take(() => this.#codedAnew(bytes, where, signal));
  }

  async #codedAnew(bytes: Buffer, where: string, signal: AbortSignal): Promise<StoredClip> {
    const objects = await this.#workspace.objects();
    const folder = await makeWorkFolder(this.#workspace.topology.profile.work, 'clip');
    try {
      const path = join(folder.path, 'sent');
      await writeFile(path, bytes, { mode: 0o600 });
      return await storeClipFile(path, this.#limits, { objects, workDir: folder.path, signal }).catch((thrown) => {
        throw thrown instanceof VimiError ? thrown.renamed(path, where) : thrown;
      });
    } finally {
      await folder.remove();
    }
  }

  /** `data:video/mp4;base64,...`: what it says of its type does not count. */
  ofDataUrl(url: string, where: string, signal: AbortSignal): Promise<StoredClip> {
    return this.ofBytes(bytesOfDataUrl(url, where), where, signal);
  }

  /** That of a document of the corpus, with its caption, as much of it as a request may have. DOCUMENT_NOT_FOUND. */
  async ofDocument(id: string, where: string): Promise<StoredClip> {
    const document = /^[0-9a-f]{64}$/.test(id) ? await (await this.#workspace.corpusIsCurrent()).get(id) : null;
    if (!document) throw new VimiError('DOCUMENT_NOT_FOUND', 'The corpus has no such document', { found: id });
    const { clip, caption } = document;
    if (!clip)
      throw new VimiError('MEDIA_UNSUPPORTED', 'This document shows no motion', {
        ...{ expected: 'a clip that the corpus keeps as a motion example', found: id, where },
        remedy:
          'Name another: `vimi corpus search TEXT --kind clip` finds them. The step index keeps them with clips: true.',
      });
    this.#checkLength(clip.seconds, where);
    const objects = await this.#workspace.objects();
    if ((await objects.stat(clip.key))?.sha256 !== clip.sha256)
      throw new VimiError('MEDIA_NOT_FOUND', 'The object store does not have the clip of this document', {
        ...{ found: clip.key, where },
      });
    return { key: clip.key, caption: cutAtWord(caption, mostClipCaption) };
  }

  /** A copy of a video that was made here: that one may be deleted. */
  async ofVideo({ key, sha256, size, media_type: mediaType }: ObjectRef, seconds: number, where: string) {
    this.#checkLength(seconds, where);
    if (size > this.#limits.maxBytes) throw tooLarge(where, `${size} bytes`, this.#mostBytes());
    const objects = await this.#workspace.objects();
    const bytes = await objects.get(key, { maxBytes: this.#limits.maxBytes });
    return objects.put(`clips/${sha256}.mp4`, bytes, { mediaType, sha256, byContent: true });
  }

  #checkLength(seconds: number, where: string): void {
    const { maxSeconds } = this.#limits;
    if (seconds > maxSeconds) throw tooLarge(where, `${Number(seconds.toFixed(1))} s`, `at most ${maxSeconds} s`);
  }

  #mostBytes(): string {
    return `at most ${this.#limits.maxBytes} bytes`;
  }
}

function tooLarge(where: string, found: string, expected: string): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'A clip of the prompt is too large', { expected, found, where });
}
