import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { type Mistake, mistakesOf, mistakeText } from '../../events/mistakes.js';
import { statusOf } from './http-status.js';

/** What every error looks like: RFC 9457. */
export const problem = z
  .object({
    type: z.string().describe('urn:vimi:error:CODE'),
    title: z.string().describe('the error in a few words'),
    status: z.number().int(),
    detail: z.string().describe('what was expected, what was found, and where'),
    message: z.string().describe('detail and remedy in one, which clients of OpenAI’s API show'),
    code: z.string().describe('of the list in docs/reference/errors.md'),
    retryable: z.boolean().describe('whether the same may succeed later'),
    remedy: z.string().describe('what to do'),
    errors: z
      .array(
        z.object({
          pointer: z.string().describe('JSON Pointer into what was sent'),
          detail: z.string().describe('what is wrong there'),
        }),
      )
      .optional()
      .describe('all mistakes in what was sent'),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problem>;

export const problemType = 'application/problem+json';

/** What was sent breaks its schema. */
export class InvalidInput extends VimiError {
  readonly mistakes: readonly Mistake[];

  constructor(error: z.ZodError, value: unknown, part: 'body' | 'query' | 'path' | 'headers') {
    const mistakes = mistakesOf(error, value);
    super(
      part === 'body' ? 'EVENT_INVALID' : 'HTTP_MALFORMED',
      `The ${part} ${part === 'headers' ? 'are' : 'is'} not what this address takes`,
      {
        where: mistakes.map(mistakeText).join('; '),
        remedy: 'Correct the named fields; GET /openapi.json describes them.',
      },
    );
    this.mistakes = mistakes;
  }
}

export function problemOf(error: VimiError): Problem {
  const { code, summary, message, retryable, remedy } = error;
  const mistakes = (error as { mistakes?: readonly Mistake[] }).mistakes;
  return {
    type: `urn:vimi:error:${code}`,
    title: summary,
    status: statusOf(error),
    detail: message,
    message: `${message}${/[.!?]$/.test(message) ? '' : '.'} ${remedy}`,
    ...{ code, retryable, remedy },
    ...(mistakes && {
      errors: mistakes.map(({ path, ...rest }) => ({ pointer: pointerTo(path), detail: detailOf(rest) })),
    }),
  };
}

/** RFC 6901. */
function pointerTo(path: (string | number)[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function detailOf({ expected, found, unknown }: Omit<Mistake, 'path'>): string {
  return unknown ? 'there is no such field' : `expected ${expected}, found ${found}`;
}
