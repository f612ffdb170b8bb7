import type { Readable } from 'node:stream';
import type { ObjectLink, ObjectRef } from '../../events/prompt.js';

export type ObjectBody = Buffer | { file: string };

export interface PutOptions {
  mediaType: string;
  /** Checked against the body when given: OBJECT_DAMAGED on a difference. */
  sha256?: string;
  /**
   * The key is made from the bytes. Then what is there already stays: it is neither replaced nor, within an hour, written
   * again (later it is, so that it counts as young). Other bytes under the key: OBJECT_DAMAGED.
   */
  byContent?: boolean;
}

/** Bytes of an object: from `start` to `end`, both counted from 0 and both among them. */
export interface ByteRange {
  start: number;
  end: number;
}

/** What is kept for an hour after it was put need not be put again: `vimi objects sweep` leaves the younger alone. */
export const freshMs = 3_600_000;

/**
 * Named bytes. Two implementations (files, S3); one shared test suite (test/stores/objects/object-store-contract.ts).
 * Keys are relative, at most 1,024 bytes: [A-Za-z0-9._-] and slashes, no empty, `.` or `..` segment (OBJECT_KEY_INVALID).
 * put replaces atomically: a reader sees the old bytes or the new ones. No space: STORAGE_FULL.
 */
export interface ObjectStore {
  put(key: string, body: ObjectBody, options: PutOptions): Promise<ObjectRef>;
  /** The whole object; with `sha256` it is verified (OBJECT_DAMAGED). OBJECT_NOT_FOUND when it is not there. */
  get(key: string, options?: { sha256?: string; maxBytes?: number }): Promise<Buffer>;
  /** The whole object, or with `range` these bytes of it, which must be there. */
  stream(key: string, range?: ByteRange): Promise<Readable>;
  /** null: not there. */
  stat(key: string): Promise<ObjectRef | null>;
  /**
   * Keys under a prefix, in byte order; with `after`, only those behind it, whether it is there or not. `onOther` hears of what others
   * put there under names that are no keys: such an object cannot be read here.
   */
  list(prefix: string, options?: { after?: string; onOther?(name: string): void }): AsyncIterable<string>;
  remove(key: string): Promise<void>;
  /** When it was last put, in milliseconds since 1970 by the store's clock; null: not there. */
  changedAt(key: string): Promise<number | null>;
  /**
   * A link that reads the object without keys, for 1 s to 7 days; only where a store has such. It is not checked that
   * the object exists.
   */
  link?(key: string, seconds: number): Promise<ObjectLink>;
  /** A local file with the object's bytes, for programs that need one; removed by `release`. */
  localFile(key: string): Promise<{ path: string; release(): Promise<void> }>;
}
