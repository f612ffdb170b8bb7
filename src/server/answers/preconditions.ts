import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import type { App } from '../app.js';

/*
 * If-Match and If-None-Match (RFC 9110, 13): whoever changes something can say which state of it was seen, and nothing is done
 * where it is another one by now.
 */

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler compares with what is there; left out: what is there has no ETag. */
    comparesTags?: boolean;
  }
}

/** For the headers of an address that compares. */
export const ifMatch = z
  .string()
  .max(4000)
  .optional()
  .describe('an ETag that GET gave: where it has another one by now, nothing is done (412)');
export const ifNoneMatch = z.string().max(4000).optional().describe('an ETag that GET gave: while it is the same, 304');

/** A strong one, of JSON. */
export function etagOf(shown: object): string {
  return `"${createHash('sha256').update(JSON.stringify(shown)).digest('hex')}"`;
}

/** Whether If-None-Match names what is there. */
export function isFresh(ifNoneMatch: string | undefined, etag: string): boolean {
  return tagsIn(ifNoneMatch).some((one) => ['*', etag].includes(one.replace(/^W\//, '')));
}

/** PRECONDITION_FAILED where what is there is not what the caller means. `etag`: undefined where it has none. */
export function checkTags({ method, headers }: Pick<FastifyRequest, 'method' | 'headers'>, etag?: string): void {
  const { 'if-match': wanted, 'if-none-match': unwanted } = headers;
  if (wanted !== undefined && !tagsIn(wanted).some((one) => one === '*' || one === etag))
    throw failed('If-Match', wanted, etag);
  if (isRead(method) || unwanted === undefined) return;
  if (etag === undefined ? tagsIn(unwanted).includes('*') : isFresh(unwanted, etag))
    throw failed('If-None-Match', unwanted, etag);
}

/** Answers a GET with JSON that has an ETag; 304 to whoever has it. PRECONDITION_FAILED. */
export function sendTagged(request: FastifyRequest, reply: FastifyReply, shown: object): FastifyReply {
  const etag = etagOf(shown);
  checkTags(request, etag);
  reply.headers({ etag, 'cache-control': 'private, no-cache' });
  if (isFresh(request.headers['if-none-match'], etag)) return reply.code(304).send();
  return reply.send(shown);
}

/** Where nothing has an ETag, none that a caller sends can be the right one. */
export function compareTags(app: App): void {
  app.addHook('preHandler', async (request) => {
    const { scope, comparesTags } = request.routeOptions.config;
    if (scope !== undefined && !comparesTags) checkTags(request);
  });
}

function tagsIn(header: IncomingHttpHeaders['if-match']): string[] {
  return header === undefined ? [] : header.split(',').map((one) => one.trim());
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function failed(where: string, found: string, etag: string | undefined): VimiError {
  return new VimiError('PRECONDITION_FAILED', 'This is not the state that the request is meant for', {
    expected: etag === undefined ? 'no ETag: there is none at this address' : `the ETag ${etag}`,
    ...{ found, where },
  });
}
