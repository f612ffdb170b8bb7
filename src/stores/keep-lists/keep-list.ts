import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { canonicalJson } from '../../events/canonical-json.js';
import { sha256 } from '../../events/prompt.js';

/*
 * What a pass over the corpus leaves out, and why: a JSON object a line, in the order of the documents' ids, so that equal
 * passes give equal bytes. Documents that no line names are kept, those that came after the pass among them.
 */

const leftOut = z.looseObject({
  document: sha256,
  /** SHA-256 of its image, and of its clip where it is one. */
  image: sha256,
  clip: sha256.optional(),
  /** like: a better one resembles it. over: its group has enough better ones. */
  reason: z.enum(['like', 'over']),
  /** Of like: the document that stays, and the cosine of the two images. */
  of: sha256.optional(),
  likeness: z.number().optional(),
  /** Of over. */
  group: z.string().optional(),
});
export type LeftOut = z.infer<typeof leftOut>;

/** The lines of a keep-list, to look documents and samples up in: some 600 bytes a line. */
export class KeepList {
  readonly #documents = new Map<string, LeftOut>();
  readonly #media = new Map<string, LeftOut>();

  constructor(
    readonly name: string,
    lines: readonly LeftOut[],
  ) {
    for (const line of lines) {
      this.#documents.set(line.document, line);
      this.#media.set(line.clip ?? line.image, line);
    }
  }

  /** null: it is kept. */
  ofDocument(id: string): LeftOut | null {
    return this.#documents.get(id) ?? null;
  }

  /** Of a sample, by the SHA-256 of its clip, or of its image if it is a still. */
  ofMedium(sha256: string): LeftOut | null {
    return this.#media.get(sha256) ?? null;
  }
}

export function writeKeepList(lines: readonly LeftOut[]): string {
  const sorted = [...lines].sort((a, b) => (a.document < b.document ? -1 : 1));
  return sorted.map((line) => `${canonicalJson(line)}\n`).join('');
}

/** OBJECT_DAMAGED for what is none. */
export function readKeepList(name: string, text: string, where: string): KeepList {
  try {
    const lines = text.split('\n').filter((line) => line !== '');
    return new KeepList(
      name,
      lines.map((line) => leftOut.parse(JSON.parse(line))),
    );
  } catch (cause) {
    throw new VimiError('OBJECT_DAMAGED', 'This is not a keep-list', {
      ...{ found: (cause as Error).message, where, cause },
      remedy: 'Run the pass again under the same name.',
    });
  }
}
