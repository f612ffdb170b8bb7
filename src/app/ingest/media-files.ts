import { constants, type Dirent, type Stats } from 'node:fs';
import { open, opendir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { VimiError } from '../../core/errors.js';
import { mayBeMedia, otherKind, unknownKind } from '../../media/file-kinds.js';
import { signatureBytes } from '../../media/image-formats.js';
import { sidecarNames } from '../../operators/media/sidecar.js';
import { videoKeyOf } from '../../operators/requests/stills-beside.js';
import { type FolderCaptions, isTable, readFolderCaptions, type ToldOfFile, tableNames } from './folder-captions.js';
import { tableInFolder, tarInFolder, whyNotOpened } from './holders.js';
import { hasMediaName, hasTextName, hasUnfinishedName } from './media-names.js';
import { isOutside } from './media-roots.js';

export interface MediaInFolders {
  /** In byte order of their paths, which are absolute. */
  media: FoundMedium[];
  /** Files and folders that are not taken, by reason. */
  passedOver: { reason: string; names: string[] }[];
}

/** What a metadata.csv or metadata.jsonl says of it; a text beside the medium goes before its caption, and is read later. */
export interface FoundMedium extends ToldOfFile {
  path: string;
  /** Texts that stand beside it, by their paths; known of what was found in a folder. */
  beside: string[];
}

export interface FolderOptions {
  /** Columns of tables that are wanted as labels. */
  labels?: readonly string[];
  /** Links that lead out of them are not followed; left out: all are. */
  mediaRoots?: string[];
}

/**
 * The media under the given paths. A file that is named is taken whatever it is, but for texts; one of a folder when its name or
 * its bytes say that it is a medium. Links are followed, and keep their own names. All else is passed over, with the reason:
 * no name, no unreadable folder and nothing that goes away meanwhile keeps the rest from being taken.
 * MEDIA_NOT_FOUND when one of the paths is not there.
 */
export async function mediaFiles(paths: string[], options: FolderOptions = {}): Promise<MediaInFolders> {
  const walk = new Walk(options);
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
  readonly #media = new Set<string>();
  readonly #reasons = new Map<string, Set<string>>();
  readonly #tables = new Map<string, FolderCaptions[]>();
  /** Real paths of the folders that were walked. */
  readonly #folders = new Set<string>();
  /** Links that were taken, by their targets. */
  readonly #links = new Map<string, string[]>();
  readonly #names = new Map<string, Set<string>>();
  readonly #labels: readonly string[];
  readonly #roots: string[] | undefined;

  constructor({ labels = [], mediaRoots }: FolderOptions) {
    this.#labels = labels;
    this.#roots = mediaRoots;
  }

  passOver(path: string, reason: string): void {
    const names = this.#reasons.get(reason);
    if (names) names.add(path);
    else this.#reasons.set(reason, new Set([path]));
  }

  async named(path: string): Promise<void> {
    // A pattern such as photos/* names the texts beside the media too.
    const isText = hasTextName(path) && (await whyNoMedium(path).catch(() => null)) !== null;
    if (isText)
      return this.passOver(
        path,
        /\.json$/i.test(path) ? 'JSON (a manifest is JSONL: one object on each line)' : 'text',
      );
    this.#media.add(path);
    await this.#readTables(dirname(path), tableNames);
  }

  /** Its entries come one by one: of a folder with a million files only the names are kept. */
  async folder(folder: string): Promise<void> {
    const names = new Set<string>();
    const folders: Dirent<Buffer>[] = [];
    const links: Dirent<Buffer>[] = [];
    try {
      const real = await realpath(folder);
      if (this.#folders.has(real)) return this.passOver(folder, 'a folder that was read already under another name');
      this.#folders.add(real);
      for await (const entry of await entriesOf(folder)) {
        const name = entry.name.toString();
        const path = join(folder, name);
        names.add(name);
        if (!entry.name.equals(Buffer.from(name)))
          this.passOver(join(folder, escaped(entry.name)), 'a name that is not UTF-8 (rename it)');
        else if (name.startsWith('.')) this.passOver(path, 'hidden');
        else if (entry.isSymbolicLink()) links.push(entry);
        else if (entry.isDirectory()) folders.push(entry);
        else if (!isTable(path)) await this.#entry(path, entry);
      }
    } catch (error) {
      return this.passOver(folder, whyNot(error as NodeJS.ErrnoException));
    }
    this.#names.set(folder, names);
    await this.#readTables(
      folder,
      tableNames.filter((name) => names.has(name)),
    );
    // Links last: what they lead to may have been read by then under its own name.
    for (const entry of [...folders, ...links]) {
      const path = join(folder, entry.name.toString());
      if (!isTable(path)) await this.#entry(path, entry);
    }
  }

  async #entry(path: string, entry: Dirent<Buffer>): Promise<void> {
    let found: Stats | Dirent<Buffer> = entry;
    try {
      if (entry.isSymbolicLink() || !(entry.isFile() || entry.isDirectory())) found = await stat(path);
      if (entry.isSymbolicLink() && this.#roots && (await isOutside(path, this.#roots)))
        return this.passOver(path, 'links out of media_roots');
      if (found.isDirectory()) return await this.folder(path);
      if (!found.isFile()) return this.passOver(path, 'a pipe, socket or device');
      const holder = whyNotOpened(path);
      if (holder !== null) return this.passOver(path, holder);
      if (hasUnfinishedName(path)) return this.passOver(path, 'an unfinished copy or download, by its name');
      if (videoKeyOf(path) !== path) return this.passOver(path, 'a still of a video that vimi made, by its name');
      if (!hasMediaName(path)) {
        const reason = hasTextName(path) ? 'text' : await whyNoMedium(path);
        if (reason !== null) return this.passOver(path, reason);
      }
      if (entry.isSymbolicLink()) {
        const target = await realpath(path);
        this.#links.set(target, [...(this.#links.get(target) ?? []), path]);
      }
      this.#media.add(path);
    } catch (error) {
      this.passOver(path, whyNot(error as NodeJS.ErrnoException));
    }
  }

  async #readTables(folder: string, names: string[]): Promise<void> {
    if (this.#tables.has(folder)) return;
    const found: FolderCaptions[] = [];
    for (const path of names.map((name) => join(folder, name))) {
      const isThere = await stat(path).then(
        () => true,
        () => false,
      );
      const table = isThere
        ? await readFolderCaptions(path, this.#labels, (what) => this.passOver(path, what))
        : undefined;
      if (table) found.push(table);
    }
    this.#tables.set(folder, found);
  }

  found(): MediaInFolders {
    for (const [target, links] of this.#links) if (this.#media.has(target)) this.#takeOnce(target, links);
    const media = [...this.#media].sort(byBytes).map((path) => {
      const { caption, ...labels } = this.#toldOf(path);
      const beside = this.#beside(path);
      return { path, beside, ...(caption !== undefined && beside.length === 0 && { caption }), ...labels };
    });
    this.#forgetSidecars(media);
    const there = new Set(media.map(({ path }) => path.normalize('NFC')));
    for (const { path, files } of [...this.#tables.values()].flat()) {
      for (const file of files)
        if (!there.has(join(dirname(path), file).normalize('NFC')) && this.#names.has(dirname(path)))
          this.passOver(join(dirname(path), file), `named in ${basename(path)}, and no medium is there`);
    }
    const passedOver = [...this.#reasons].map(([reason, names]) => ({ reason, names: [...names].sort(byBytes) }));
    return { media, passedOver: passedOver.sort((a, b) => b.names.length - a.names.length) };
  }

  /** Under its own name if it has a caption there; else under those of its links, as in a cache that names files by their hash. */
  #takeOnce(target: string, links: readonly string[]): void {
    const isCaptioned = this.#beside(target).length > 0 || this.#toldOf(target).caption !== undefined;
    for (const path of isCaptioned ? links : [target]) {
      this.#media.delete(path);
      this.passOver(
        path,
        isCaptioned ? 'a link to a file that was accepted' : 'the target of a link that was accepted',
      );
    }
  }

  /** Of the nearest table that names the file. */
  #toldOf(path: string): ToldOfFile {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      for (const table of this.#tables.get(folder) ?? []) {
        const told = table.of(path);
        if (told) return told;
      }
      if (folder === dirname(folder)) return {};
    }
  }

  #beside(path: string): string[] {
    const names = this.#names.get(dirname(path));
    return names ? sidecarNames(path).flatMap((name) => (names.has(name) ? [join(dirname(path), name)] : [])) : [];
  }

  /** Texts that belong to media were not passed over: they are read with them. */
  #forgetSidecars(media: FoundMedium[]): void {
    for (const [reason, names] of this.#reasons) {
      for (const { path } of media) for (const name of sidecarNames(path)) names.delete(join(dirname(path), name));
      if (names.size === 0) this.#reasons.delete(reason);
    }
  }
}

/** Names as bytes: Node gives them here too, its types do not know it. */
function entriesOf(folder: string): Promise<AsyncIterable<Dirent<Buffer>>> {
  const options = { encoding: 'buffer', bufferSize: entriesAtOnce };
  return opendir(folder, options as object) as unknown as Promise<AsyncIterable<Dirent<Buffer>>>;
}
const entriesAtOnce = 256;

/** Why a file is no medium by its bytes, or null. */
async function whyNoMedium(path: string): Promise<string | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(signatureBytes), 0, signatureBytes, 0);
    const bytes = buffer.subarray(0, bytesRead);
    if (bytes.length === 0) return 'an empty file';
    if (mayBeMedia(bytes)) return null;
    const kind = otherKind(bytes) ?? unknownKind;
    if (kind.startsWith('a tar')) return tarInFolder;
    return kind.startsWith('an Apache Parquet') ? tableInFolder : kind;
  } finally {
    await file.close();
  }
}

function whyNot({ code }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'a file that does not exist (any more), or a broken link';
  if (code === 'ELOOP') return 'a link that leads to itself';
  if (code === 'EACCES' || code === 'EPERM') return 'a file or folder that this user may not read';
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
