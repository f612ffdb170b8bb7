import { constants, type Dirent, type Stats } from 'node:fs';
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { VimiError } from '../../errors.js';
import { mayBeMedia, otherKind, unknownKind } from '../../media/file-kinds.js';
import { signatureBytes } from '../../media/picture-formats.js';
import { sidecarNames } from '../../operators/sidecar.js';
import { type FolderCaptions, isTable, readFolderCaptions, tableNames } from './folder-captions.js';

/** Taken by its name, unopened; what it really is, probe finds out. Others are taken when their bytes say so. */
const mediaNames = new Set(
  '.png .jpg .jpeg .webp .gif .avif .tif .tiff .mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ogv .wmv .flv'.split(' '),
);

/** Passed over unopened: most of them belong to media. */
const textNames = new Set('.txt .caption .json .csv .jsonl .md .html .xml .yaml .py'.split(' '));

export interface MediaInFolders {
  /** In byte order of their paths, which are absolute. */
  media: FoundMedium[];
  passedOver: PassedOver[];
}

export interface FoundMedium {
  path: string;
  /** From a metadata.csv or metadata.jsonl; a text beside the medium goes before it, and is read later. */
  caption?: string;
}

/** Files and folders that are not taken, by reason. */
export interface PassedOver {
  reason: string;
  names: string[];
}

/**
 * The media under the given paths. A file that is named is taken whatever it is; one of a folder when its name or its
 * bytes say that it is a medium. Links are followed, and keep their own names. All else is passed over, with the reason:
 * no name, no unreadable folder and nothing that goes away meanwhile keeps the rest from being taken.
 * MEDIA_NOT_FOUND when one of the paths is not there.
 */
export async function mediaFiles(paths: string[]): Promise<MediaInFolders> {
  const walk = new Walk();
  for (const path of paths.map((given) => resolve(given))) {
    const entry = await stat(path).catch(() => null);
    if (!entry) throw new VimiError('MEDIA_NOT_FOUND', 'There is no such file or folder', { where: path });
    if (entry.isDirectory()) await walk.folder(path);
    else await walk.named(path);
  }
  return walk.found();
}

/** Only the paths of what is taken. */
export async function mediaPaths(paths: string[]): Promise<string[]> {
  return (await mediaFiles(paths)).media.map(({ path }) => path);
}

class Walk {
  private readonly media = new Set<string>();
  private readonly reasons = new Map<string, Set<string>>();
  private readonly tables = new Map<string, FolderCaptions[]>();
  /** Real paths of the folders that were walked. */
  private readonly folders = new Set<string>();
  /** Targets of links that were taken. */
  private readonly targets = new Set<string>();
  private readonly names = new Map<string, Set<string>>();

  passOver(path: string, reason: string): void {
    const names = this.reasons.get(reason);
    if (names) names.add(path);
    else this.reasons.set(reason, new Set([path]));
  }

  async named(path: string): Promise<void> {
    this.media.add(path);
    await this.readTables(dirname(path), tableNames);
  }

  async folder(folder: string): Promise<void> {
    let entries: Dirent<Buffer>[];
    try {
      const real = await realpath(folder);
      if (this.folders.has(real)) return this.passOver(folder, 'a folder that was read under another name');
      this.folders.add(real);
      entries = await readdir(folder, { encoding: 'buffer', withFileTypes: true });
    } catch (error) {
      return this.passOver(folder, whyNot(error as NodeJS.ErrnoException));
    }
    const names = new Set(entries.map((entry) => entry.name.toString()));
    this.names.set(folder, names);
    await this.readTables(
      folder,
      tableNames.filter((name) => names.has(name)),
    );
    // Links last: what they lead to may have been read by then under its own name.
    entries.sort((a, b) => Number(a.isSymbolicLink()) - Number(b.isSymbolicLink()));
    for (const entry of entries) {
      const name = entry.name.toString();
      const path = join(folder, name);
      if (!entry.name.equals(Buffer.from(name)))
        this.passOver(join(folder, escaped(entry.name)), 'a name that is not UTF-8 (rename it)');
      else if (name.startsWith('.')) this.passOver(path, 'hidden');
      else if (!isTable(path)) await this.entry(path, entry);
    }
  }

