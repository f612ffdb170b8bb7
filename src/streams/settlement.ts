import { VimiError } from '../errors.js';
import type { VimiEvent } from '../events/event.js';
import type { Envelope, Fate } from './envelope.js';
import type { NewRecord, StoredRecord } from './transport.js';

/** What one consumed record came to, once every descendant has its fate. */
export interface Settlement {
  origin: StoredRecord;
  event: VimiEvent;
  /**
   * The record's own fate: delivered when any part was, else rejected when any part was, else dropped for the first
   * part's reason.
   */
  fate: Fate;
  parts: { part: string; fate: Fate }[];
  /** In the order of parts, whatever the order in which they finished. Outputs of rejected parts are left out. */
  outputs: NewRecord[];
}

/**
 * Opens the envelope of a consumed record. `onSettled` is called once, when the envelope and all that was forked from
 * it have their fates.
 */
export function openEnvelope<T>(
  origin: StoredRecord,
  event: VimiEvent,
  data: T,
  signal: AbortSignal,
  onSettled: (settlement: Settlement) => void,
): Envelope<T> {
  const settled: { part: string; fate: Fate; outputs: NewRecord[] }[] = [];
  let open = 1;

  const settle = (part: string, fate: Fate, outputs: NewRecord[]) => {
    settled.push({ part, fate, outputs: fate.kind === 'rejected' ? [] : outputs });
    open--;
    if (open > 0) return;
    settled.sort((a, b) => compareParts(a.part, b.part));
    onSettled({
      origin,
      event,
      fate: fateOfWhole(settled.map((one) => one.fate)),
      parts: settled.map(({ part, fate }) => ({ part, fate })),
      outputs: settled.flatMap((one) => one.outputs),
    });
  };

  const envelope = <D>(data: D, part: string, state: { used: boolean; outputs: NewRecord[] }): Envelope<D> => {
    const use = (what: string) => {
      if (state.used)
        throw new VimiError('INTERNAL', `An envelope was ${what} after it had its fate`, {
          where: `${origin.topic}/${origin.partition}/${origin.offset} part '${part}'`,
        });
    };
    return {
      event,
      origin,
      data,
      part,
      signal,
      with: (next) => envelope(next, part, state),
      fork(children, reason = 'custom') {
        use('forked');
        if (children.length === 0) {
          this.settle({ kind: 'dropped', reason });
          return [];
        }
        state.used = true;
        open += children.length - 1;
        return children.map((child, n) =>
          envelope(child, part === '' ? `${n}` : `${part}.${n}`, {
            used: false,
            outputs: n === 0 ? state.outputs : [],
          }),
        );
      },
      output(record) {
        use('given an output');
        state.outputs.push(record);
      },
      settle(fate) {
        use('settled');
        state.used = true;
        settle(part, fate, state.outputs);
      },
    };
  };
  return envelope(data, '', { used: false, outputs: [] });
}

function fateOfWhole(fates: Fate[]): Fate {
  return fates.find((fate) => fate.kind === 'delivered') ?? fates.find((fate) => fate.kind === 'rejected') ?? fates[0]!;
}

/** '2' before '10', '3' before '3.0'. */
export function compareParts(a: string, b: string): number {
  const left = a === '' ? [] : a.split('.').map(Number);
  const right = b === '' ? [] : b.split('.').map(Number);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}
