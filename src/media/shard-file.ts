import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { packTar, type TarMember, tarEnd } from './tar.js';

/**
 * A WebDataset tar while it is put together on disk: pictures, each once, before all samples, whatever the order in which
 * they come. Members of one name with other bytes are refused by whoever reads it, so names are the caller's care.
 */
export class ShardFile {
  readonly #pictures: FileHandle;
  readonly #samples: FileHandle;
  readonly #known = new Set<string>();
  /** Of the tar as it would be now. */
  size = tarEnd.length;
  samples = 0;
  #digest: string | undefined;

  private constructor(
    readonly path: string,
    pictures: FileHandle,
    samples: FileHandle,
  ) {
    this.#pictures = pictures;
    this.#samples = samples;
  }

  /** `path` is where the finished tar will lie. */
  static async open(path: string): Promise<ShardFile> {
    await mkdir(dirname(path), { recursive: true });
    return new ShardFile(path, await open(path, 'w+'), await open(samplesOf(path), 'w+'));
  }

  /** By how much the tar would grow. */
  growth({ pictures, members }: PackedSample): number {
    const more = [...members, ...pictures.filter(({ name }) => !this.#known.has(name))];
    return more.reduce((sum, { bytes }) => sum + packedSize(bytes.length), 0);
  }

  async add(sample: PackedSample): Promise<void> {
    for (const picture of sample.pictures) {
      if (this.#known.has(picture.name)) continue;
      this.#known.add(picture.name);
      await this.#write(this.#pictures, [picture]);
    }
    await this.#write(this.#samples, sample.members);
    this.samples++;
  }

  /** Nothing more can be added. SHA-256 of the tar, in hex. */
  async finish(): Promise<string> {
    if (this.#digest !== undefined) return this.#digest;
    const hash = createHash('sha256');
    await this.#samples.close();
    for await (const chunk of createReadStream(this.path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
    for await (const chunk of createReadStream(samplesOf(this.path), { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      await this.#pictures.write(chunk as Buffer);
    }
    hash.update(tarEnd);
    await this.#pictures.write(tarEnd);
    await this.#pictures.close();
    await rm(samplesOf(this.path));
    this.#digest = hash.digest('hex');
    return this.#digest;
  }

  async discard(): Promise<void> {
    await Promise.allSettled([this.#pictures.close(), this.#samples.close()]);
    await rm(this.path, { force: true });
    await rm(samplesOf(this.path), { force: true });
  }

  async #write(to: FileHandle, members: readonly TarMember[]): Promise<void> {
    const bytes = (await packTar(members)).subarray(0, -tarEnd.length);
    this.size += bytes.length;
    await to.write(bytes);
  }
}

/** A sample's own members, and the pictures that it names. */
export interface PackedSample {
  pictures: TarMember[];
  members: TarMember[];
}

function samplesOf(path: string): string {
  return `${path}.samples`;
}

/** A header, and the bytes in blocks of 512; a long name takes more, so a shard may be that much larger. */
function packedSize(bytes: number): number {
  return 512 + Math.ceil(bytes / 512) * 512;
}
