import { randomUUID } from 'node:crypto';
import type { CorpusState } from '../../../events/prompt.js';
import type { CorpusRecord } from '../corpus.js';
import type { NodeStarts } from './node-starts.js';
import type { StoredProperties } from './stored.js';

/** What the collection holds, and where it stands in the topic. */
export interface CollectionState extends CorpusState {
  /** Made by the first writer, and whenever records are to come again: what was read of another birth means nothing. */
  birth: string;
  /** What the count and the digest stand for. */
  positions: Positions;
  /** From here on records are to be written again, though they are counted. */
  again?: Positions | undefined;
  /** How often records were to be written again. What is written is of this round: see `vectorLength`. */
  round?: number;
  /** The nodes as they were started when this was written. */
  starts?: NodeStarts;
  /** Positions of a while ago, with the time. */
  earlier?: { at: number; positions: Positions }[];
}

export type Positions = Record<number, number>;

/**
 * A node that is killed may lose what it acknowledged in its last moments. When one was away, the records of the last one to
 * two of these are written again.
 */
const memoryMs = 60_000;

export const unborn: CollectionState = { birth: '', positions: {}, documents: 0, digest: '0'.repeat(32) };

/** The same documents; the last records are to come again, and what is written from now on is of a new round. */
export function rewound(state: CollectionState, starts: NodeStarts): CollectionState {
  const from = state.earlier?.at(0)?.positions ?? {};
  const again = Object.fromEntries(Object.keys(state.positions).map((partition) => [partition, from[+partition] ?? 0]));
  return {
    ...state,
    birth: randomUUID(),
    again,
    round: (state.round ?? 0) + 1,
    starts: { ...state.starts, ...starts },
  };
}

/** With the records that are `written`. What they change of the count and the digest is not in it yet. */
export function advanced(
  state: CollectionState,
  written: readonly CorpusRecord[],
  starts: NodeStarts,
): CollectionState {
  const positions = { ...state.positions };
  for (const { partition, offset } of written) positions[partition] = Math.max(offset + 1, positions[partition] ?? 0);
  return {
    ...{ ...state, birth: state.birth || randomUUID(), positions, again: stillAgain(written, state) },
    ...{ starts: { ...state.starts, ...starts }, earlier: earlierThan(state) },
  };
}

/**
 * The engine does not index a vector that it has stored already, though its index may have lost it: a node that is killed
 * keeps documents of the batch that it was just writing, and not their vectors. So each round writes vectors of another
 * length. As a power of two it changes no digit of a cosine.
 */
export function vectorLength({ round = 0 }: CollectionState): number {
  return 2 ** (round % 16);
}

/** Next offset wanted of each partition. */
export function fedUpTo({ positions, again }: CollectionState): Positions {
  return { ...positions, ...again };
}

export function wantedOf(records: readonly CorpusRecord[], state: CollectionState): CorpusRecord[] {
  const next = fedUpTo(state);
  return records.filter(({ partition, offset }) => offset >= (next[partition] ?? 0));
}

/** Those of `records` that are counted already. */
export function comingAgain(records: readonly CorpusRecord[], { again, positions }: CollectionState): CorpusRecord[] {
  return records.filter(({ partition, offset }) => partition in (again ?? {}) && offset < (positions[partition] ?? 0));
}

function stillAgain(written: readonly CorpusRecord[], { again, positions }: CollectionState): Positions | undefined {
  if (!again) return undefined;
  const left = { ...again };
  for (const { partition, offset } of written) if (partition in left) left[partition] = offset + 1;
  for (const partition of Object.keys(left)) if (left[+partition]! >= positions[+partition]!) delete left[+partition];
  return Object.keys(left).length > 0 ? left : undefined;
}

function earlierThan({ earlier = [], positions }: CollectionState): NonNullable<CollectionState['earlier']> {
  const at = Date.now();
  const last = earlier.at(-1);
  return last && at - last.at < memoryMs ? earlier : [...earlier.slice(-1), { at, positions }];
}

export function isCounted(old: StoredProperties, state: CollectionState): boolean {
  return isPast(old, state) ? (old.retrievable || old.clip) && !old.removed : old.counted;
}

/** The state knows of the record that wrote it. */
export function isPast({ partition, offset }: StoredProperties, { positions }: CollectionState): boolean {
  return offset < (positions[partition] ?? 0);
}
