import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { contentsOf, packTar, tarEnd } from './tar.js';

/** Each piece that is read is new memory, and most shards are small: pieces of a megabyte made V8 collect garbage. */
const inPieces = { highWaterMark: 1 << 18 };

/**
 * A WebDataset tar while it is put together on disk: what samples share, each once, before all samples, whatever the order
 * in which they come. Members of one name with other bytes are refused by whoever reads it, so names are the caller's care.
 */
export class ShardFile {
  readonly #shared: FileHandle;
  readonly #samples: FileHandle;
  readonly #known = new Set<string>();
  /** Of the tar as it would be now. */
  size = tarEnd.length;
  samples = 0;
  #sharedSize = 0;
  #samplesSize = 0;
  /** By sample, its members with their places among the samples. */
  readonly #index: { name: string; offset: number; size: number }[][] = [];
  #digest: string | undefined;

  private constructor(
    readonly path: string,
    shared: FileHandle,
    samples: FileHandle,
  ) {
    this.#shared = shared;
    this.#samples = samples;
  }

  /** `path` is where the finished tar will lie. */
  static async open(path: string): Promise<ShardFile> {
    await mkdir(dirname(path), { recursive: true });
    return new ShardFile(path, await open(path, 'w+'), await open(samplesOf(path), 'w+'));
  }

  /** By how much the tar would grow. */
  growth({ shared, members }: PackedSample): number {
    const more = [...members, ...shared.filter(({ name }) => !this.#known.has(name))];
    return more.reduce((sum, { size }) => sum + packedSize(size), 0);
  }

  /** What cannot be read is thrown, and the tar stays as it was. */
  async add(sample: PackedSample): Promise<void> {
    const missing = sample.shared.filter(({ name }) => !this.#known.has(name));
    // All is read before anything is written: what cannot be read leaves no trace.
    const [shared, members] = await Promise.all([packed(missing), packed(sample.members)]);
    await this.#write(this.#shared, shared);
    await this.#write(this.#samples, members);
    for (const { name } of missing) this.#known.add(name);
    const places = contentsOf(members);
    this.#index.push(
      sample.members.map(({ name }, n) => ({ name, ...places[n]!, offset: this.#samplesSize + places[n]!.offset })),
    );
    this.#sharedSize += shared.length;
    this.#samplesSize += members.length;
    this.samples++;
  }

  /** Nothing more can be added. SHA-256 of the tar, in hex. */
  async finish(): Promise<string> {
    if (this.#digest !== undefined) return this.#digest;
    const hash = createHash('sha256');
    await this.#samples.close();
    for await (const chunk of createReadStream(this.path, inPieces)) hash.update(chunk as Buffer);
    for await (const chunk of createReadStream(samplesOf(this.path), inPieces)) {
      hash.update(chunk as Buffer);
      await this.#shared.write(chunk as Buffer);
    }
    hash.update(tarEnd);
    await this.#shared.write(tarEnd);
    await this.#shared.close();
    await rm(samplesOf(this.path));
    this.#digest = hash.digest('hex');
    return this.#digest;
  }

  /**
   * Where the members of each sample lie in the tar, as NVIDIA DALI reads it (its index version 1.2): a line a sample, of
   * extension, offset, size and name of each member. What samples share is not in it.
   */
  index(): string {
    const lines = this.#index.map((members) =>
      members
        .map(({ name, offset, size }) => `${extensionOf(name)} ${this.#sharedSize + offset} ${size} ${name}`)
        .join(' '),
    );
    return `v1.2 ${lines.length}\n${lines.map((line) => `${line}\n`).join('')}`;
  }

  async discard(): Promise<void> {
    await Promise.allSettled([this.#shared.close(), this.#samples.close()]);
    await rm(this.path, { force: true });
    await rm(samplesOf(this.path), { force: true });
  }

  async #write(to: FileHandle, bytes: Buffer): Promise<void> {
    this.size += bytes.length;
    await to.write(bytes);
  }
}

/** Its bytes are asked for once it is known that the shard does not have them. */
export interface ShardMember {
  name: string;
  size: number;
  read(): Promise<Uint8Array>;
}

/** Of bytes that are in memory. */
export function memberOf(name: string, bytes: Uint8Array): ShardMember {
  return { name, size: bytes.length, read: async () => bytes };
}

/** A sample's own members, and the images and clips that it names, each once. */
export interface PackedSample {
  shared: ShardMember[];
  members: ShardMember[];
}

function extensionOf(name: string): string {
  return name.slice(name.indexOf('.') + 1);
}

async function packed(members: readonly ShardMember[]): Promise<Buffer> {
  const read = await Promise.all(members.map(async (one) => ({ name: one.name, bytes: await one.read() })));
  return (await packTar(read)).subarray(0, -tarEnd.length);
}

function samplesOf(path: string): string {
  return `${path}.samples`;
}

/** A header, and the bytes in blocks of 512; a long name takes more, so a shard may be that much larger. */
function packedSize(bytes: number): number {
  return 512 + Math.ceil(bytes / 512) * 512;
}
