import { Observable } from 'rxjs';
import { waitAfter } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { asVimiError, VimiError } from '../core/errors.js';
import type { DropReason, Envelope } from './envelope.js';
import type { Flow, Has } from './flow.js';
import type { Step } from './operator.js';
import { WaitingList } from './waiting-list.js';

const dropped = Symbol.for('vimi.dropped');
export interface Drop<R extends DropReason = DropReason> {
  [dropped]: { kind: 'dropped'; reason: R; of?: string };
}

/** What a step returns to leave an event out on purpose; it may say `of` what a duplicate is one, by its uri, or what else it was for. */
export function drop<const R extends DropReason>(reason: R, of?: string): Drop<R> {
  return { [dropped]: { kind: 'dropped', reason, ...(of !== undefined && { of }) } };
}

/** The reason, where what a step returned is a drop. */
export function reasonOf(returned: object): DropReason | undefined {
  return (returned as Partial<Drop>)[dropped]?.reason;
}

/** What a step returns when the event goes no further and is done: it counts as delivered. */
export const delivered: unique symbol = Symbol.for('vimi.delivered');

export interface MapEachOptions {
  /** The step's name, for rejects. */
  step: string;
  /** Envelopes worked on at once; asked whenever one may begin. What waits is bounded by the credit at the source. */
  concurrency: number | (() => number);
  clock: Clock;
  /** Tries of a failure that may pass, the first included. Default 3. */
  attempts?: number;
  /** Wait before the second try, in milliseconds; doubled each time. Default 200. */
  backoffMs?: number;
}

/** What work on one event comes to. */
export type Returned = Partial<Flow> | Partial<Flow>[] | Drop | typeof delivered;

/**
 * Applies `work` to each envelope: the fields it returns are added to the flow; a list splits the envelope; `drop`
 * leaves it out; `delivered` ends it. What fails is treated by whose fault it is (src/core/errors.ts): the input's: the envelope is rejected and the
 * stream goes on; passing: it is tried again before that; of the surroundings: the pipeline pauses until it succeeds. A
 * pipeline that is paused begins with nothing here.
 * Work whose envelope was aborted is abandoned without an outcome: whoever owns the event next does it again. If it was
 * aborted with CANCELLED it is dropped as cancelled, with REQUEST_EXPIRED rejected; at once when it was still waiting.
 * Work may call `giveWay` once it no longer needs what its place stands for: another envelope begins while it ends.
 * Whose turn it is among those that wait: waiting-list.ts. Order is not kept. What mergeMap would do, by hand: it makes an observable, two subscribers and three promises for
 * every event in every step, which is most of what a small step costs. Work that returns no promise is done at once. The
 * queue is unbounded, as mergeMap's is: the credit at the source is the bound.
 */
