import { Observable } from 'rxjs';
import { waitAfter } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import { asVimiError, VimiError } from '../core/errors.js';
import type { DropReason, Envelope } from './envelope.js';
import type { Flow, Has } from './flow.js';
import type { Step } from './operator.js';
import type { After } from './order.js';
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
  /** Begins with an event only after all that were published before have begun here, or have their outcome. Default: as they come. */
  after?: After | undefined;
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
 * Work may give its `place` away once it no longer needs what that stands for: another envelope begins while it ends.
 * Whose turn it is among those that wait: waiting-list.ts. Order is not kept, but where work begins `after` others. What mergeMap would do, by hand: it makes an observable, two subscribers and three promises for
 * every event in every step, which is most of what a small step costs. Work that returns no promise is done at once. The
 * queue is unbounded, as mergeMap's is: the credit at the source is the bound.
 */
export function mapEach<N extends keyof Flow>(
  work: (data: Has<N>, envelope: Envelope<Has<N>>, place: Place) => Promise<Returned> | Returned,
  { step, concurrency, clock, attempts = 3, backoffMs = 200, after }: MapEachOptions,
): Step<N> {
  return (source: Observable<Envelope<Flow>>): Observable<Envelope<Flow>> =>
    new Observable((subscriber) => {
      const waiting = new WaitingList(clock, abandon, ({ watch }, by) => watch.waits(step, by));
      const places = new Places(concurrency, () => goOn());
      let ended = false;
      const isTurn = ({ order, origin }: Envelope<Flow>) => {
        if (!after || !order || order.isTurn(origin, step, after)) return true;
        order.onChange(goOn);
        return false;
      };

      const start = (envelope: Envelope<Flow>) => {
        if (after === 'begun') envelope.order?.begun(envelope.origin, step);
        const task = new Task(envelope as Envelope<Has<N>>, places);
        let result: ReturnType<typeof attempt>;
        try {
          result = begin(task);
        } catch (defect) {
          refuse(task, defect);
          return;
        }
        if (Array.isArray(result)) {
          finish(task, result);
          return;
        }
        result.then(
          (made) => {
            finish(task, made);
            goOn();
          },
          (defect) => {
            refuse(task, defect);
            goOn();
          },
        );
      };
      const finish = (task: Task<N>, made: Envelope<Flow>[]) => {
        for (const one of made) subscriber.next(one);
        task.leave();
      };
      /** The step itself is wrong. When the envelope has its outcome already, nobody knows what becomes of it: all ends. */
      const refuse = (task: Task<N>, defect: unknown) => {
        try {
          task.envelope.settle({ kind: 'rejected', error: asVimiError(defect), step, attempts: 1 });
          task.leave();
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
        while (!waiting.isEmpty && !subscriber.closed && places.areFree) {
          const next = waiting.take(isTurn);
          if (!next) break;
          start(next);
        }
        if (ended && places.areEmpty && waiting.isEmpty) subscriber.complete();
      };

      return source.subscribe({
        next(envelope) {
          if (places.areFree && isTurn(envelope)) start(envelope);
          else waiting.add(envelope);
        },
        error: fail,
        complete() {
          ended = true;
          goOn();
        },
      });
    });

  function begin(task: Task<N>): ReturnType<typeof attempt> {
    const { pause } = task.envelope;
    return pause.isOn ? pause.over(task.envelope.signal).then(() => attempt(task, 1)) : attempt(task, 1);
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

  function traced(task: Task<N>): Promise<Returned> | Returned {
    const { envelope } = task;
    const { span } = envelope.work;
    if (!span) return work(envelope.data, envelope, task);
    return span.step(step, envelope.part, () => work(envelope.data, envelope, task));
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
    return [addsNothing(returned) ? envelope : envelope.with({ ...envelope.data, ...returned })];
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
    const { reason } = envelope.work;
    if (!reason) return [];
    if (reason.code === 'CANCELLED') envelope.settle({ kind: 'dropped', reason: 'cancelled' });
    if (reason.code === 'REQUEST_EXPIRED') envelope.settle({ kind: 'rejected', error: reason, step, attempts: 1 });
    return [];
  }
}

/** What work on an envelope takes of its step's concurrency. */
export interface Place {
  /** Another envelope may begin; only the first call counts. */
  giveWay(): void;
}

class Task<N extends keyof Flow> implements Place {
  readonly envelope: Envelope<Has<N>>;
  readonly #places: Places;
  #gaveWay = false;

  constructor(envelope: Envelope<Has<N>>, places: Places) {
    this.envelope = envelope;
    this.#places = places;
    places.active++;
  }

  giveWay(): void {
    if (this.#gaveWay) return;
    this.#gaveWay = true;
    this.#places.givenAway();
  }

  leave(): void {
    if (this.#gaveWay) this.#places.ending--;
    else this.#places.active--;
    this.#gaveWay = true;
  }
}

/** The places of one step. */
class Places {
  active = 0;
  /** Those that gave way: they are worked on, and take no place. */
  ending = 0;
  readonly #concurrency: MapEachOptions['concurrency'];
  readonly #onFree: () => void;

  constructor(concurrency: MapEachOptions['concurrency'], onFree: () => void) {
    this.#concurrency = concurrency;
    this.#onFree = onFree;
  }

  get areFree(): boolean {
    return this.active < (typeof this.#concurrency === 'function' ? this.#concurrency() : this.#concurrency);
  }

  get areEmpty(): boolean {
    return this.active + this.ending === 0;
  }

  givenAway(): void {
    this.active--;
    this.ending++;
    this.#onFree();
  }
}

export function isPromise<T>(value: Promise<T> | T): value is Promise<T> {
  return typeof (value as Promise<T> | undefined)?.then === 'function';
}

function addsNothing(fields: Partial<Flow>): boolean {
  for (const _ in fields) return false;
  return true;
}

/** A custom operator can return anything, most often nothing by an oversight. */
function checkReturned(returned: unknown, step: string): void {
  const isFields = (value: unknown) => typeof value === 'object' && value !== null && !isIterator(value);
  if (Array.isArray(returned) ? returned.every(isFields) : isFields(returned)) return;
  throw new VimiError('INTERNAL', `The step ${step} returned no outcome`, {
    expected: 'the fields that it adds ({} for none), a list of them, drop(REASON) or delivered',
    found: Array.isArray(returned) ? 'a list that holds something else' : String(returned),
  });
}

/** What `*process` returns: nobody takes anything out of it, so none of its work would be done. */
function isIterator(value: object): boolean {
  return typeof (value as Partial<Iterator<unknown>>).next === 'function';
}
