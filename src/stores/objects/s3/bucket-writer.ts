import { createHash } from 'node:crypto';
import type { Client } from 'minio';
import { VimiError } from '../../../core/errors.js';
import { completeUpload, type Part } from './complete-upload.js';
import { partBytes } from './connect.js';
import { type Measured, partsOf } from './measure.js';
import { type Patience, persist } from './persist.js';

/**
 * Writes objects into a bucket, on request only where nothing is.
 *
 * Larger than a part, an object is sent in parts, one in memory at a time. The client's own upload in parts is not
 * used: it continues any unfinished upload of the same key, with that one's metadata, and two writers of a key would
 * mix their parts.
 */
export class BucketWriter {
  /** Whether the server knows If-None-Match on writes, as far as it has not said no. One that ignores it is not found out. */
  #hasConditions = true;

  readonly #client: Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #patience: Patience;

  constructor(client: Client, bucket: string, prefix: string, patience: Patience) {
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#patience = patience;
  }

  /** False: with `onlyNew`, and something was there. OBJECT_DAMAGED: a file changed meanwhile. */
  write(key: string, source: Measured, metadata: Record<string, string>, onlyNew: boolean): Promise<boolean> {
    const { body, size } = source;
    return Buffer.isBuffer(body) && size <= partBytes
      ? this.#putWhole(key, body, metadata, onlyNew)
      : this.#putInParts(key, source, metadata, onlyNew);
  }

  #putWhole(key: string, bytes: Buffer, metadata: Record<string, string>, onlyNew: boolean): Promise<boolean> {
    return this.#call(key, () =>
      this.#conditionally(onlyNew, (condition) =>
        this.#client.putObject(this.#bucket, this.#name(key), bytes, bytes.length, { ...metadata, ...condition }),
      ),
    );
  }

  /** Runs a write; with `onlyNew` on the condition that nothing is there. False: something is, or comes into being. */
  async #conditionally(
    onlyNew: boolean,
    write: (condition: Record<string, string>) => Promise<unknown>,
  ): Promise<boolean> {
    if (!onlyNew || !this.#hasConditions) {
      await write({});
      return true;
    }
    try {
      await write({ 'if-none-match': '*' });
      return true;
    } catch (thrown) {
      const { code } = thrown as { code?: unknown };
      if (code === 'PreconditionFailed') return false;
      // The client's word for a 501 that has no body is the second.
      if (code !== 'NotImplemented' && code !== 'MethodNotAllowed') throw thrown;
      this.#hasConditions = false;
      await write({});
      return true;
    }
  }

  /** As putWhole: false when something was there. */
  async #putInParts(
    key: string,
    source: Measured,
    metadata: Record<string, string>,
    onlyNew: boolean,
  ): Promise<boolean> {
    const name = this.#name(key);
    const upload = await this.#call(key, () =>
      this.#client.initiateNewMultipartUpload(this.#bucket, name, { ...metadata }),
    );
    let written = false;
    try {
      const parts: Part[] = [];
      const hash = createHash('sha256');
      for await (const bytes of partsOf(source.body)) {
        hash.update(bytes);
        const partNumber = parts.length + 1;
        const headers = { 'content-md5': createHash('md5').update(bytes).digest('base64') };
        const { etag } = await this.#call(key, () =>
          this.#client.uploadPart(
            { bucketName: this.#bucket, objectName: name, uploadID: encodeURIComponent(upload), partNumber, headers },
            bytes,
          ),
        );
        parts.push({ part: partNumber, etag });
      }
      const found = hash.digest('hex');
      if (found !== source.sha256)
        throw new VimiError('OBJECT_DAMAGED', 'A file changed while it was stored', {
          expected: source.sha256,
          found,
          where: key,
        });
      written = await this.#complete(key, upload, parts, source, onlyNew);
      return written;
    } finally {
      if (!written)
        await this.#client.abortMultipartUpload(this.#bucket, name, encodeURIComponent(upload)).catch(() => {});
    }
  }

  /** An answer may be lost after the server did it: then the upload is gone, and the object is there. */
  async #complete(
    key: string,
    upload: string,
    parts: Part[],
    { size, sha256 }: Measured,
    onlyNew: boolean,
  ): Promise<boolean> {
    const name = this.#name(key);
    let tried = false;
    return this.#call(key, async () => {
      if (tried) {
        const there = await this.#client.statObject(this.#bucket, name).catch(() => null);
        if (there?.size === size && there.metaData.sha256 === sha256) return true;
      }
      tried = true;
      return this.#conditionally(onlyNew, (headers) =>
        completeUpload(this.#client, { bucket: this.#bucket, name, upload, parts, headers }),
      );
    });
  }

  #name(key: string): string {
    return this.#prefix + key;
  }

  #call<T>(where: string, call: () => Promise<T>): Promise<T> {
    return persist(where, call, this.#patience);
  }
}
