import { asVimiError, type ErrorCode } from '../core/errors.js';
import { printable } from './printable.js';

/** What a script can tell from the exit code. Shown in the README. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, rejected: 3, interrupted: 130 } as const;

const usageErrors: ReadonlySet<ErrorCode> = new Set([
  'USAGE',
  'TOPOLOGY_INVALID',
  'TOPOLOGY_NOT_FOUND',
  'TOPIC_UNKNOWN',
  'MODEL_UNKNOWN',
]);

/** Prints an error as a person needs it, what to do included, and says with which code to exit. */
export function reportError(thrown: unknown, stream: NodeJS.WritableStream = process.stderr): number {
  const error = asVimiError(thrown);
  stream.write(`error ${error.code}: ${printable(error.message)}\n  → ${printable(error.remedy)}\n`);
  if (error.code === 'INTERNAL' && error.cause instanceof Error)
    stream.write(`${printable(String(error.cause.stack))}\n`);
  return usageErrors.has(error.code) ? exitCodes.usage : exitCodes.failed;
}

/** Whether `thrown` is how work ended that was stopped by `signal`: no fault, so there is nothing to report. */
export function isStop(thrown: unknown, signal: AbortSignal | undefined): boolean {
  if (!signal?.aborted) return false;
  for (let at = thrown; at instanceof Error; at = at.cause) if (at === signal.reason) return true;
  return false;
}
