import type { Readable } from 'node:stream';
import type { ObjectRef } from '../events/prompt.js';

export type ObjectBody = Buffer | { file: string };

export interface PutOptions {
  mediaType: string;
  /** Checked against the body when given: OBJECT_DAMAGED on a difference. */
  sha256?: string;
}

/**
 * Named bytes. Two implementations (files, S3); one shared test suite (test/stores/object-store-contract.ts).
 * Keys are relative, at most 1,024 bytes: [A-Za-z0-9._-] and slashes, no empty, `.` or `..` segment (OBJECT_KEY_INVALID).
 * put replaces atomically: a reader sees the old bytes or the new ones. No space: STORAGE_FULL.
 */
export interface ObjectStore {
  put(key: string, body: ObjectBody, options: PutOptions): Promise<ObjectRef>;
  /** The whole object; with `sha256` it is verified (OBJECT_DAMAGED). OBJECT_NOT_FOUND when it is not there. */
  get(key: string, options?: { sha256?: string; maxBytes?: number }): Promise<Buffer>;
  stream(key: string): Promise<Readable>;
  /** null: not there. */
  stat(key: string): Promise<ObjectRef | null>;
  /** Keys under a prefix, in byte order. */
  list(prefix: string): AsyncIterable<string>;
  remove(key: string): Promise<void>;
  /** When it was last put, in milliseconds since 1970 by the store's clock; null: not there. */
  changedAt(key: string): Promise<number | null>;
  /** A local file with the object's bytes, for programs that need one; removed by `release`. */
  localFile(key: string): Promise<{ path: string; release(): Promise<void> }>;
}
