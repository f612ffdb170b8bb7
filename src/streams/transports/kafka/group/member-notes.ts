import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type FileLock, lockFile } from '../../../../core/file-lock.js';

const note = z.strictObject({ group: z.string(), memberId: z.string() });
const noteName = /^(member-[\da-f-]+)\.json$/;
type Note = z.output<typeof note>;

/** Until the next process finds it. */
export interface DeadMember extends Note {
  forget(): Promise<void>;
  /** For another one to find. */
  keep(): void;
}

/**
 * Who of this machine is a member of which group: a note for each in a folder, under a lock that the system lets go of when its process
 * ends. So the next process finds those that died without a word, and can say for them that they are gone.
 */
export class MemberNotes {
  readonly #folder: string;
  readonly #name = `member-${randomUUID()}`;
  #lock: FileLock | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The one whose notes these are. */
  async write(own: Note): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // The lock comes first: a note without one is of the dead.
    this.#lock ??= lockFile(this.#lockOf(this.#name)) ?? undefined;
    const path = this.#pathOf(this.#name);
    await writeFile(`${path}.new`, JSON.stringify(own));
    await rename(`${path}.new`, path);
  }

  async remove(): Promise<void> {
    await this.#removeFiles(this.#name);
    this.#lock?.release();
    this.#lock = undefined;
  }

  async *dead(group: string): AsyncGenerator<DeadMember> {
    for (const file of await readdir(this.#folder).catch(() => [])) {
      const name = noteName.exec(file)?.[1];
      if (name === undefined) continue;
      const lock = lockFile(this.#lockOf(name));
      if (!lock) continue;
      const found = await this.#read(name);
      if (found && found.group !== group) {
        lock.release();
        continue;
      }
      const forget = async () => {
        await this.#removeFiles(name);
        lock.release();
      };
      if (found) yield { ...found, forget, keep: () => lock.release() };
      else await forget();
    }
  }

  async #read(name: string): Promise<Note | undefined> {
    try {
      return note.parse(JSON.parse(await readFile(this.#pathOf(name), 'utf8')));
    } catch {
      return undefined;
    }
  }

  async #removeFiles(name: string): Promise<void> {
    for (const path of [this.#pathOf(name), `${this.#pathOf(name)}.new`, this.#lockOf(name)])
      await rm(path, { force: true });
  }

  #pathOf(name: string): string {
    return join(this.#folder, `${name}.json`);
  }

  #lockOf(name: string): string {
    return join(this.#folder, `${name}.lock`);
  }
}
