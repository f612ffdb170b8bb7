import { VimiError } from '../core/errors.js';
import type { GenerationRequested } from '../events/schemas.js';
import type { Flow } from '../flow/flow.js';
import { delivered, mapEach } from '../flow/map-each.js';
import type { OperatorInstance, Resources } from '../flow/operator.js';
import { Pause } from '../flow/pause.js';
import { openEnvelope, type Settlement } from '../flow/settlement.js';
import { StepWatch } from '../flow/step-watch.js';
import { Work } from '../flow/work.js';
import { type Chain, startChain } from '../streams/delivery/chain.js';

/** A request on its way through the steps. */
export interface Fed {
  /** Of its event; nothing else under way has it. */
  id: string;
  request: GenerationRequested;
  /** What the first of the steps finds. */
  flow: Flow;
  signal: AbortSignal;
}

/**
 * Steps of a pipeline in this process, without a transport: what is fed comes back as the last step leaves it. Nothing is
 * published but what steps announce.
 */
export class InProcessSteps {
  readonly #resources: Pick<Resources, 'clock'>;
  readonly #chain: Chain;
  readonly #waiting = new Map<string, { resolve(flow: Flow): void; reject(error: unknown): void }>();
  /** Done when every step is open. */
  readonly #opened: Promise<void>[] = [];
  readonly pause: Pause;
  readonly watch: StepWatch;
  #fed = 0;

  constructor(steps: readonly OperatorInstance[], resources: Pick<Resources, 'clock' | 'log'>) {
    const { clock, log } = resources;
    this.#resources = resources;
    this.watch = new StepWatch({ elapsed: clock.elapsed });
    this.pause = new Pause({
      clock,
      onTrouble: ({ message, remedy, ...where }) =>
        log.warn({ ...where, error: message, remedy }, 'Paused, retrying until it works'),
      onOver: () => log.warn({}, 'Continuing'),
    });
    for (const step of steps) {
      const opened = step.open?.();
      // Whoever feeds hears of a failure.
      opened?.catch(() => undefined);
      if (opened) this.#opened.push(opened);
    }
    const answer: OperatorInstance = {
      step: mapEach<never>(
        (data, envelope) => {
          this.#waiting.get(envelope.event.id)?.resolve(data as Flow);
          return delivered;
        },
        { step: 'answer', concurrency: 1, clock },
      ),
    };
    this.#chain = startChain(
      [...steps, answer],
      () => [],
      clock,
      (defect) => {
        for (const { reject } of this.#waiting.values()) reject(defect);
      },
    );
  }

  /**
   * Feeds one request, beside others. Throws what it was rejected for, REQUEST_DROPPED where a step left it out, and CANCELLED
   * when `signal` aborts.
   */
  async feed({ id, request, flow, signal }: Fed): Promise<Flow> {
    await Promise.all(this.#opened);
    const time = new Date(this.#resources.clock.now()).toISOString();
    const record = {
      ...{ topic: 'in-process', partition: 0, offset: this.#fed++, key: null },
      ...{ value: null, headers: {}, timestamp: 0 },
    };
    const event = {
      ...{ id, source: '/vimi/in-process', type: 'dev.vimi.generation.requested.v1', time, data: request },
      schema: 'generation.requested' as const,
    };
    const settled = new AbortController();
    const work = new Work();
    try {
      return await new Promise<Flow>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        const stopped = () => {
          const error = new VimiError('CANCELLED', 'The request was stopped');
          reject(error);
          work.abort(error);
        };
        const onSettled = ({ outcome }: Settlement) => {
          if (outcome.kind === 'rejected') reject(outcome.error);
          if (outcome.kind === 'dropped')
            reject(new VimiError('REQUEST_DROPPED', 'A step dropped the request', { found: outcome.reason }));
        };
        signal.addEventListener('abort', stopped, { signal: settled.signal });
        if (signal.aborted) stopped();
        else this.#chain.feed(openEnvelope<Flow>(record, event, flow, work, onSettled, this));
      });
    } finally {
      settled.abort();
      this.#waiting.delete(id);
    }
  }

  /** Takes nothing more; resolves when all has left the steps. */
  close(): Promise<void> {
    return this.#chain.complete();
  }
}
