import { dropReasons, type Outcome } from '../../flow/envelope.js';
import { type GroupPosition, metadataBudget } from '../transports/transport.js';

/*
 * What a commit remembers of a partition besides its committed offset, as the text of GroupPosition.metadata:
 *
 *   vimi1 {"b":"r...","f":{"delivered":12,"duplicate":3},"m":{"shard":4},"t":"jV1..."}
 *
 * b: the offsets settled beyond the committed offset; f: outcomes counted so far, once each because they are part of the commit;
 * m: the operators' states; t: the log whose offsets these are, where it has a name for good. Kafka keeps at most 4,096 bytes of it, so does everybody else.
 */

/** Offsets from (inclusive) to (exclusive). */
export interface Range {
  from: number;
  to: number;
}

export interface OutcomeCounts {
  delivered: number;
  rejected: number;
  /** By reason; what the ninth own reason and those after it left out is under `other`. */
  dropped: Record<string, number>;
}

export interface Position {
  /** Everything below is settled. */
  committedOffset: number;
  /** Settled beyond the committed offset, ascending, not touching. */
  beyond: Range[];
  counts: OutcomeCounts;
  /** Small numbers by operator name. */
  states: Record<string, number>;
  /** Which log's offsets these are; left out: not known. */
  log?: string;
}

export function isSettled({ committedOffset, beyond }: Position, offset: number): boolean {
  return offset < committedOffset || beyond.some(({ from, to }) => offset >= from && offset < to);
}

/** Bytes for the settled-beyond set. The rest holds the counts (under 1,000 bytes) and the states. */
export const beyondBudget = 2400;
/** Bytes for the names of all operators with a state, with their numbers. */
export const statesBudget = 600;

const prefix = 'vimi1 ';

export function emptyCounts(): OutcomeCounts {
  return { delivered: 0, rejected: 0, dropped: {} };
}

export function countOutcome(counts: OutcomeCounts, outcome: Outcome, times = 1): void {
  if (outcome.kind === 'dropped') {
    const reason = nameOf(outcome.reason, counts);
    counts.dropped[reason] = (counts.dropped[reason] ?? 0) + times;
  } else counts[outcome.kind] += times;
}

/** Own reasons are anybody's words: as many and as long as fit a commit, and a metric's labels. */
const ownReasons = { most: 8, characters: 32 };
const known: ReadonlySet<string> = new Set([...dropReasons, 'other']);

function nameOf(reason: string, { dropped }: OutcomeCounts): string {
  if (known.has(reason)) return reason;
  const name = reason.replace(/[^\w.-]+/g, '-').slice(0, ownReasons.characters) || 'custom';
  if (known.has(name) || Object.hasOwn(dropped, name)) return name;
  return Object.keys(dropped).filter((one) => !known.has(one)).length < ownReasons.most ? name : 'other';
}

/** Adds `more` to `counts`. */
export function addCounts(counts: OutcomeCounts, more: OutcomeCounts): void {
  counts.delivered += more.delivered;
  counts.rejected += more.rejected;
  for (const [reason, times] of Object.entries(more.dropped))
    if (times) countOutcome(counts, { kind: 'dropped', reason }, times);
}

export function encodePosition({ committedOffset, beyond, counts, states, log }: Position): GroupPosition {
  const outcomes: Record<string, number> = {};
  if (counts.delivered) outcomes.delivered = counts.delivered;
  if (counts.rejected) outcomes.rejected = counts.rejected;
  Object.assign(outcomes, counts.dropped);
  const b = encodeBeyond(committedOffset, beyond);
  return {
    offset: committedOffset,
    metadata: `${prefix}${JSON.stringify({ ...(b && { b }), f: outcomes, m: states, ...(log !== undefined && { t: log }) })}`,
  };
}

/**
 * Reads a position. `foreign`: the metadata was not ours or is damaged; then only the committed offset counts, and whatever was
 * settled beyond it is done again.
 */
