import type { FastifyReply } from 'fastify';

/** For the description of an answer. */
export const ageHeader =
  'Age, if it is there: the log did not answer in time; this is what the process knew, and it may be so many seconds old.';

/** Says of an answer from what was known before how old it may be (RFC 9111, 5.1); undefined: it is new. Milliseconds. */
export function tellAge(reply: FastifyReply, age: number | undefined): void {
  if (age !== undefined) reply.header('age', Math.ceil(age / 1000));
}
