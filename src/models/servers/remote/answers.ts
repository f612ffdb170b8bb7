import type { z } from 'zod';
import { cutText } from '../../../core/cut-text.js';
import { VimiError } from '../../../core/errors.js';
import { printable } from '../../../core/printable.js';
import { mistakesOf, mistakeText } from '../../../events/mistakes.js';
import { type Answered, away, placeOf, type ServerAddress } from './exchange.js';

/** Of an answer in JSON. */
export const mostJsonBytes = 2 ** 20;

/** Thrown for 429, and for 503 with a Retry-After: the server wants to be asked later. */
export class ServerBusy extends VimiError {
  /** Milliseconds. */
  readonly waitMs: number;

  constructor(found: string, where: string, waitMs: number) {
    super('MODEL_SERVER_BUSY', 'The model server has too much to do', { found, where });
    this.waitMs = waitMs;
  }
}

/** A server that names another time is asked again after these. Milliseconds. */
const usualWaitMs = 1000;
const longestWaitMs = 300_000;

/**
 * What an answer says, checked. Any status but a 2xx: MODEL_SERVER_DENIED (401, 403), MODEL_SERVER_BUSY (429, 503 with
 * Retry-After), MODEL_SERVER_REFUSED (another 4xx), MODEL_SERVER_UNAVAILABLE (502 to 504), MODEL_SERVER_FAILED (another);
 * MODEL_ANSWER_INVALID.
 */
export function answerOf<S extends z.ZodType>(schema: S, answered: Answered, server: ServerAddress): z.output<S> {
  checkStatus(answered, server);
  const where = placeOf(server);
  let told: unknown;
  try {
    told = JSON.parse(answered.body.toString('utf8'));
  } catch (cause) {
    throw invalid('JSON', textOf(answered.body), where, cause);
  }
  const { data, error } = schema.safeParse(told);
  if (error)
    throw invalid('what docs/guides/model-servers.md says', mistakesOf(error, told).map(mistakeText).join('; '), where);
  return data;
}

export function invalid(expected: string, found: string, where: string, cause?: unknown): VimiError {
  return new VimiError('MODEL_ANSWER_INVALID', 'The model server answers something else than it should', {
    ...{ expected, found, where, cause },
  });
}

export function checkStatus({ status, retryAfter, body }: Answered, server: ServerAddress): void {
  if (status >= 200 && status < 300) return;
  const where = placeOf(server);
  const found = `status ${status}${body.length > 0 ? `: ${problemIn(body)}` : ''}`;
  if (status === 401 || status === 403)
    throw new VimiError('MODEL_SERVER_DENIED', 'The model server refuses this key', {
      found: `status ${status}`,
      where,
    });
  if (status === 429 || (status === 503 && retryAfter !== undefined))
    throw new ServerBusy(found, where, waitOf(retryAfter));
  if (status === 502 || status === 503 || status === 504 || status === 408) throw away(server, found);
  const isTheirs = status >= 500;
  throw new VimiError(
    isTheirs ? 'MODEL_SERVER_FAILED' : 'MODEL_SERVER_REFUSED',
    isTheirs ? 'The model server fails on this request' : 'The model server refuses this request',
    { found, where },
  );
}

function waitOf(retryAfter: string | undefined): number {
  const text = retryAfter?.trim() ?? '';
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms >= 0 ? Math.min(ms, longestWaitMs) : usualWaitMs;
}

/** Code and detail of an RFC 9457 problem, of OpenAI's error or FastAPI's detail; else the text as it is. */
function problemIn(body: Buffer): string {
  try {
    const { code, detail, title, message, error } = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    const inner = typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : {};
    const said = [code ?? inner.code, detail ?? message ?? inner.message ?? title];
    const text = said.flatMap((one) =>
      one === undefined || one === null ? [] : [typeof one === 'string' ? one : JSON.stringify(one)],
    );
    if (text.length > 0) return printable(cutText(text.join(': '), 500));
  } catch {}
  return textOf(body);
}

function textOf(body: Buffer): string {
  return printable(cutText(body.toString('utf8', 0, 2000), 200));
}
