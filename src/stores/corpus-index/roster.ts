import { crc32 } from 'node:zlib';

export interface RosterEntry {
  retrievable: boolean;
  /** It has vectors of the index's own embedder. */
  vectors: boolean;
  perceptual: string;
  source: string;
  licence: string;
}

export interface RosterFilter {
  source?: string;
  licences?: string[];
  /** Labels left out. */
  without: ReadonlySet<number>;
}

const present = 1;
const retrievable = 2;
const vectors = 4;

/**
 * What filters and near-duplicate scans need of every document, in memory: 21 bytes a label. A scan for near-duplicates
 * compares all hashes, some milliseconds for a million documents; past that, another store belongs behind the contract.
 */
export class Roster {
  /** Retrievable documents that have vectors. */
  searchable = 0;
  private end = 0;
  private flags = new Uint8Array(1024);
  private high = new Uint32Array(1024);
  private low = new Uint32Array(1024);
  /** CRC-32 of the source: two sources that share it leave each other out too, one pair in four thousand million. */
  private sources = new Uint32Array(1024);
  private licences = new Uint32Array(1024);
  private readonly licenceNumbers = new Map<string, number>();

  set(label: number, entry: RosterEntry): void {
    this.remove(label);
    if (label >= this.flags.length) this.grow(label + 1);
    this.flags[label] = present | (entry.retrievable ? retrievable : 0) | (entry.vectors ? vectors : 0);
    this.high[label] = Number.parseInt(entry.perceptual.slice(0, 8), 16);
    this.low[label] = Number.parseInt(entry.perceptual.slice(8), 16);
    this.sources[label] = crc32(entry.source);
    this.licences[label] = this.licenceNumber(entry.licence);
    this.end = Math.max(this.end, label + 1);
    if (this.isSearchable(label)) this.searchable++;
  }

  remove(label: number): void {
    if (label >= this.end) return;
    if (this.isSearchable(label)) this.searchable--;
    this.flags[label] = 0;
  }

  isSearchable(label: number): boolean {
    return label < this.end && (this.flags[label]! & (retrievable | vectors)) === (retrievable | vectors);
  }

  /** A test of retrievable labels against a filter; it cannot throw (the vector index would abort the process). */
  allows({ source, licences, without }: RosterFilter): (label: number) => boolean {
    const own = source === undefined ? null : crc32(source);
    const allowed = licences?.length ? new Set(licences.map((name) => this.licenceNumbers.get(name))) : null;
    return (label) =>
      label < this.end &&
      (this.flags[label]! & retrievable) !== 0 &&
      (own === null || this.sources[label] !== own) &&
      (allowed === null || allowed.has(this.licences[label]!)) &&
      !without.has(label);
  }

  /** Labels whose hash is at most `distance` bits away. The hash of a flat picture says nothing and is near to none. */
  near(perceptual: string, distance: number): Map<number, number> {
    const found = new Map<number, number>();
    const [high, low] = [Number.parseInt(perceptual.slice(0, 8), 16), Number.parseInt(perceptual.slice(8), 16)];
    if (high === 0 && low === 0) return found;
    for (let label = 0; label < this.end; label++) {
      if (this.flags[label] === 0) continue;
      const bits = ones(this.high[label]! ^ high) + ones(this.low[label]! ^ low);
      if (bits <= distance) found.set(label, bits);
    }
    return found;
  }

  private licenceNumber(name: string): number {
    const known = this.licenceNumbers.get(name);
    if (known !== undefined) return known;
    this.licenceNumbers.set(name, this.licenceNumbers.size);
    return this.licenceNumbers.size - 1;
  }

  private grow(least: number): void {
    const size = Math.max(least, this.flags.length * 2);
    const wider = new Uint8Array(size);
    wider.set(this.flags);
    this.flags = wider;
    for (const column of ['high', 'low', 'sources', 'licences'] as const) {
      const longer = new Uint32Array(size);
      longer.set(this[column]);
      this[column] = longer;
    }
  }
}

/** Bits set in 32. */
function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
