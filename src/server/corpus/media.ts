import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { checkMediaHost } from '../../app/ingest/media-hosts.js';
import { storeUpload, type Upload } from '../../app/uploads.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { urlOf } from '../../core/hosts.js';
import { checkReadable } from '../../core/unreadable-text.js';
import { decodeEvent, encodeEvent } from '../../events/cloudevents.js';
import { type MediaAdded, mediaAdded } from '../../events/schemas.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import type { Topology } from '../../streams/topology/topology.js';
import { answers, json } from '../answers/answers.js';
import { gone } from '../answers/gone.js';
import type { App } from '../app.js';
import type { Caller } from '../keys/callers.js';
import { MediaForms } from './media-form.js';

const added = z
  .object({ id: z.string().describe('of the event'), object: z.literal('media'), uri: z.string() })
  .meta({ id: 'Media' });

/** Where no step of the pipeline says it. */
const usualBytes = 2 * 1024 ** 3;

declare module 'fastify' {
  interface FastifyRequest {
    /** Of a form with a file. */
    medium?: Upload;
  }
}

export interface MediaRoute {
  workspace: Workspace;
  /** That grows the corpus. */
  pipeline: PipelineSpec;
  /** For files on their way. */
  folder(): Promise<string>;
}

/** POST /v1/media: offers an image or a video to the corpus, by its address or as an upload. */
export function addMediaRoute(app: App, { workspace, pipeline, folder }: MediaRoute): void {
  const { from, schemas } = pipeline;
  const mostBytes = mostBytesOf(pipeline);
  const forms = new MediaForms();
  app.post(
    '/v1/media',
    {
      config: { scope: 'corpus', takesFilms: true },
      async preValidation(request, reply) {
        if (!request.isMultipart()) return;
        const { body, upload, release } = await forms.read(request, { folder: await folder(), mostBytes }, gone(reply));
        reply.raw.once('close', () => void release());
        Object.assign(request, { body, medium: upload });
      },
      schema: {
        ...{ tags: ['corpus'], summary: 'Offer an image or a video to the corpus', operationId: 'addMedia' },
        description: `As JSON: a medium at an address. As a form: the medium itself in a part named file, at most ${mostBytes} bytes, and beside it caption, source, licence, labels (JSON) or version.`,
        consumes: ['application/json', 'multipart/form-data'],
        body: z.strictObject(mediaAdded.shape).meta({ id: 'MediaRequest' }),
        response: answers({ 202: json('It is published; the topic of outcomes tells what becomes of it.', added) }),
      },
    },
    async ({ body, caller, medium }, reply) => {
      const id = randomUUID();
      const data = body as MediaAdded;
      // The name of an upload is ours.
      if (!medium) checkPlace(data.uri, caller, workspace.topology);
      const { source } = caller;
      checkTexts(data);
      const record = encodeEvent({ schema: 'media.added', id, source, topic: from, key: data.uri, data });
      decodeEvent({ ...record, partition: 0, offset: 0, timestamp: 0 }, schemas);
      const transport = await workspace.transport();
      if (medium) await storeUpload(medium, await workspace.objects());
      await transport.publish([record]);
      return reply.code(202).send({ id, object: 'media' as const, uri: data.uri });
    },
  );
}

/** EVENT_INVALID for a text that no file could hold: its event would be rejected, long after the answer. */
function checkTexts({ uri, caption, source, licence, version, labels }: MediaAdded): void {
  const named = Object.fromEntries(Object.entries(labels ?? {}).map(([name, value]) => [`labels.${name}`, value]));
  for (const [where, text] of Object.entries({ uri, caption, source, licence, version, ...named }))
    if (typeof text === 'string')
      checkReadable(text, where, 'A text about this medium has a character that no text has');
}

/** As much as the pipeline reads of a medium. */
function mostBytesOf({ steps }: PipelineSpec): number {
  const fetch = steps.find(({ operator }) => operator.name === 'fetch');
  return (fetch?.config as unknown as { max_bytes: number } | undefined)?.max_bytes ?? usualBytes;
}

/** Files and objects of the server are nobody's to name but its operator's; what may not be fetched is refused before it is published. */
function checkPlace(uri: string, { isAdmin }: Caller, topology: Topology): void {
  if (/^https?:$/.test(urlOf(uri)?.protocol ?? '')) {
    checkMediaHost(uri, topology);
    return;
  }
  if (isAdmin) return;
  throw new VimiError('MEDIA_FORBIDDEN', 'Only a key with the scope admin may name files and objects of the server', {
    ...{ expected: 'an address of http or https on one of media_hosts', found: uri, where: 'uri' },
    remedy: 'Upload the medium as a form with a part named file, or offer it at an address.',
  });
}