export function mapEach<N extends keyof Flow>(
  work: (data: Has<N>, envelope: Envelope<Has<N>>, giveWay: () => void) => Promise<Returned> | Returned,
  { step, concurrency, clock, attempts = 3, backoffMs = 200 }: MapEachOptions,
): Step<N> {
  return (source: Observable<Envelope<Flow>>): Observable<Envelope<Flow>> =>
    new Observable((subscriber) => {
      const waiting = new WaitingList(clock, abandon, ({ watch }, by) => watch.waits(step, by));
      let active = 0;
      /** Those that gave way: they are worked on, and take no place. */
      let ending = 0;
      let ended = false;
      const hasPlace = () => active < (typeof concurrency === 'function' ? concurrency() : concurrency);

      const start = (envelope: Envelope<Flow>) => {
        active++;
        let hasGivenWay = false;
        const giveWay = () => {
          if (hasGivenWay) return;
          hasGivenWay = true;
          active--;
          ending++;
          goOn();
        };
        const leave = () => {
          if (hasGivenWay) ending--;
          else active--;
          hasGivenWay = true;
        };
        let result: ReturnType<typeof attempt>;
        try {
          result = begin(envelope as Envelope<Has<N>>, giveWay);
        } catch (defect) {
          refuse(envelope, defect, leave);
          return;
        }
        if (Array.isArray(result)) {
          finish(result, leave);
          return;
        }
        result.then(
          (made) => {
            finish(made, leave);
            goOn();
          },
          (defect) => {
            refuse(envelope, defect, leave);
            goOn();
          },
        );
      };
      const finish = (made: Envelope<Flow>[], leave: () => void) => {
        for (const one of made) subscriber.next(one);
        leave();
      };
      /** The step itself is wrong. When the envelope has its outcome already, nobody knows what becomes of it: all ends. */
      const refuse = (envelope: Envelope, defect: unknown, leave: () => void) => {
        try {
          envelope.settle({ kind: 'rejected', error: asVimiError(defect), step, attempts: 1 });
          leave();
        } catch {
          const found = defect instanceof Error ? defect.message : String(defect);
          fail(
            new VimiError('INTERNAL', `The step ${step} failed after an event had its outcome`, {
              found,
              cause: defect,
            }),
          );
        }
      };
      const fail = (error: unknown) => subscriber.error(error);
      const goOn = () => {
        while (!waiting.isEmpty && !subscriber.closed && hasPlace()) start(waiting.take()!);
        if (ended && active + ending === 0) subscriber.complete();
      };

      return source.subscribe({
        next(envelope) {
          if (hasPlace()) start(envelope);
          else waiting.add(envelope);
        },
        error: fail,
        complete() {
          ended = true;
          goOn();
        },
      });
    });

  function begin(envelope: Envelope<Has<N>>, giveWay: () => void): ReturnType<typeof attempt> {
    const { pause } = envelope;
    const task = { envelope, giveWay };
    return pause.isOn ? pause.over(envelope.signal).then(() => attempt(task, 1)) : attempt(task, 1);
  }

  function attempt(task: Task<N>, tries: number): Envelope<Flow>[] | Promise<Envelope<Flow>[]> {
    const { envelope } = task;
    if (envelope.isAborted) return abandon(envelope);
    let returned: Promise<Returned> | Returned;
    try {
      returned = traced(task);
    } catch (thrown) {
      return failed(task, thrown, tries);
    }
    if (!isPromise(returned)) {
      envelope.watch.passed(step);
      return made(envelope, returned);
    }
    return envelope.watch.watch(step, envelope.origin, returned).then(
      (known) => made(envelope, known),
      (thrown) => failed(task, thrown, tries),
    );
  }

  function traced({ envelope, giveWay }: Task<N>): Promise<Returned> | Returned {
    const { span } = envelope;
    if (!span) return work(envelope.data, envelope, giveWay);
    return span.step(step, envelope.part, () => work(envelope.data, envelope, giveWay));
  }

  async function again(task: Task<N>): Promise<Returned> {
    const { envelope } = task;
    const returned = traced(task);
    return isPromise(returned) ? envelope.watch.watch(step, envelope.origin, returned) : returned;
  }

  function made(envelope: Envelope<Has<N>>, returned: Returned): Envelope<Flow>[] {
    if (returned === delivered) {
      envelope.settle({ kind: 'delivered' });
      return [];
    }
    checkReturned(returned, step);
    if (envelope.isAborted) return abandon(envelope);
    if (Array.isArray(returned)) return envelope.fork(returned.map((fields) => ({ ...envelope.data, ...fields })));
    if (dropped in returned) {
      envelope.settle((returned as Drop)[dropped]);
      return [];
    }
    return [envelope.with({ ...envelope.data, ...returned })];
  }

  function failed(task: Task<N>, thrown: unknown, tries: number): Envelope<Flow>[] | Promise<Envelope<Flow>[]> {
    const { envelope } = task;
    if (envelope.isAborted) return abandon(envelope);
    const error = asVimiError(thrown);
    if (error.fault === 'surroundings')
      return envelope.pause
        .outlast(step, error, () => again(task), envelope.signal)
        .then(
          (known) => made(envelope, known),
          (other) => failed(task, other, tries),
        );
    if (error.fault === 'passing' && tries < attempts)
      return clock
        .sleep(waitAfter(tries - 1, { first: backoffMs, last: Infinity }), envelope.signal)
        .then(() => attempt(task, tries + 1));
    envelope.settle({ kind: 'rejected', error, step, attempts: tries });
    return [];
  }

  function abandon(envelope: Envelope): [] {
    const reason: unknown = envelope.signal.reason;
    if (!(reason instanceof VimiError)) return [];
    if (reason.code === 'CANCELLED') envelope.settle({ kind: 'dropped', reason: 'cancelled' });
    if (reason.code === 'REQUEST_EXPIRED') envelope.settle({ kind: 'rejected', error: reason, step, attempts: 1 });
    return [];
  }
}

/** Work on one envelope, with what gives its place away. */
interface Task<N extends keyof Flow> {
  envelope: Envelope<Has<N>>;
  giveWay(): void;
}

export function isPromise<T>(value: Promise<T> | T): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === 'function';
}

/** A custom operator can return anything, most often nothing by an oversight. */
function checkReturned(returned: unknown, step: string): void {
  const isFields = (value: unknown) => typeof value === 'object' && value !== null;
  if (Array.isArray(returned) ? returned.every(isFields) : isFields(returned)) return;
  throw new VimiError('INTERNAL', `The step ${step} returned no outcome`, {
    expected: 'the fields that it adds ({} for none), a list of them, drop(REASON) or delivered',
    found: Array.isArray(returned) ? 'a list that holds something else' : String(returned),
  });
}
