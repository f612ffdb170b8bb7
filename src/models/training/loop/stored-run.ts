import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { asVimiError, VimiError } from '../../../core/errors.js';
import { mediaTypeOf } from '../../../stores/objects/media-type.js';
import type { ObjectStore } from '../../../stores/objects/object-store.js';

export interface RunStorage {
  objects: ObjectStore;
  /** The files lie under `prefix/`. */
  prefix: string;
}

/** In this order: a checkpoint comes after the log, which then always reaches up to it. */
const files = ['recipe.json', 'log.jsonl', 'loss.svg', 'samples.png', 'checkpoint.safetensors'];
const largestRecipe = 16 * 1024 * 1024;
const largestLog = 500e6;

/**
 * A run's files in an object store, so that another machine goes on where one died. What has not changed since it was
 * stored is not stored again; samples.cache, which can be made again, never is.
 */
export class StoredRun {
  /** Size and time of change of what lies in the store. */
  readonly #stored = new Map<string, string>();
  readonly #prefix: string;

  readonly #objects: ObjectStore;
  readonly #folder: string;

  constructor(objects: ObjectStore, prefix: string, folder: string) {
    this.#objects = objects;
    this.#folder = folder;
    this.#prefix = prefix.replace(/\/+$/, '');
  }

  /**
   * Before a run begins: fetches the checkpoint and the log, unless the folder has a checkpoint of its own or there is
   * nothing to fetch. `run` is what recipe.json calls the run, `largest` the most bytes that its checkpoint can have.
   * USAGE when another run's files are there; OBJECT_KEY_INVALID; whatever keeps the store from answering: a run that
   * began anew would soon replace what is kept.
   */
  async fetch(run: string, largest: number): Promise<void> {
    const found = await this.#storedRun();
    if (found !== null && found !== run)
      throw new VimiError('USAGE', 'Another run is stored here', {
        expected: `a prefix of its own, or the files of run ${run}`,
        found,
        where: this.#key('recipe.json'),
      });
    if (await sizeAndTime(join(this.#folder, 'checkpoint.safetensors'))) return;
    if (!(await this.#objects.stat(this.#key('checkpoint.safetensors')))) return;
    await this.#fetchFile('log.jsonl', largestLog);
    await this.#fetchFile('checkpoint.safetensors', largest);
  }

  /** Stores what has changed, `more` files of the folder too. The first failure ends it: the rest waits for the next time. */
  async store(more: readonly string[] = []): Promise<void> {
    for (const name of [...more, ...files]) {
      const path = join(this.#folder, name);
      const now = await sizeAndTime(path);
      if (now === null || this.#stored.get(name) === now) continue;
      await this.#objects.put(this.#key(name), { file: path }, { mediaType: mediaTypeOf(name) });
      this.#stored.set(name, now);
    }
  }

  /** The same at the end of a training, where there is no next time: its failure says where everything is. */
  async finish(more: readonly string[]): Promise<void> {
    try {
      await this.store(more);
    } catch (cause) {
      const error = asVimiError(cause);
      const kept = [...this.#stored.keys()].map((name) => this.#key(name));
      throw new VimiError(error.code, 'The training is done, but its files could not all be stored', {
        expected: `${[...more, ...files].join(', ')} under ${this.#prefix}/`,
        found: `${error.message}; stored by this run: ${kept.join(', ') || 'nothing'}`,
        where: `all are in ${this.#folder}; the same command stores them`,
        cause,
      });
    }
  }

  #key(name: string): string {
    return `${this.#prefix}/${name}`;
  }

  /** null: nothing is stored here. */
  async #storedRun(): Promise<string | null> {
    const key = this.#key('recipe.json');
    if (!(await this.#objects.stat(key))) return null;
    const text = (await this.#objects.get(key, { maxBytes: largestRecipe })).toString();
    try {
      return String((JSON.parse(text) as { run?: unknown }).run);
    } catch (cause) {
      throw new VimiError('OBJECT_DAMAGED', 'The stored recipe is not JSON', {
        found: (cause as Error).message,
        where: key,
        cause,
      });
    }
  }

  /** Beside and renamed: a fetch that is cut off leaves no half a checkpoint. */
  async #fetchFile(name: string, largest: number): Promise<void> {
    const key = this.#key(name);
    const there = await this.#objects.stat(key);
    if (!there) return;
    if (there.size > largest)
      throw new VimiError('OBJECT_DAMAGED', 'A stored file is larger than this run can have made it', {
        expected: `at most ${largest} bytes`,
        found: `${there.size} bytes`,
        where: key,
      });
    const path = join(this.#folder, name);
    try {
      await pipeline(await this.#objects.stream(key), createWriteStream(`${path}.tmp`));
      await rename(`${path}.tmp`, path);
    } catch (thrown) {
      await rm(`${path}.tmp`, { force: true });
      throw asVimiError(thrown);
    }
    const now = await sizeAndTime(path);
    if (now) this.#stored.set(name, now);
  }
}

/** null: there is no such file. */
async function sizeAndTime(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  return found && `${found.size} ${found.mtimeNs}`;
}
