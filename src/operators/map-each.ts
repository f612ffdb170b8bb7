import { mergeMap, Observable } from 'rxjs';
import { asVimiError, VimiError } from '../errors.js';
import type { DropReason, Envelope } from '../streams/envelope.js';
import type { Flow, Has } from './flow.js';
import type { Clock } from './operator.js';

const dropped = Symbol('dropped');
export interface Drop {
  [dropped]: DropReason;
}

/** What a step returns to leave an event out on purpose. */
export function drop(reason: DropReason): Drop {
  return { [dropped]: reason };
}

/** Returned by a step that gave the envelope its fate itself. */
export const settledHere = Symbol('settled here');

export interface MapEachOptions {
  /** The step's name, for rejects. */
  step: string;
  /** Envelopes worked on at once. What waits is bounded by the credit at the source. */
  concurrency: number;
  clock: Clock;
  /** Tries of a retryable failure, the first included. Default 3. */
  attempts?: number;
  /** Wait before the second try, in milliseconds; doubled each time. Default 200. */
  backoffMs?: number;
}

type Outcome = Partial<Flow> | Partial<Flow>[] | Drop | typeof settledHere;

/**
 * Applies `work` to each envelope: the fields it returns are added to the flow; a list splits the envelope; `drop`
 * leaves it out. A failure is tried again while it is retryable, then the envelope is rejected and the stream goes on.
 * Work whose envelope was aborted is abandoned without a fate: whoever owns the event next does it again; if it was
 * aborted with CANCELLED, it is dropped as cancelled.
 * Order is not kept. Derived from mergeMap, whose buffer is unbounded: the credit at the source is the bound.
 */
export function mapEach<N extends keyof Flow>(
  work: (data: Has<N>, envelope: Envelope<Has<N>>) => Promise<Outcome> | Outcome,
  { step, concurrency, clock, attempts = 3, backoffMs = 200 }: MapEachOptions,
) {
  return (source: Observable<Envelope<Flow>>): Observable<Envelope<Flow>> =>
    source.pipe(
      mergeMap(
        // By hand, as this runs for every event in every step: defer, from and catchError would double its cost.
        (envelope) =>
          new Observable<Envelope<Flow>>((subscriber) => {
            attempt(envelope as Envelope<Has<N>>).then(
              (next) => {
                for (const one of next) subscriber.next(one);
                subscriber.complete();
              },
              (defect) => {
                try {
                  envelope.settle({ kind: 'rejected', error: asVimiError(defect), step, attempts: 1 });
                  subscriber.complete();
                } catch (settledTwice) {
                  subscriber.error(settledTwice);
                }
              },
            );
          }),
        concurrency,
      ),
    );

  async function attempt(envelope: Envelope<Has<N>>): Promise<Envelope<Flow>[]> {
    for (let tries = 1; ; tries++) {
      if (envelope.signal.aborted) return abandon(envelope);
      let outcome: Outcome;
      try {
        outcome = await work(envelope.data, envelope);
      } catch (thrown) {
        if (envelope.signal.aborted) return abandon(envelope);
        const error = asVimiError(thrown);
        if (error.retryable && tries < attempts) {
          await clock.sleep(backoffMs * 2 ** (tries - 1), envelope.signal);
          continue;
        }
        envelope.settle({ kind: 'rejected', error, step, attempts: tries });
        return [];
      }
      if (outcome === settledHere) return [];
      if (envelope.signal.aborted) return abandon(envelope);
      if (Array.isArray(outcome)) return envelope.fork(outcome.map((fields) => ({ ...envelope.data, ...fields })));
      if (dropped in outcome) {
        envelope.settle({ kind: 'dropped', reason: (outcome as Drop)[dropped] });
        return [];
      }
      return [envelope.with({ ...envelope.data, ...outcome })];
    }
  }

  function abandon(envelope: Envelope): [] {
    const reason: unknown = envelope.signal.reason;
    if (reason instanceof VimiError && reason.code === 'CANCELLED')
      envelope.settle({ kind: 'dropped', reason: 'cancelled' });
    return [];
  }
}
