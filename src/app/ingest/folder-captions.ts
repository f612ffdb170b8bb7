import { basename, join, relative } from 'node:path';
import { parse } from 'csv-parse/sync';
import { readBounded } from '../../core/bounded-file.js';
import type { VimiError } from '../../core/errors.js';
import type { Labels } from '../../events/caption.js';
import { within } from '../../events/input.js';
import { textOf } from '../../media/text-of.js';
import { captionColumns, captionIn, isText } from './caption-columns.js';
import { csvFormat, hasTooManyCells, tooManyCells } from './csv-rows.js';
import { labelsIn } from './labels-in.js';

/*
 * A folder of images as Hugging Face's `imagefolder` has it: a table in the folder or above it names each file and says
 * what it shows. metadata.csv has a first line with names of columns, metadata.jsonl an object on each line. The file
 * stands in `file_name`, as a path from the table on; the caption in one of the columns for captions. Other columns are
 * labels, where they are wanted.
 */

export const tableNames = ['metadata.csv', 'metadata.jsonl'];
const bounds = {
  most: 256 * 1024 ** 2,
  unreadable: ['FILE_UNUSABLE', 'it does not open'],
  tooLarge: ['FILE_UNUSABLE', 'it is too large'],
} as const;
const mostCharacters = 4000;

export interface FolderCaptions {
  /** The table. */
  path: string;
  /** Of a file, by its absolute path. */
  of(file: string): ToldOfFile | undefined;
  /** Files that it names, from the table's folder on. */
  files: string[];
}

/** What a table says of a file. */
export interface ToldOfFile {
  caption?: string;
  labels?: Labels;
}

type Row = Record<string, unknown>;

/** Reads a table; `mistake` hears of what of it, or that all of it, cannot be used. */
export async function readFolderCaptions(
  path: string,
  wanted: readonly string[],
  mistake: (what: string) => void,
): Promise<FolderCaptions | undefined> {
  let rows: Row[];
  try {
    const text = textOf(await readBounded(path, bounds), path).replace(/^\ufeff/, '');
    rows = path.endsWith('.csv') ? csvRows(text, mistake) : jsonRows(text, mistake);
  } catch (error) {
    mistake(`a table of captions that cannot be read: ${(error as VimiError).message.split('\n')[0]}`);
    return undefined;
  }
  const folder = join(path, '..');
  const captions = new Map<string, ToldOfFile>();
  for (const row of rows) {
    const name = row.file_name;
    const caption = captionIn((column) => row[column]);
    const told = labelsIn(row, wanted);
    if (!isText(name) || (caption === undefined && !told.labels)) continue;
    if (caption === undefined) captions.set(keyOf(name), told);
    else if (within(caption.trim(), 1, mostCharacters)) captions.set(keyOf(name), { caption: caption.trim(), ...told });
    else mistake(`a table of captions with one of more than ${mostCharacters} characters`);
  }
  if (captions.size === 0) mistake(`a table of captions without file_name and one of ${captionColumns.join(', ')}`);
  return { path, of: (file) => captions.get(keyOf(relative(folder, file))), files: [...captions.keys()] };
}

/** A file's name, however its accents are written: tables and disks do it in two ways. */
const keyOf = (name: string) => join(name).normalize('NFC');

function csvRows(text: string, mistake: (what: string) => void): Row[] {
  let columns = 0;
  return parse(text, {
    ...csvFormat,
    columns(names: string[]) {
      const trimmed = csvFormat.columns(names);
      columns = trimmed.length;
      return trimmed;
    },
    on_record(row: Row, info) {
      if (!hasTooManyCells(info, columns)) return row;
      mistake(`a table of captions with ${tooManyCells}`);
      return null;
    },
  });
}

function jsonRows(text: string, mistake: (what: string) => void): Row[] {
  const rows: Row[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    try {
      const row: unknown = JSON.parse(line);
      if (typeof row === 'object' && row !== null) rows.push(row as Row);
      else mistake('a table of captions with a line that is not a JSON object');
    } catch {
      mistake('a table of captions with a line that is not JSON');
    }
  }
  return rows;
}

export function isTable(path: string): boolean {
  return tableNames.includes(basename(path));
}
