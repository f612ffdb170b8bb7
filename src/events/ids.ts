import { createHash } from 'node:crypto';
import type { RequestRef } from './schemas.js';

/*
 * The one place where an id is made of other ids. An id that somebody sent may be 512 characters of any script; what is
 * made of it here is short, plain ASCII, and safe in a file name, an object's key and a header. It is never a piece of
 * the sent id alone: a hash over all that it stands for keeps two apart that begin alike.
 */

/** Of the readable beginning; a UUID with a word before it stays whole. */
const readableMost = 40;
/** 80 bits: two ids do not meet by chance, nor can one be made to meet a given one. */
const hashDigits = 20;

/**
 * The id of the job that a pipeline makes of a request, such as `order-66-0f3a...`. A request is known by its source and
 * its id together: two upstreams may both count from 1. Two pipelines that read one topic make two jobs of a request.
 */
export function jobId(pipeline: string, { source, id }: Pick<RequestRef, 'source' | 'id'>): string {
  const plain = id.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  // ASCII by now, so that cutting it splits no character.
  const readable = plain.slice(0, readableMost).replace(/[^A-Za-z0-9]+$/, '');
  return `${readable || 'job'}-${hashOf([pipeline, source, id])}`;
}

/** The id of what is told of a job: of which try of the request, and of which moment in it. */
export function changeId(job: string, record: string, moment: string): string {
  return `${job}-${moment}-${hashOf([record])}`;
}

/**
 * What tells one event from all others, as one text: its source and its id together. To be compared, not to be read or
 * sent.
 */
export function eventKey({ source, id }: { source: string; id: string }): string {
  return JSON.stringify([source, id]);
}

function hashOf(facts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, hashDigits);
}
