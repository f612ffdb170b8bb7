import { VimiError } from '../errors.js';
import type { ContextEntry, ObjectRef } from '../events/prompt.js';
import type { GenerationRequested } from '../events/schemas.js';
import { decodePicture } from '../media/pictures.js';
import type { RgbImage } from '../models/ports.js';
import type { Flow, Has } from '../operators/flow.js';
import { mapEach, settledHere } from '../operators/map-each.js';
import type { OperatorInstance, Resources } from '../operators/operator.js';
import { type Chain, startChain } from '../streams/chain.js';
import { Pause } from '../streams/pause.js';
import type { PipelineSpec } from '../streams/pipeline-spec.js';
import { openEnvelope, type Settlement } from '../streams/settlement.js';
import { StepWatch } from '../streams/step-watch.js';

/** What a request came to: everything that the pipeline knew of it when its frames were there. */
export type Served = Has<'job' | 'query' | 'prompt' | 'context' | 'frames'>;

/**
 * The steps of a pipeline from its first to `denoise`, as serving runs them: a request is checked, grounded, composed and
 * drawn by the operators of the topology with its settings. Nothing is published.
 */
export class Serving {
  private readonly live: Chain;
  private readonly told: Chain;
  private readonly contexts = new Map<string, ContextEntry[]>();
  private readonly waiting = new Map<string, { resolve(served: Served): void; reject(error: unknown): void }>();
  readonly pause: Pause;
  readonly watch: StepWatch;
  private asked = 0;

  constructor(
    pipeline: PipelineSpec,
    private readonly resources: Resources,
  ) {
    const last = pipeline.steps.findIndex(({ operator }) => operator.name === 'denoise');
    const steps = pipeline.steps.slice(0, last + 1);
    for (const needed of ['admit', 'retrieve', 'compose', 'denoise'])
      if (!steps.some(({ operator }) => operator.name === needed))
        throw new VimiError('USAGE', `Pipeline '${pipeline.name}' cannot be evaluated: it has no step '${needed}'`);
    const { clock, log } = resources;
    this.watch = new StepWatch({ elapsed: clock.elapsed });
    this.pause = new Pause({
      clock,
      onTrouble: ({ message, remedy, ...where }) => log.warn({ ...where, error: message, remedy }, 'Waiting'),
      onOver: () => log.warn({}, 'Going on'),
    });
    const give: OperatorInstance = {
      step: mapEach<never>(
        (_, { event }) => ({
          context: {
            entries: this.contexts.get(event.id) ?? [],
            nearDuplicates: [],
            corpus: { documents: 0, digest: '0'.repeat(32) },
          },
        }),
        { step: 'context', concurrency: 1, clock },
      ),
    };
    const answer: OperatorInstance = {
      step: mapEach<never>(
        (data, envelope) => {
          this.waiting.get(envelope.event.id)?.resolve(data as Served);
          envelope.settle({ kind: 'delivered' });
          return settledHere;
        },
        { step: 'answer', concurrency: 1, clock },
      ),
    };
    const chain = (replaced: (name: string) => OperatorInstance | undefined) =>
      startChain(
        [
          ...steps.map(
            ({ operator, config }) => replaced(operator.name) ?? operator.create(config as never, resources),
          ),
          answer,
        ],
        async () => [],
        clock,
        (defect) => {
          for (const { reject } of this.waiting.values()) reject(defect);
        },
      );
    this.live = chain(() => undefined);
    this.told = chain((name) => (name === 'retrieve' ? give : undefined));
  }

  /**
   * Serves one request. With `context` (the empty list included) exactly that is retrieved; without, what retrieval finds.
   * Throws what the request was rejected for.
   */
  async ask(request: GenerationRequested, { context, signal }: { context?: ContextEntry[]; signal: AbortSignal }) {
    const id = `asked-${this.asked++}`;
    const now = new Date(this.resources.clock.now()).toISOString();
    const origin = { topic: 'evaluation', partition: 0, offset: this.asked, key: null, headers: {}, timestamp: 0 };
    const event = {
      ...{ id, source: '/vimi/evaluation', type: 'dev.vimi.generation.requested.v1', time: now, data: request },
      schema: 'generation.requested' as const,
    };
    const settled = new AbortController();
    const life = {
      signal,
      get isAborted() {
        return signal.aborted;
      },
      // No deadline is set here, and nobody cancels one request alone.
      abort: () => {},
    };
    if (context) this.contexts.set(id, context);
    try {
      return await new Promise<Served>((resolve, reject) => {
        this.waiting.set(id, { resolve, reject });
        const onSettled = ({ fate }: Settlement) => {
          if (fate.kind === 'rejected') reject(fate.error);
          if (fate.kind === 'dropped') reject(new VimiError('CANCELLED', 'The request was dropped'));
        };
        const record = { ...origin, value: null };
        const envelope = openEnvelope<Flow>(record, event, { request }, life, onSettled, this);
        signal.addEventListener('abort', () => reject(new VimiError('CANCELLED', 'The evaluation was stopped')), {
          signal: settled.signal,
        });
        if (signal.aborted) reject(new VimiError('CANCELLED', 'The evaluation was stopped'));
        else (context ? this.told : this.live).feed(envelope);
      });
    } finally {
      settled.abort();
      this.contexts.delete(id);
      this.waiting.delete(id);
    }
  }

  /** A picture of a prompt or a document. */
  async picture({ key, sha256 }: ObjectRef): Promise<RgbImage> {
    return decodePicture(await this.resources.objects.get(key, { sha256 }), key);
  }

  /** Asks nothing more. */
  async close(): Promise<void> {
    await Promise.all([this.live.complete(), this.told.complete()]);
  }
}
