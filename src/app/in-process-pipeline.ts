import { VimiError } from '../core/errors.js';
import type { ContextEntry, ObjectRef } from '../events/prompt.js';
import type { GenerationRequested } from '../events/schemas.js';
import type { Has } from '../flow/flow.js';
import { mapEach } from '../flow/map-each.js';
import type { Operator, OperatorInstance, Resources } from '../flow/operator.js';
import type { RgbImage } from '../models/ports.js';
import { decodedImage } from '../operators/decoded-image.js';
import { type PipelineSpec, stepOf } from '../streams/delivery/pipeline-spec.js';
import { InProcessSteps } from './in-process-steps.js';

/** What a request came to: everything that the steps knew of it when its frames were there. */
export type Served = Has<'job' | 'query' | 'prompt' | 'context' | 'frames'>;

/**
 * The steps of a pipeline from its first to the one that makes frames, in this process and without a transport: a request is
 * checked, grounded, composed and drawn by the operators of the topology with its settings, and comes back as an object.
 * Nothing is published, and nothing is remembered of it. For evaluation, which asks thousands of such requests and looks at
 * their frames; a program that wants videos asks the client.
 */
export class InProcessPipeline {
  readonly #resources: Resources;
  readonly #live: InProcessSteps;
  readonly #told: InProcessSteps;
  readonly #contexts = new Map<string, ContextEntry[]>();
  #served = 0;

  /** USAGE for a pipeline that does not check, ground, compose and draw. */
  constructor(pipeline: PipelineSpec, resources: Resources) {
    this.#resources = resources;
    const last = pipeline.steps.findLastIndex(({ operator }) => operator.adds.includes('frames'));
    const steps = pipeline.steps.slice(0, last + 1);
    for (const field of ['job', 'context', 'prompt', 'frames'] as const)
      if (!steps.some(({ operator }) => operator.adds.includes(field)))
        throw new VimiError(
          'USAGE',
          `Pipeline '${pipeline.name}' cannot serve a request by itself: no step adds '${field}'`,
        );
    const give: OperatorInstance = {
      step: mapEach<never>(
        (_, { event }) => ({
          context: {
            entries: this.#contexts.get(event.id) ?? [],
            nearDuplicates: [],
            corpus: { documents: 0, digest: '0'.repeat(32) },
          },
        }),
        { step: 'context', concurrency: 1, clock: resources.clock },
      ),
    };
    const chain = (replaced: (operator: Operator) => OperatorInstance | undefined) =>
      new InProcessSteps(
        steps.map((step) => replaced(step.operator) ?? stepOf(step, resources)),
        resources,
      );
    this.#live = chain(() => undefined);
    this.#told = chain(({ adds }) => (adds.includes('context') ? give : undefined));
  }

  /**
   * Serves one request, beside others. With `context` (the empty list included) exactly that is retrieved; without, what
   * retrieval finds. Throws as InProcessSteps.feed.
   */
  async serve(request: GenerationRequested, { context, signal }: { context?: ContextEntry[]; signal: AbortSignal }) {
    const id = `asked-${this.#served++}`;
    if (context) this.#contexts.set(id, context);
    try {
      const steps = context ? this.#told : this.#live;
      return (await steps.feed({ id, request, flow: { request }, signal })) as Served;
    } finally {
      this.#contexts.delete(id);
    }
  }

  /** An image of a prompt or a document. */
  image(image: ObjectRef): Promise<RgbImage> {
    return decodedImage(image, this.#resources.objects);
  }

  /** Asks nothing more. */
  async close(): Promise<void> {
    await Promise.all([this.#live.close(), this.#told.close()]);
  }
}
