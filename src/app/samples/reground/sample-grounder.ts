import { VimiError } from '../../../core/errors.js';
import type { Grounding, ReadSample } from '../../../events/sample.js';
import type { CorpusDocument } from '../../../events/schemas.js';
import type { Flow } from '../../../flow/flow.js';
import type { Resources } from '../../../flow/operator.js';
import type { Corpus } from '../../../stores/corpus/corpus.js';
import { type PipelineSpec, type StepSpec, stepOf } from '../../../streams/delivery/pipeline-spec.js';
import { InProcessSteps } from '../../in-process-steps.js';

export interface UngroundedSample {
  /** Its name. */
  key: string;
  facts: ReadSample;
  /** SHA-256 of its clip. */
  clip: string;
  signal: AbortSignal;
}

/**
 * Grounds samples again: the steps of the pipeline that made them, from the one that embeds to the one that composes, with
 * what the sample and its document say of the clip. Nothing is published.
 */
export class SampleGrounder {
  readonly #documents: Corpus;
  readonly #steps: InProcessSteps;

  /**
   * `documents`: where the documents of the samples themselves are looked for, whichever corpus they are grounded in. USAGE
   * for a pipeline that does not ground.
   */
  constructor(pipeline: PipelineSpec, resources: Resources, documents: Corpus = resources.corpus) {
    this.#documents = documents;
    this.#steps = new InProcessSteps(
      groundingSteps(pipeline).map((step) => stepOf(step, { ...resources, announce: async () => {} })),
      resources,
    );
  }

  /**
   * null: its document is not in the corpus, so nobody knows what would be its own context. Throws as InProcessSteps.feed.
   */
  async ground({ key, facts, clip, signal }: UngroundedSample): Promise<Grounding | null> {
    const document = await this.#documentOf(clip, facts);
    if (!document) return null;
    const flow = await this.#steps.feed({
      id: key,
      request: { prompt: [] },
      flow: flowOf(facts, document),
      signal,
    });
    const { prompt, context } = flow as Required<Pick<Flow, 'prompt' | 'context'>>;
    return { prompt, context: context.entries, corpus: context.corpus };
  }

  close(): Promise<void> {
    return this.#steps.close();
  }

  /** By the medium that it came from, and the clip itself. */
  async #documentOf(clip: string, { provenance }: ReadSample): Promise<CorpusDocument | null> {
    const corpus = this.#documents;
    for (const filter of [{ uri: provenance.uri }, { file: provenance.sha256 }])
      for (const { document } of await corpus.find(filter)) {
        const found = await corpus.get(document);
        if (found?.provenance.clip === clip) return found;
      }
    return null;
  }
}

/** From the one that adds vectors to the one that adds the prompt. */
function groundingSteps({ name, steps }: PipelineSpec): StepSpec[] {
  const [first, last] = ['embeddings', 'prompt'].map((field) =>
    steps.findIndex(({ operator }) => operator.adds.includes(field)),
  ) as [number, number];
  if (first >= 0 && last > first) return steps.slice(first, last + 1);
  throw new VimiError('USAGE', `Pipeline '${name}' grounds nothing: it has no steps that embed and compose`);
}

/** What the steps before them made of the clip, as far as these may ask. */
function flowOf({ caption, captions, clip, scores, provenance }: ReadSample, document: CorpusDocument): Flow {
  const { embeddings, hashes, image } = document;
  const sha256 = document.provenance.clip!;
  const object = { key: `clips/${sha256}.mp4`, size: 0, sha256, media_type: 'video/mp4' };
  return {
    captions,
    clip: {
      ...clip,
      ...{ object, keyframe: image, scores, perceptual: hashes.perceptual, imageEmbedding: embeddings.image },
      ...(hashes.film && { film: hashes.film }),
    },
    query: {
      task: 'text-to-video',
      parts: [{ text: caption }],
      text: caption,
      retrieval: undefined,
      self: { source: provenance.source, contentHash: image.sha256, perceptual: hashes.perceptual },
    },
  } as Flow;
}
