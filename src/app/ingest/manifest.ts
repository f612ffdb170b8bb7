import { extname } from 'node:path';
import { asVimiError } from '../../core/errors.js';
import { allowedPath, mediaPath, pathOf } from '../../media/media-path.js';
import { parseTarAddress } from '../../media/tar-address.js';
import { captionColumns, captionIn, isText } from './caption-columns.js';
import { csvRows } from './csv-rows.js';
import { Reading } from './expected-media.js';
import { jsonlRows } from './jsonl-rows.js';
import { labelsIn } from './labels-in.js';
import type { ManifestRow, Rows } from './manifest-row.js';
import type { MediaSource } from './media-source.js';
import { mediumVersion } from './medium-version.js';
import { versionOf, whyNotOffered } from './offered-medium.js';
import { parquetRows } from './parquet-rows.js';

/*
 * A table of media: one on each line or row. The first of these columns that a row has counts, whatever the case of their
 * names:
 *
 *   uri  url  file_name  path  image  video     a path from the manifest's folder on, file:, object:KEY, http: or https:
 *   caption  text  prompt  description          what it shows, of a list of texts the first; else the text beside the file
 *   source · licence  license                   as in the event
 *   those that the captions of the pipeline are made of: labels
 */

const addressColumns = ['uri', 'url', 'file_name', 'path', 'image', 'video'];
const licenceColumns = ['licence', 'license'];

/** All columns that are read. */
const manifestColumns = [...addressColumns, ...captionColumns, ...licenceColumns, 'source'];

const kinds: Record<string, (path: string, columns: string[]) => ReturnType<Rows>> = {
  '.jsonl': jsonlRows,
  '.ndjson': jsonlRows,
  '.csv': (path) => csvRows(path, ',', addressColumns),
  '.tsv': (path) => csvRows(path, '\t', addressColumns),
  '.parquet': (path, columns) => parquetRows(path, columns, addressColumns),
};

export function isManifest(path: string): boolean {
  return Object.hasOwn(kinds, kindOf(path));
}

/** By its name, also where gzip packed it. */
function kindOf(path: string): string {
  return extname(path.replace(/\.gz$/i, '')).toLowerCase();
}

/**
 * Rows that lead out of the roots are passed over, unopened: a manifest may be a stranger's. `labels`: columns that the
 * event is to have as labels.
 */
export function manifest(
  path: string,
  folder: string,
  { mediaRoots: roots, labels }: { mediaRoots: string[]; labels: readonly string[] },
): MediaSource {
  const columns = [...manifestColumns, ...labels.map((name) => name.toLowerCase())];
  const reading = new Reading();
  return {
    name: path,
    expected: () => reading.expected,
    async *media(passedOver) {
      for await (const { place, mistake, cells, share } of kinds[kindOf(path)]!(path, columns)) {
        const name = `${path}:${place}`;
        reading.read(share);
        const told = mistake === undefined ? await mediumOf(cells, folder, roots, labels) : mistake;
        if (typeof told === 'string') passedOver.add(told, name);
        else {
          reading.offered();
          yield told;
        }
      }
    },
  };
}

/** Of one row; a text says why there is none. */
async function mediumOf(cells: ManifestRow['cells'], folder: string, roots: string[], labels: readonly string[]) {
  const row = new Map(Object.entries(cells).map(([column, value]) => [column.toLowerCase(), value]));
  const first = (columns: string[]) => columns.map((column) => row.get(column)).find(isText);
  const address = first(addressColumns);
  if (address === undefined)
    return `a row without ${addressColumns.slice(0, -1).join(', ')} or ${addressColumns.at(-1)}`;
  const caption = captionIn((column) => row.get(column));
  if (caption === undefined && captionColumns.some((column) => isSomething(row.get(column)))) return noText;
  const [source, licence] = [['source'], licenceColumns].map(first);
  const facts = {
    ...(caption !== undefined && { caption: caption.trim() }),
    ...(source !== undefined && { source }),
    ...(licence !== undefined && { licence }),
    ...labelsIn(cells, labels),
  };
  const located = await locate(address, folder, roots);
  if ('why' in located) return located.why;
  const medium = { uri: located.uri, ...facts };
  const why = whyNotOffered(medium);
  if (why !== null) return why;
  const said = JSON.stringify(facts);
  return { ...medium, version: located.isFile ? await mediumVersion(medium.uri, said) : versionOf(medium.uri, said) };
}

type LocatedRow = { uri: string; isFile: boolean } | { why: string };

async function locate(address: string, folder: string, roots: string[]): Promise<LocatedRow> {
  if (/^(object:|https?:\/\/)/i.test(address)) return { uri: address, isFile: false };
  const tar = parseTarAddress(address);
  let path: string;
  try {
    path = await mediaPath(tar ? tar.path : address, roots, folder);
    await allowedPath(path, address, roots);
  } catch (thrown) {
    const { code, found = '', fault } = asVimiError(thrown);
    if (fault === 'surroundings') throw thrown;
    if (/^[a-z][a-z0-9+.-]*:$/i.test(found)) return { why: `an address that begins with ${found}` };
    // What else is wrong with it, its event comes to.
    if (code === 'MEDIA_FORBIDDEN' || tar) return { why: 'outside of media_roots' };
    path = pathOf(address, folder);
  }
  return tar ? { uri: address, isFile: false } : { uri: path, isFile: true };
}

/** Of a caption; it may be a number, which a captioner must not stand in for unheard. */
const noText = 'a caption that is not a text, nor a list of texts';

/** Neither left out nor empty. */
function isSomething(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isSomething);
  return typeof value === 'string' ? value.trim() !== '' : value !== null && value !== undefined;
}
