import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  Scalar,
} from 'yaml';
import {
  hasHiddenCharacters,
  hideVariables,
  type Surroundings,
  showVariables,
  substitute,
  type Unset,
} from './environment.js';
import { type Mistakes, type Place, quote } from './mistake.js';

const mostBytes = 256 * 1024;
/** Counted after aliases are followed, so that a few anchors cannot become a billion values. */
const mostValues = 20_000;
const deepest = 32;

/** A value of the file and where it stands. */
export type Placed = PlacedScalar | PlacedList | PlacedMap;

export interface PlacedScalar {
  kind: 'scalar';
  place: Place;
  value: string | number | boolean | null;
  /** Present when it holds values from the environment or from files: as it stands in the file, and what it says as text. */
  variables?: { written: string; text: string; unset: Unset[] };
}

export interface PlacedList {
  kind: 'list';
  place: Place;
  items: Placed[];
}

export interface PlacedMap {
  kind: 'map';
  place: Place;
  entries: Map<string, PlacedEntry>;
}

export interface PlacedEntry {
  name: string;
  /** Of the key. */
  place: Place;
  value: Placed;
}

/**
 * Parses YAML into values with places. `file`: what it is, if it is not the topology's file. undefined: nothing of it can be used;
 * `mistakes` says why.
 */
export function readSource(text: string, around: Surroundings, mistakes: Mistakes, file?: string): Placed | undefined {
  const start: Place = { line: 1, column: 1, ...(file && { file }) };
  if (Buffer.byteLength(text) > mostBytes)
    return void mistakes.add('too-large', start, `this file is too large: expected at most ${mostBytes} bytes`);
  if (hasHiddenCharacters(text))
    return void mistakes.add('syntax', start, 'characters U+E000 to U+E0FF (private use) are not allowed');

  const lines = new LineCounter();
  let document: ReturnType<typeof parseDocument>;
  try {
    document = parseDocument(hideVariables(text), {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
      // Compares every key with every other; below it takes one look.
      uniqueKeys: false,
    });
  } catch (thrown) {
    const reason = thrown instanceof RangeError ? 'nested too deeply' : showVariables(String(thrown));
    return void mistakes.add('syntax', start, `this cannot be read as YAML: ${reason}`);
  }
  const at = (offset: number | undefined): Place => {
    const { line, col } = lines.linePos(offset ?? 0);
    return { line, column: col, ...(file && { file }) };
  };
  const broken = [...document.errors, ...document.warnings];
  const exhausted = broken.find(({ message }) => message.includes('call stack'));
  for (const { message, pos } of exhausted ? [exhausted] : broken)
    mistakes.add('syntax', at(pos[0]), exhausted ? 'nested too deeply' : showVariables(message));
  if (broken.length > 0) return undefined;

  /** The latest of each name, as YAML has it; what is met while an alias is followed was there before. */
  const anchors = new Map<string, Node>();
  let following = 0;
  let values = 0;
  let refused = false;
  const refuse = (place: Place, reason: string): PlacedScalar => {
    if (!refused) mistakes.add('too-large', place, reason);
    refused = true;
    return { kind: 'scalar', place, value: null };
  };

  const placed = convert(document.contents, 1, undefined);
  return refused ? undefined : placed;

  function convert(node: Node | null, depth: number, around: Place | undefined): Placed {
    const place = node?.range ? at(node.range[0]) : (around ?? start);
    values++;
    if (refused || values > mostValues) return refuse(place, `too many values: expected at most ${mostValues}`);
    if (depth > deepest) return refuse(place, `nested too deeply: expected at most ${deepest} levels`);
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (!target) mistakes.add('syntax', place, `there is no anchor ${quote(node.source)} before this alias`);
      following++;
      const followed = { ...convert(target ?? null, depth + 1, place), place };
      following--;
      return followed;
    }
    if (node && 'anchor' in node && node.anchor && following === 0) anchors.set(node.anchor, node);
    if (isSeq(node))
      return { kind: 'list', place, items: node.items.map((item) => convert(item as ParsedNode, depth + 1, place)) };
    if (isMap(node)) {
      const entries = new Map<string, PlacedEntry>();
      for (const { key, value } of node.items) {
        const keyPlace = isNode(key) && key.range ? at(key.range[0]) : place;
        if (!isScalar(key) || key.value === null || typeof key.value === 'object') {
          mistakes.add('syntax', keyPlace, 'a key must be a plain name');
          continue;
        }
        const name = showVariables(String(key.value));
        if (name.includes('${')) mistakes.add('environment', keyPlace, 'a key cannot come from the environment');
        if (entries.has(name))
          mistakes.add('duplicate-key', keyPlace, `the key ${quote(name)} stands here a second time`, { found: name });
        else entries.set(name, { name, place: keyPlace, value: convert(value as Node | null, depth + 1, keyPlace) });
      }
      return { kind: 'map', place, entries };
    }
    return isScalar(node) ? scalar(node, place) : { kind: 'scalar', place, value: null };
  }

  function scalar(node: Scalar, place: Place): PlacedScalar {
    const { value } = node;
    if (typeof value !== 'string') {
      const plain = typeof value === 'number' || typeof value === 'boolean' ? value : null;
      return { kind: 'scalar', place, value: plain };
    }
    const { text: result, used, broken, unset } = substitute(value, around);
    if (broken)
      mistakes.add(
        'environment',
        place,
        `${quote(showVariables(value))} cannot be read: expected \${NAME}, \${NAME:-default} or \${file:PATH}`,
      );
    if (used === 0) return { kind: 'scalar', place, value };
    return {
      kind: 'scalar',
      place,
      value: node.type === Scalar.PLAIN ? plainValue(result) : result,
      variables: { written: showVariables(value), text: result, unset },
    };
  }
}

/** What YAML would make of an unquoted text. */
function plainValue(text: string): PlacedScalar['value'] {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  if (/^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text)) return Number(text);
  return text;
}

/** The value without its places. Variables that are not set are undefined. */
export function plain(node: Placed): unknown {
  if (node.kind === 'list') return node.items.map(plain);
  if (node.kind === 'map')
    return Object.fromEntries([...node.entries.values()].map(({ name, value }) => [name, plain(value)]));
  return node.variables && node.variables.unset.length > 0 ? undefined : node.value;
}

/** How a value is shown to people: what comes from the environment or a file, by its name. */
export function shown(node: Placed): string {
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : `a list of ${node.items.length}`;
  if (node.kind === 'map') return 'a map';
  if (node.variables) return node.variables.written;
  if (node.value === null) return 'nothing';
  return typeof node.value === 'string' ? quote(node.value) : String(node.value);
}

/** Reports each value below `node` that neither the environment nor a file gives. */
export function reportUnset(node: Placed, mistakes: Mistakes): void {
  if (node.kind === 'list') for (const item of node.items) reportUnset(item, mistakes);
  else if (node.kind === 'map') for (const { value } of node.entries.values()) reportUnset(value, mistakes);
  else
    for (const { written, reason } of node.variables?.unset ?? [])
      mistakes.add('environment', node.place, reason, { found: written });
}
