import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BucketItemStat, Client } from 'minio';
import { asVimiError, VimiError } from '../../../core/errors.js';
import type { ObjectLink, ObjectRef } from '../../../events/prompt.js';
import { mediaTypeOf } from '../media-type.js';
import { checkObjectKey, isKeySegment } from '../object-key.js';
import { type ByteRange, freshMs, type ObjectBody, type ObjectStore, type PutOptions } from '../object-store.js';
import { bucketRule, isBucketName } from './address.js';
import { BucketWriter } from './bucket-writer.js';
import { connect, partBytes } from './connect.js';
import { hashOf, measure } from './measure.js';
import { type Patience, persist } from './persist.js';
import { damaged, verified } from './verified.js';

/*
 * Objects in a bucket of any S3 server. An object's SHA-256 is kept in its metadata (x-amz-meta-sha256), so that stat
 * need not read the bytes; every read is checked against it. An object that somebody else stored has none: then it is
 * computed from the bytes.
 */

export interface S3StoreOptions {
  /** `https://host[:port]` or `http://host[:port]`. */
  endpoint: string;
  bucket: string;
  region?: string;
  accessKey?: string;
  secretKey?: string;
  /** Certificate authorities in PEM, trusted instead of the system's. */
  ca?: string;
  /** Whether a bucket that is missing is made. Default true. */
  makesBucket?: boolean;
  /** Before every key, with a slash between; nobody sees it outside of the bucket. */
  prefix?: string;
  /** Trouble that may pass (network, 5xx, SlowDown) is waited for so long; a pipeline waits on by itself. Default 10,000. */
  patienceMs?: number;
  /** The same for a server that was never met. Default 15,000. */
  firstContactMs?: number;
  /** A connection on which nothing moves for so long is given up. Default 30,000. */
  silenceMs?: number;
  /** The folder for local files, asked for when there is one to be written. Default: the system's. */
  temporary?(): Promise<string>;
}

export interface S3Store extends ObjectStore {
  link(key: string, seconds: number): Promise<ObjectLink>;
  close(): Promise<void>;
}

/**
 * Connects, and makes the bucket when it is missing and may be made. STORAGE_DENIED, BUCKET_NOT_FOUND, CLOCK_SKEWED,
 * STORAGE_UNAVAILABLE (the server was not there for `firstContactMs`). The keys need leave to list, read, write and remove.
 */
export async function openS3Store(options: S3StoreOptions): Promise<S3Store> {
  const {
    endpoint,
    bucket,
    region = 'us-east-1',
    accessKey,
    secretKey,
    ca,
    patienceMs = 10_000,
    firstContactMs = 15_000,
    makesBucket = true,
  } = options;
  const prefix = (options.prefix ?? '').replace(/^\/+|\/+$/g, '');
  if (prefix) checkObjectKey(prefix);
  if (!isBucketName(bucket))
    throw new VimiError('USAGE', 'No bucket can have this name', { expected: bucketRule, found: bucket });
  const { client, close } = connect({
    endpoint,
    region,
    accessKey,
    secretKey,
    ca,
    silenceMs: options.silenceMs ?? 30_000,
  });
  const store = new BucketStore(client, close, bucket, prefix && `${prefix}/`, { patienceMs }, options.temporary);
  try {
    await store.ensureBucket({ patienceMs: Math.min(patienceMs, firstContactMs) }, makesBucket);
  } catch (thrown) {
    close();
    throw thrown;
  }
  return store;
}

class BucketStore implements S3Store {
  readonly #writer: BucketWriter;

  readonly #client: Client;
  readonly #disconnect: () => void;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #patience: Patience;
  readonly #temporary: () => Promise<string>;

  constructor(
    client: Client,
    disconnect: () => void,
    bucket: string,
    prefix: string,
    patience: Patience,
    temporary: () => Promise<string> = async () => tmpdir(),
  ) {
    this.#client = client;
    this.#disconnect = disconnect;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#patience = patience;
    this.#temporary = temporary;
    this.#writer = new BucketWriter(client, bucket, prefix, patience);
  }

