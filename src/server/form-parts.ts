import type { FastifyRequest } from 'fastify';
import { VimiError } from '../core/errors.js';
import { fieldOf, memberOf, nested } from './form-names.js';
import { wellFormed } from './well-formed.js';

export type FormLimits = NonNullable<NonNullable<Parameters<FastifyRequest['parts']>[0]>['limits']>;

/** The parts of a multipart request as they come. HTTP_MALFORMED, HTTP_TOO_LARGE. */
export async function* partsOf(request: FastifyRequest, limits: FormLimits) {
  try {
    for await (const part of request.parts({ limits })) {
      // The parser gives such a part without a name, whatever its type says.
      if ((part.fieldname as string | undefined) === undefined)
        throw new VimiError('HTTP_MALFORMED', 'A part of the form has no name', {
          expected: 'Content-Disposition: form-data; name="..." in each part',
        });
      yield part;
    }
  } catch (thrown) {
    const counted = countedBy[String((thrown as { code?: unknown }).code)];
    if (!counted) malformed(thrown);
    throw new VimiError('HTTP_TOO_LARGE', `The form has too many ${counted}`, {
      expected: `at most ${limits[counted]}`,
    });
  }
}

/** Of what there were too many, by the parser's code. */
const countedBy: Readonly<Record<string, 'files' | 'fields' | 'parts'>> = {
  FST_FILES_LIMIT: 'files',
  FST_FIELDS_LIMIT: 'fields',
  FST_PARTS_LIMIT: 'parts',
};

/** What the parser throws says by its status what was too much; all else is no form. */
export function malformed(thrown: unknown): never {
  const { statusCode, message } = thrown as { statusCode?: number; message?: string };
  if (statusCode !== undefined || thrown instanceof VimiError) throw thrown;
  throw new VimiError('HTTP_MALFORMED', 'This is no whole form', { found: message, cause: thrown });
}

/**
 * Text fields of a form, by names such as `seed` and `retrieval[k]`. Those whose innermost name is not in `texts` are read as JSON
 * where they are JSON.
 */
export class FormFields {
  readonly #texts: ReadonlySet<string>;
  readonly #fields: [name: string, value: unknown][] = [];

  constructor(texts: ReadonlySet<string>) {
    this.#texts = texts;
  }

  add(
    name: string,
    part: { value: unknown; valueTruncated?: boolean | undefined; fieldnameTruncated?: boolean | undefined },
  ): void {
    if (part.valueTruncated || part.fieldnameTruncated)
      throw new VimiError('HTTP_TOO_LARGE', 'A field of the form is too long', {
        expected: 'at most 1 MiB',
        where: name,
      });
    // The parser puts this sign for bytes of another encoding, and nobody would notice before the video.
    if (String(part.value).includes('\ufffd'))
      throw new VimiError('HTTP_MALFORMED', 'A field of the form is not UTF-8', { where: name });
    this.#fields.push([name, this.#texts.has(memberOf(name)) ? part.value : readField(String(part.value))]);
  }

  has(name: string): boolean {
    return this.names().includes(name);
  }

  names(): string[] {
    return [...new Set(this.#fields.map(([name]) => fieldOf(name)))];
  }

  /** HTTP_MALFORMED for fields that come twice, or contradict each other. */
  body(): object {
    return nested(this.#fields);
  }
}

function readField(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  return wellFormed(value, text);
}