  private async entry(path: string, entry: Dirent<Buffer>): Promise<void> {
    let found: Stats | Dirent<Buffer> = entry;
    try {
      if (entry.isSymbolicLink() || !(entry.isFile() || entry.isDirectory())) found = await stat(path);
      if (found.isDirectory()) return await this.folder(path);
      if (!found.isFile()) return this.passOver(path, 'a pipe, socket or device');
      const ending = extname(path).toLowerCase();
      if (!mediaNames.has(ending)) {
        const reason = textNames.has(ending) ? 'text' : await whyNoMedium(path);
        if (reason !== null) return this.passOver(path, reason);
      }
      if (entry.isSymbolicLink()) this.targets.add(await realpath(path));
      this.media.add(path);
    } catch (error) {
      this.passOver(path, whyNot(error as NodeJS.ErrnoException));
    }
  }

  private async readTables(folder: string, names: string[]): Promise<void> {
    if (this.tables.has(folder)) return;
    const found: FolderCaptions[] = [];
    for (const path of names.map((name) => join(folder, name))) {
      const there = await stat(path).then(
        (entry) => entry.isFile(),
        () => false,
      );
      const table = there ? await readFolderCaptions(path, (what) => this.passOver(path, what)) : undefined;
      if (table) found.push(table);
    }
    this.tables.set(folder, found);
  }

  found(): MediaInFolders {
    for (const target of this.targets)
      if (this.media.delete(target)) this.passOver(target, 'the target of a link that is taken');
    const media = [...this.media].sort(byBytes).map((path) => {
      const caption = this.hasSidecar(path) ? undefined : this.captionOf(path);
      return { path, ...(caption !== undefined && { caption }) };
    });
    this.forgetSidecars();
    for (const { path, files } of [...this.tables.values()].flat()) {
      for (const file of files)
        if (!this.media.has(join(dirname(path), file)) && this.names.has(dirname(path)))
          this.passOver(join(dirname(path), file), `named in ${basename(path)}, and no medium is there`);
    }
    const passedOver = [...this.reasons].map(([reason, names]) => ({ reason, names: [...names].sort(byBytes) }));
    return { media, passedOver: passedOver.sort((a, b) => b.names.length - a.names.length) };
  }

  /** Of the nearest table that names the file. */
  private captionOf(path: string): string | undefined {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      for (const table of this.tables.get(folder) ?? []) {
        const caption = table.of(path);
        if (caption !== undefined) return caption;
      }
      if (folder === dirname(folder)) return undefined;
    }
  }

  private hasSidecar(path: string): boolean {
    const names = this.names.get(dirname(path));
    return names !== undefined && sidecarNames(path).some((name) => names.has(name));
  }

  /** Texts that belong to media were not passed over: they are read with them. */
  private forgetSidecars(): void {
    const sidecars = new Set(
      [...this.media].flatMap((path) => sidecarNames(path).map((name) => join(dirname(path), name))),
    );
    for (const [reason, names] of this.reasons) {
      for (const name of names) if (sidecars.has(name)) names.delete(name);
      if (names.size === 0) this.reasons.delete(reason);
    }
  }
}

/** Why a file is no medium by its bytes, or null. */
async function whyNoMedium(path: string): Promise<string | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(signatureBytes), 0, signatureBytes, 0);
    const bytes = buffer.subarray(0, bytesRead);
    if (bytes.length === 0) return 'an empty file';
    return mayBeMedia(bytes) ? null : (otherKind(bytes) ?? unknownKind);
  } finally {
    await file.close();
  }
}

function whyNot({ code }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'not there (any more), or a link to nothing';
  if (code === 'ELOOP') return 'a link that leads to itself';
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read';
  return `it cannot be read (${code})`;
}

/** What of a name is no UTF-8 is shown as \xNN. */
function escaped(name: Buffer): string {
  let shown = '';
  for (let at = 0; at < name.length; ) {
    const size = [1, 2, 3, 4].find((n) => isText(name.subarray(at, at + n)));
    shown += size ? name.toString('utf8', at, at + size) : `\\x${name.toString('hex', at, at + 1)}`;
    at += size ?? 1;
  }
  return shown;
}

function isText(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString()).equals(bytes);
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