  async ensureBucket(patience: Patience, makes: boolean): Promise<void> {
    try {
      await persist(this.#bucket, () => this.#look(), patience);
    } catch (thrown) {
      const missing = asVimiError(thrown);
      if (missing.code !== 'BUCKET_NOT_FOUND' || !makes) throw missing;
      try {
        await this.#client.makeBucket(this.#bucket);
      } catch {
        // Another process may have made it at the same moment; else it is still missing, and that is what to say.
        await persist(this.#bucket, () => this.#look(), patience);
      }
    }
  }

  #look() {
    return this.#client.listObjectsV2Query(this.#bucket, this.#prefix, '', '', 1, '');
  }

  async put(key: string, body: ObjectBody, options: PutOptions): Promise<ObjectRef> {
    checkObjectKey(key);
    const source = await measure(body);
    const { size, sha256 } = source;
    if (options.sha256 !== undefined && options.sha256 !== sha256)
      throw new VimiError('OBJECT_DAMAGED', 'The bytes to store differ from the announced ones', {
        expected: options.sha256,
        found: sha256,
        where: key,
      });
    const ref = { key, size, sha256, media_type: options.mediaType };
    const metadata = { 'content-type': options.mediaType, 'x-amz-meta-sha256': sha256 };
    const write = (onlyNew: boolean) => this.#writer.write(key, source, metadata, onlyNew);
    if (options.byContent) await this.#putOnce(ref, write);
    else await write(false);
    return ref;
  }

  async get(key: string, options: { sha256?: string; maxBytes?: number } = {}): Promise<Buffer> {
    checkObjectKey(key);
    return this.#read(key, async () => {
      const response = await this.#open(key);
      const size = Number(response.headers['content-length']);
      if (options.maxBytes !== undefined && size > options.maxBytes) {
        response.destroy();
        throw new VimiError('MEDIA_TOO_LARGE', 'An object is larger than its reader allows', {
          expected: `at most ${options.maxBytes} bytes`,
          found: `${size} bytes`,
          where: key,
        });
      }
      const chunks: Buffer[] = [];
      await pipeline(response, verified(key, announced(response)), async (source) => {
        for await (const chunk of source) chunks.push(chunk as Buffer);
      });
      const bytes = Buffer.concat(chunks);
      const found = hashOf(bytes);
      if (options.sha256 !== undefined && options.sha256 !== found)
        throw damaged(key, { expected: options.sha256, found });
      return bytes;
    });
  }

  /** Fails at the end, OBJECT_DAMAGED, when the bytes were not the ones that were stored; a range of them proves nothing. */
  async stream(key: string, range?: ByteRange): Promise<Readable> {
    checkObjectKey(key);
    if (range) return this.#call(key, () => this.#openRange(key, range));
    const response = await this.#call(key, () => this.#open(key));
    const checked = verified(key, announced(response));
    pipeline(response, checked).catch((thrown) => checked.destroy(thrown));
    return checked;
  }

  async stat(key: string): Promise<ObjectRef | null> {
    return unlessMissing(async () => {
      const { size, metaData } = await this.#head(key);
      return {
        key,
        size,
        sha256: sha256Of(metaData.sha256) ?? (await this.#hash(key)),
        media_type: metaData['content-type'] ?? mediaTypeOf(key),
      };
    });
  }

  async *list(
    prefix: string,
    { after, onOther }: { after?: string; onOther?(name: string): void } = {},
  ): AsyncIterable<string> {
    checkObjectKey(prefix, { prefix: true });
    const start = after === undefined ? '' : this.#prefix + after;
    let continuation = '';
    do {
      const from = continuation;
      const page = await this.#call(prefix, () =>
        this.#client.listObjectsV2Query(this.#bucket, this.#prefix + prefix, from, '', 1000, from === '' ? start : ''),
      );
      for (const { name } of page.objects) {
        const key = name?.slice(this.#prefix.length) ?? '';
        if (key.startsWith('.store/')) continue;
        if (key.split('/').every(isKeySegment)) yield key;
        // A name with a slash at its end stands for a folder.
        else if (!key.endsWith('/')) onOther?.(key);
      }
      continuation = page.isTruncated ? page.nextContinuationToken : '';
    } while (continuation);
  }

  async remove(key: string): Promise<void> {
    checkObjectKey(key);
    try {
      await this.#call(key, () => this.#client.removeObject(this.#bucket, this.#name(key)));
    } catch (thrown) {
      const { code } = asVimiError(thrown);
      if (code !== 'OBJECT_NOT_FOUND' && code !== 'OBJECT_KEY_INVALID') throw thrown;
    }
  }

  async changedAt(key: string): Promise<number | null> {
    return unlessMissing(async () => (await this.#head(key)).lastModified.getTime());
  }

  async localFile(key: string): Promise<{ path: string; release(): Promise<void> }> {
    checkObjectKey(key);
    const folder = await mkdtemp(join(await this.#temporary(), 'vimi-object-'));
    const release = () => rm(folder, { recursive: true, force: true });
    // Programs look at a name's ending.
    const path = join(folder, basename(key));
    try {
      await this.#read(key, async () => {
        const response = await this.#open(key);
        await pipeline(response, verified(key, announced(response)), createWriteStream(path));
      });
      return { path, release };
    } catch (thrown) {
      await release();
      throw thrown;
    }
  }

  async link(key: string, seconds: number): Promise<ObjectLink> {
    checkObjectKey(key);
    // Signatures tell whole seconds.
    const now = Math.floor(Date.now() / 1000) * 1000;
    const url = await this.#call(key, () =>
      this.#client.presignedGetObject(this.#bucket, this.#name(key), seconds, {}, new Date(now)),
    );
    return { url, expires: new Date(now + seconds * 1000).toISOString() };
  }

  async close(): Promise<void> {
    this.#disconnect();
  }

  #name(key: string): string {
    return this.#prefix + key;
  }

  #call<T>(where: string, call: () => Promise<T>): Promise<T> {
    return persist(where || this.#bucket, call, this.#patience);
  }

  /**
   * As call, but bytes that do not fit their metadata are read again: a server may send the bytes of one version with
   * the metadata of another while an object is replaced.
   */
  async #read<T>(key: string, call: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#call(key, call);
      } catch (thrown) {
        if (asVimiError(thrown).code !== 'OBJECT_DAMAGED' || tries === 3) throw thrown;
      }
    }
  }

  async #open(key: string): Promise<IncomingMessage> {
    return (await this.#client.getObject(this.#bucket, this.#name(key))) as IncomingMessage;
  }

  #openRange(key: string, { start, end }: ByteRange): Promise<Readable> {
    return this.#client.getPartialObject(this.#bucket, this.#name(key), start, end - start + 1);
  }

  /** An answer to HEAD has no text: why it is refused, another call must say. */
  async #head(key: string): Promise<BucketItemStat> {
    checkObjectKey(key);
    try {
      return await this.#call(key, () => this.#client.statObject(this.#bucket, this.#name(key)));
    } catch (thrown) {
      // Of a bucket that is gone, too.
      if (['STORAGE_DENIED', 'OBJECT_NOT_FOUND'].includes(asVimiError(thrown).code))
        await this.#call(key, () => this.#look());
      throw thrown;
    }
  }

  async #hash(key: string): Promise<string> {
    return this.#read(key, async () => {
      const hash = createHash('sha256');
      const response = await this.#open(key);
      await pipeline(response, verified(key, announced(response)), async (source) => {
        for await (const chunk of source) hash.update(chunk as Buffer);
      });
      return hash.digest('hex');
    });
  }

  /**
   * Writes an object whose key is made from its bytes, unless it is there. What is sent in parts is looked for first,
   * else all of it would travel in vain.
   */
  async #putOnce(ref: ObjectRef, write: (onlyNew: boolean) => Promise<boolean>): Promise<void> {
    for (let look = ref.size > partBytes; ; look = true) {
      const there = look ? await this.#found(ref) : null;
      if (there === 'fresh' || (await write(there === null))) return;
    }
  }

  async #found({ key, sha256 }: ObjectRef): Promise<'fresh' | 'stale' | null> {
    return unlessMissing(async () => {
      const { metaData, lastModified } = await this.#head(key);
      const found = sha256Of(metaData.sha256) ?? (await this.#hash(key));
      if (found !== sha256) throw damaged(key, { expected: sha256, found });
      return Date.now() - lastModified.getTime() < freshMs ? 'fresh' : 'stale';
    });
  }
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof VimiError && thrown.code === 'OBJECT_NOT_FOUND') return null;
    throw thrown;
  }
}

/** What the answer says of the bytes that follow. */
function announced({ headers }: IncomingMessage): { size?: number; sha256?: string } {
  const size = headers['content-length'];
  return { ...(size !== undefined && { size: Number(size) }), sha256: sha256Of(headers['x-amz-meta-sha256']) };
}

/** Metadata are anybody's: what is no hash does not count. */
function sha256Of(text: unknown): string | undefined {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}
