import { dirname, parse } from 'node:path';
import { countCharacters } from '../../core/cut-text.js';
import { type ErrorCode, VimiError } from '../../core/errors.js';
import { within } from '../../events/input.js';
import { openMedia, readStart } from '../../media/open-media.js';
import { textOf } from '../../media/text-of.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';

/*
 * The text beside a medium: what people and the tools that download data sets put there. The first of these that is there
 * and is not empty counts; endings in small or in capital letters:
 *
 *   fox.txt   fox.jpg.txt   fox.caption   fox.jpg.caption   the text
 *   fox.json  fox.jpg.json                                  its field `caption`, `text` or `description`; of a list the first text
 *
 * They lie beside the name that the event gives. Where that is a link, nothing beside its target is looked for: a cache
 * may keep the bytes of a thousand files in one folder, under names that say nothing.
 */

const sidecarCharacters = 4_000;
const textBytes = 16_384;
const jsonBytes = 1 << 20;
const captionFields = ['caption', 'text', 'description'];

/** Names, without folder, of the texts that may stand beside a medium of that name; the first that is there counts. */
export function sidecarNames(medium: string): string[] {
  const { name, base } = parse(medium);
  return ['txt', 'caption', 'json']
    .flatMap((ending) => [ending, ending.toUpperCase()])
    .flatMap((ending) => [`${name}.${ending}`, `${base}.${ending}`])
    .filter((candidate) => candidate !== base);
}

/** Of a file. CAPTION_UNREADABLE, PROMPT_TOO_LONG, MEDIA_FORBIDDEN (a link to outside of the roots). */
export async function sidecarOfFile(path: string, mediaRoots: string[]): Promise<string | undefined> {
  for (const name of sidecarNames(path)) {
    const beside = `${dirname(path)}/${name}`;
    const file = await openMedia(beside, beside, mediaRoots).catch((error: VimiError) => {
      const isNone: ErrorCode[] = ['MEDIA_NOT_FOUND', 'MEDIA_UNSUPPORTED'];
      if (isNone.includes(error.code)) return undefined;
      throw error;
    });
    if (!file) continue;
    try {
      const text = captionIn(name, await readStart(file.handle, mostBytes(name) + 1), beside);
      if (text !== undefined) return text;
    } finally {
      await file.close();
    }
  }
  return undefined;
}

/** Of an object; one question to the store, whatever there may be. */
export async function sidecarOfObject(key: string, objects: ObjectStore): Promise<string | undefined> {
  const { dir, name } = parse(key);
  const folder = dir === '' ? '' : `${dir}/`;
  const there = new Set<string>();
  for await (const other of objects.list(`${folder}${name}.`)) {
    there.add(other);
    if (there.size > 1000) break;
  }
  for (const candidate of sidecarNames(key)) {
    const beside = `${folder}${candidate}`;
    if (!there.has(beside)) continue;
    const bytes = await objects.get(beside, { maxBytes: mostBytes(candidate) });
    const text = captionIn(candidate, bytes, `object:${beside}`);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Bytes of a text of that name that are read. */
export function mostBytes(name: string): number {
  return /\.json$/i.test(name) ? jsonBytes : textBytes;
}

/** What the text of that name says of its medium; undefined: nothing. CAPTION_UNREADABLE, PROMPT_TOO_LONG. */
export function captionIn(name: string, bytes: Uint8Array, where: string): string | undefined {
  if (bytes.length > mostBytes(name)) throw tooLong(`more than ${mostBytes(name)} bytes`, where);
  const text = textOf(bytes, where);
  const caption = (/\.json$/i.test(name) ? fieldOf(text, where) : text)?.trim();
  if (!caption) return undefined;
  if (!within(caption, 1, sidecarCharacters)) throw tooLong(`${countCharacters(caption)} characters`, where);
  return caption;
}

function fieldOf(json: string, where: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new VimiError('CAPTION_UNREADABLE', 'The text of a medium cannot be read', {
      expected: 'JSON',
      found: 'something else',
      where,
      cause,
    });
  }
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const texts = captionFields.flatMap((name) => fields[name]).filter((field) => typeof field === 'string');
  return texts.find((text) => text.trim() !== '');
}

function tooLong(found: string, where: string): VimiError {
  return new VimiError('PROMPT_TOO_LONG', 'The text beside a medium is too long for a caption', {
    expected: `at most ${sidecarCharacters} characters`,
    found,
    where,
  });
}
