import { z } from 'zod';

/** Last-Event-ID of a request for a job. */
export const seenVersion = z
  .string()
  .max(1000)
  .optional()
  .describe('a version of the job that this client has seen, on a stream or elsewhere: the answer is no older one');

/** Anything that is no version of a job counts as none. */
export function versionOf(text: string | undefined): number {
  return /^\d{1,15}$/.test(text ?? '') ? Number(text) : 0;
}