export function decodePosition(position: GroupPosition | null): Position & { foreign: boolean } {
  const plain = { committedOffset: position?.offset ?? 0, beyond: [], counts: emptyCounts(), states: {} };
  if (position === null || position.metadata === '') return { ...plain, foreign: false };
  try {
    return { ...plain, ...decodeMetadata(position.offset, position.metadata), foreign: false };
  } catch {
    return { ...plain, foreign: true };
  }
}

function decodeMetadata(committedOffset: number, text: string): Omit<Position, 'committedOffset'> {
  if (!text.startsWith(prefix) || text.length > metadataBudget) throw new Error('not ours');
  const { b = '', f = {}, m = {}, t } = asRecord(JSON.parse(text.slice(prefix.length)));
  if (typeof b !== 'string') throw new Error('b is no text');
  const counts = emptyCounts();
  for (const [name, times] of Object.entries(asRecord(f))) {
    if (name === 'delivered' || name === 'rejected') counts[name] = asCount(times);
    else countOutcome(counts, { kind: 'dropped', reason: name }, asCount(times));
  }
  const states = Object.fromEntries(Object.entries(asRecord(m)).map(([name, state]) => [name, asCount(state)]));
  return { beyond: decodeBeyond(committedOffset, b), counts, states, ...(typeof t === 'string' && { log: t }) };
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no object');
  return value as Record<string, unknown>;
}

function asCount(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error('no count');
  return value as number;
}

/*
 * The set, relative to the committed offset, in whichever of two forms is shorter:
 *   r + base64url of varints: open, settled, open, settled ... run lengths
 *   m + base64url of a bit map, lowest bit first; 1: settled
 * Runs are short for long stretches, the map for alternating ones (6 offsets a character).
 */

const longestMap = metadataBudget * 6;

export function encodeBeyond(committedOffset: number, beyond: readonly Range[]): string {
  if (beyond.length === 0) return '';
  const runs: number[] = [];
  let at = committedOffset;
  for (const { from, to } of beyond) {
    pushVarint(runs, from - at);
    pushVarint(runs, to - from);
    at = to;
  }
  const span = at - committedOffset;
  if (span > longestMap || span / 8 >= runs.length) return `r${Buffer.from(runs).toString('base64url')}`;
  const map = Buffer.alloc(Math.ceil(span / 8));
  for (const { from, to } of beyond)
    for (let bit = from - committedOffset; bit < to - committedOffset; bit++) map[bit >> 3]! |= 1 << (bit & 7);
  return `m${map.toString('base64url')}`;
}

/** Throws on text that no encoder of ours wrote. */
function decodeBeyond(committedOffset: number, text: string): Range[] {
  if (text === '') return [];
  const bytes = Buffer.from(text.slice(1), 'base64url');
  if (text[0] === 'r') return decodeRuns(committedOffset, bytes);
  if (text[0] === 'm') return decodeMap(committedOffset, bytes);
  throw new Error('unknown form of set');
}

function decodeRuns(committedOffset: number, bytes: Buffer): Range[] {
  const ranges: Range[] = [];
  let at = committedOffset;
  let index = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[index++];
      if (byte === undefined) throw new Error('cut off');
      value += (byte & 127) * scale;
      if (!Number.isSafeInteger(value)) throw new Error('too large');
      if (byte < 128) return value;
    }
  };
  while (index < bytes.length) {
    const from = at + varint();
    const to = from + varint();
    if (!Number.isSafeInteger(to) || to === from || (from === at && ranges.length > 0)) throw new Error('no run');
    ranges.push({ from, to });
    at = to;
  }
  return ranges;
}

function decodeMap(committedOffset: number, map: Buffer): Range[] {
  const ranges: Range[] = [];
  for (let bit = 0; bit < map.length * 8; bit++) {
    if ((map[bit >> 3]! & (1 << (bit & 7))) === 0) continue;
    const last = ranges.at(-1);
    if (last?.to === committedOffset + bit) last.to++;
    else ranges.push({ from: committedOffset + bit, to: committedOffset + bit + 1 });
  }
  return ranges;
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}
