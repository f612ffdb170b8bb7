import type { ObjectRef } from '../events/prompt.js';
import { decodeImage } from '../media/images.js';
import type { RgbImage } from '../media/pixels.js';
import type { ObjectStore } from '../stores/objects/object-store.js';

/*
 * Images of prompts as pixels. Several steps look at the same one, and what is retrieved comes again in other prompts. A
 * reference names its bytes by their hash, so pixels never get old: those that were asked for last are kept.
 */

/** Bytes of one image, as it is stored. */
const mostBytes = 32 * 1024 * 1024;
/** Bytes of pixels that are kept of a store: some 80 images as admit makes them. */
const room = 64 * 1024 * 1024;

const kept = new WeakMap<ObjectStore, DecodedImages>();

/**
 * The image of a prompt, upright, transparent pixels laid on white. It is shared: nobody writes to it. OBJECT_NOT_FOUND,
 * OBJECT_DAMAGED, MEDIA_TOO_LARGE, MEDIA_DAMAGED.
 */
export function decodedImage(image: ObjectRef, objects: ObjectStore): Promise<RgbImage> {
  let images = kept.get(objects);
  if (!images) {
    images = new DecodedImages(objects);
    kept.set(objects, images);
  }
  return images.of(image);
}

interface Decoded {
  image: Promise<RgbImage>;
  /** 0 until it is there. */
  bytes: number;
}

class DecodedImages {
  readonly #objects: ObjectStore;
  /** By key and hash; the one that was asked for last is last. */
  readonly #images = new Map<string, Decoded>();
  #bytes = 0;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  of({ key, sha256 }: ObjectRef): Promise<RgbImage> {
    const name = `${key} ${sha256}`;
    const decoded = this.#images.get(name) ?? this.#decode(name, key, sha256);
    this.#images.delete(name);
    this.#images.set(name, decoded);
    return decoded.image;
  }

  #decode(name: string, key: string, sha256: string): Decoded {
    const image = this.#objects.get(key, { sha256, maxBytes: mostBytes }).then((bytes) => decodeImage(bytes, key));
    const decoded = { image, bytes: 0 };
    image.then(
      ({ data }) => this.#count(name, decoded, data.length),
      () => this.#images.delete(name),
    );
    return decoded;
  }

  #count(name: string, decoded: Decoded, bytes: number): void {
    if (this.#images.get(name) !== decoded) return;
    decoded.bytes = bytes;
    this.#bytes += bytes;
    for (const [oldest, one] of this.#images) {
      if (this.#bytes <= room) return;
      this.#images.delete(oldest);
      this.#bytes -= one.bytes;
    }
  }
}
