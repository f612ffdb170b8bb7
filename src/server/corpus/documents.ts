import { z } from 'zod';
import { documentRemoval, removedDocument } from '../../app/removal/removal-records.js';
import { searchCorpus } from '../../app/search-corpus.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { characters } from '../../events/input.js';
import { type CorpusDocument, corpusDocument } from '../../events/schemas.js';
import { answers, bytes, json } from '../answers/answers.js';
import { checkTags, etagOf, ifMatch, ifNoneMatch, isFresh, sendTagged } from '../answers/preconditions.js';
import type { App } from '../app.js';
import { found, foundEntry } from './found.js';

const tags = ['corpus'];
const params = z.object({ id: z.string().describe('of the document') });

const document = corpusDocument
  .omit({ embeddings: true })
  .extend({ urls: z.object({ self: z.string(), image: z.string() }) })
  .meta({ id: 'Document' });

const list = z.object({
  object: z.literal('list'),
  data: z.array(found),
  corpus: z.object({ documents: z.number().int(), digest: z.string() }).describe('all of it'),
});

const removed = z.object({ id: z.string(), object: z.literal('document.deleted'), deleted: z.literal(true) });

const unchanged = z.undefined().describe('It is the one that If-None-Match names.');

function shown({ embeddings, ...rest }: CorpusDocument): z.infer<typeof document> {
  const self = `/v1/corpus/documents/${rest.id}`;
  return { ...rest, urls: { self, image: `${self}/image` } };
}

/** Search the corpus, look at a document, opt one out. */
export function addDocumentRoutes(app: App, workspace: Workspace): void {
  const get = async (id: string): Promise<CorpusDocument> => {
    // No id has another form; an engine should not see what is none.
    const there = /^[0-9a-f]{64}$/.test(id) ? await (await workspace.corpusIsCurrent()).get(id) : null;
    if (there) return there;
    throw new VimiError('DOCUMENT_NOT_FOUND', 'The corpus has no such document', { found: id });
  };

  app.get(
    '/v1/corpus/documents',
    {
      config: { scope: 'read' },
      schema: {
        ...{ tags, summary: 'The documents nearest to a text, however far they are', operationId: 'searchCorpus' },
        querystring: z.object({
          q: z.string().min(1).max(4000).describe('the text'),
          k: z.coerce.number().int().min(1).max(100).default(10).describe('documents wanted'),
          mode: z.enum(['lexical', 'dense', 'hybrid']).default('hybrid'),
          licence: z
            .preprocess(
              (said) => (typeof said === 'string' ? [said] : said),
              z.array(characters(1, 128)).max(32).optional(),
            )
            .describe('only documents with this SPDX identifier; may be repeated'),
        }),
        response: answers({ 200: json('Documents, best first.', list) }),
      },
    },
    async ({ query: { q, k, mode, licence } }) => {
      const { context, corpus } = await searchCorpus(workspace, q, { k, mode, licences: licence });
      return { object: 'list' as const, data: context.map(foundEntry), corpus };
    },
  );

  app.get(
    '/v1/corpus/documents/:id',
    {
      config: { scope: 'read', comparesTags: true },
      schema: {
        ...{ tags, summary: 'One document', operationId: 'getDocument' },
        params,
        headers: z.object({ 'if-match': ifMatch, 'if-none-match': ifNoneMatch }),
        response: answers({ 200: json('The document, without its embeddings.', document), 304: unchanged }),
      },
    },
    async (request, reply) => sendTagged(request, reply, shown(await get(request.params.id))),
  );

  app.get(
    '/v1/corpus/documents/:id/image',
    {
      config: { scope: 'read', comparesTags: true },
      schema: {
        ...{ tags, summary: 'The image of a document', operationId: 'getDocumentImage' },
        params,
        headers: z.object({ 'if-match': ifMatch, 'if-none-match': ifNoneMatch }),
        response: answers({
          200: bytes('The image. Its ETag is the SHA-256 of its bytes.', 'image/webp'),
          304: unchanged,
        }),
      },
    },
    async (request, reply) => {
      const { params, headers } = request;
      const { image } = await get(params.id);
      const etag = `"${image.sha256}"`;
      checkTags(request, etag);
      reply.headers({ etag, 'cache-control': 'private, max-age=3600', 'x-content-type-options': 'nosniff' });
      if (isFresh(headers['if-none-match'], etag)) return reply.code(304).send();
      const stream = await (await workspace.objects()).stream(image.key);
      return reply.header('content-type', 'image/webp').header('content-length', image.size).send(stream);
    },
  );

  app.delete(
    '/v1/corpus/documents/:id',
    {
      config: { scope: 'corpus', comparesTags: true },
      schema: {
        ...{ tags, operationId: 'deleteDocument' },
        summary: 'Opt a document out: it grounds nothing from now on, and its image stays out when it comes again',
        params,
        headers: z.object({ 'if-match': ifMatch }),
        querystring: z.object({ reason: z.string().min(1).max(1000).optional().describe('kept with the removal') }),
        response: answers({ 200: json('It is removed.', removed) }),
      },
    },
    async (request) => {
      const { id } = request.params;
      const { reason } = request.query;
      const there = await get(id);
      checkTags(request, etagOf(shown(there)));
      const gone = removedDocument(there, { kind: 'document', value: id }, reason);
      await (await workspace.transport()).publish(documentRemoval(workspace.removalTopics(), gone));
      await workspace.corpusIsCurrent();
      return { id, object: 'document.deleted' as const, deleted: true as const };
    },
  );
}
