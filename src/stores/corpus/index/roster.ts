import { crc32 } from 'node:zlib';
import type { RetrievedAs } from '../corpus.js';

export interface RosterEntry {
  /** 64 hex digits. */
  id: string;
  /** As what it can be retrieved. */
  as: Record<RetrievedAs, boolean>;
  /** It has vectors of the index's own embedder. */
  vectors: boolean;
  perceptual: string;
  source: string;
  licence: string;
}

export interface RosterFilter {
  kind: RetrievedAs;
  source?: string;
  licences?: string[];
  /** Labels left out. */
  without: ReadonlySet<number>;
}

const idBytes = 32;
const present = 1;
const image = 2;
const vectors = 4;
const clip = 8;
const flagOf = { image, clip };

/**
 * What filters and near-duplicate scans need of every document, in memory: 49 bytes a label. A scan for near-duplicates
 * compares all hashes, some milliseconds for a million documents; past that, another store belongs behind the contract.
 */
export class Roster {
  /** Documents that have vectors, and can be retrieved: at all, as an image, as a clip. */
  searchable = 0;
  readonly searchableAs = { image: 0, clip: 0 };
  #end = 0;
  #flags = new Uint8Array(1024);
  #high = new Uint32Array(1024);
  #low = new Uint32Array(1024);
  /** CRC-32 of the source: two sources that share it leave each other out too, one pair in four thousand million. */
  #sources = new Uint32Array(1024);
  #licences = new Uint32Array(1024);
  /** 32 bytes each. */
  #ids = Buffer.alloc(1024 * idBytes);
  readonly #licenceNumbers = new Map<string, number>();

  set(label: number, entry: RosterEntry): void {
    this.remove(label);
    if (label >= this.#flags.length) this.#grow(label + 1);
    const { as } = entry;
    this.#flags[label] = present | (as.image ? image : 0) | (as.clip ? clip : 0) | (entry.vectors ? vectors : 0);
    this.#high[label] = Number.parseInt(entry.perceptual.slice(0, 8), 16);
    this.#low[label] = Number.parseInt(entry.perceptual.slice(8), 16);
    this.#sources[label] = crc32(entry.source);
    this.#licences[label] = this.#licenceNumber(entry.licence);
    this.#ids.write(entry.id, label * idBytes, 'hex');
    this.#end = Math.max(this.#end, label + 1);
    this.#count(label, 1);
  }

  remove(label: number): void {
    if (label >= this.#end) return;
    this.#count(label, -1);
    this.#flags[label] = 0;
  }

  /** It has vectors, and can be retrieved as this; left out: at all. */
  isSearchable(label: number, kind?: RetrievedAs): boolean {
    if (label >= this.#end) return false;
    const flags = this.#flags[label]!;
    return (flags & vectors) !== 0 && (flags & (kind ? flagOf[kind] : image | clip)) !== 0;
  }

  idOf(label: number): string {
    return this.#ids.toString('hex', label * idBytes, (label + 1) * idBytes);
  }

  /** In the order of the ids. */
  isBefore(a: number, b: number): boolean {
    const ids = this.#ids;
    return ids.compare(ids, b * idBytes, (b + 1) * idBytes, a * idBytes, (a + 1) * idBytes) < 0;
  }

  /** A test of labels that can be retrieved against a filter; it cannot throw (the vector index would abort the process). */
  allows({ kind, source, licences, without }: RosterFilter): (label: number) => boolean {
    const own = source === undefined ? null : crc32(source);
    const wanted = flagOf[kind];
    const allowed = licences?.length ? new Set(licences.map((name) => this.#licenceNumbers.get(name))) : null;
    return (label) =>
      label < this.#end &&
      (this.#flags[label]! & wanted) !== 0 &&
      (own === null || this.#sources[label] !== own) &&
      (allowed === null || allowed.has(this.#licences[label]!)) &&
      !without.has(label);
  }

  /** Labels whose hash is at most `distance` bits away. The hash of a flat image says nothing and is near to none. */
  near(perceptual: string, distance: number): Map<number, number> {
    const found = new Map<number, number>();
    const [high, low] = [Number.parseInt(perceptual.slice(0, 8), 16), Number.parseInt(perceptual.slice(8), 16)];
    if (high === 0 && low === 0) return found;
    for (let label = 0; label < this.#end; label++) {
      if (this.#flags[label] === 0) continue;
      const bits = ones(this.#high[label]! ^ high) + ones(this.#low[label]! ^ low);
      if (bits <= distance) found.set(label, bits);
    }
    return found;
  }

  isRetrievable(label: number): boolean {
    return label < this.#end && (this.#flags[label]! & (image | clip)) !== 0;
  }

  toColumns() {
    const part = <C extends Uint8Array | Uint32Array>(column: C) => column.subarray(0, Math.max(1, this.#end)) as C;
    return {
      flags: part(this.#flags),
      high: part(this.#high),
      low: part(this.#low),
      sources: part(this.#sources),
      licences: part(this.#licences),
      ids: this.#ids.subarray(0, Math.max(1, this.#end) * idBytes),
      licenceNames: [...this.#licenceNumbers.keys()],
    };
  }

  static fromColumns(columns: ReturnType<Roster['toColumns']>): Roster {
    const roster = new Roster();
    roster.#flags = columns.flags;
    roster.#high = columns.high;
    roster.#low = columns.low;
    roster.#sources = columns.sources;
    roster.#licences = columns.licences;
    roster.#ids = columns.ids;
    for (const name of columns.licenceNames) roster.#licenceNumber(name);
    roster.#end = columns.flags.length;
    for (let label = 0; label < roster.#end; label++) roster.#count(label, 1);
    return roster;
  }

  #count(label: number, one: 1 | -1): void {
    if (this.isSearchable(label)) this.searchable += one;
    for (const kind of ['image', 'clip'] as const) if (this.isSearchable(label, kind)) this.searchableAs[kind] += one;
  }

  #licenceNumber(name: string): number {
    const known = this.#licenceNumbers.get(name);
    if (known !== undefined) return known;
    this.#licenceNumbers.set(name, this.#licenceNumbers.size);
    return this.#licenceNumbers.size - 1;
  }

  #grow(least: number): void {
    const size = Math.max(least, this.#flags.length * 2);
    const wider = new Uint8Array(size);
    wider.set(this.#flags);
    this.#flags = wider;
    const longer = (column: Uint32Array) => {
      const made = new Uint32Array(size);
      made.set(column);
      return made;
    };
    this.#high = longer(this.#high);
    this.#low = longer(this.#low);
    this.#sources = longer(this.#sources);
    this.#licences = longer(this.#licences);
    const ids = Buffer.alloc(size * idBytes);
    ids.set(this.#ids);
    this.#ids = ids;
  }
}

/** Bits set in 32. */
function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
