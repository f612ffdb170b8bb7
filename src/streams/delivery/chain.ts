import { Subject } from 'rxjs';
import type { Clock } from '../../core/clock.js';
import type { NewRecord } from '../../events/record.js';
import type { Envelope } from '../../flow/envelope.js';
import type { Flow } from '../../flow/flow.js';
import { delivered, isPromise, mapEach } from '../../flow/map-each.js';
import type { OperatorInstance } from '../../flow/operator.js';
import type { Sinks } from './sinks.js';

/** Products stored and announced at once. */
const sinkConcurrency = 8;

export interface Chain {
  feed(envelope: Envelope<Flow>): void;
  /** Takes no more; resolves when everything that was fed has left the steps. */
  complete(): Promise<void>;
}

/**
 * The steps of a pipeline as one stream for all its partitions, so that an operator's concurrency is the pipeline's. At
 * its end the sinks; what arrives there without a product is delivered as it is. `onDefect`: a step broke the stream
 * itself instead of rejecting an envelope, and nothing flows any more.
 */
export function startChain(
  steps: readonly Pick<OperatorInstance, 'step'>[],
  sinks: Sinks,
  clock: Clock,
  onDefect: (error: unknown) => void,
): Chain {
  const source = new Subject<Envelope<Flow>>();
  const sink = mapEach<never>(
    ({ product }, envelope) => {
      if (!product) return delivered;
      const told = sinks(product, { key: envelope.origin.key, traceparent: envelope.event.traceparent });
      const deliver = (records: NewRecord[]): typeof delivered => {
        for (const record of records) envelope.output(record);
        return delivered;
      };
      return isPromise(told) ? told.then(deliver) : deliver(told);
    },
    { step: 'to', concurrency: sinkConcurrency, clock },
  );
  const done = new Promise<void>((resolve) => {
    sink(steps.reduce((stream, step) => step.step(stream), source.asObservable())).subscribe({
      error(error) {
        onDefect(error);
        resolve();
      },
      complete: resolve,
    });
  });
  return {
    feed: (envelope) => source.next(envelope),
    complete() {
      source.complete();
      return done;
    },
  };
}
