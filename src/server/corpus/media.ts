import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { urlOf } from '../../core/hosts.js';
import { decodeEvent, encodeEvent } from '../../events/cloudevents.js';
import { type MediaAdded, mediaAdded } from '../../events/schemas.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { answers, json } from '../answers/answers.js';
import type { App } from '../app.js';
import type { Caller } from '../keys/callers.js';

const added = z
  .object({ id: z.string().describe('of the event'), object: z.literal('media'), uri: z.string() })
  .meta({ id: 'Media' });

/** POST /v1/media: offers an image or a video to the corpus. */
export function addMediaRoute(app: App, workspace: Workspace, { from, schemas }: PipelineSpec): void {
  app.post(
    '/v1/media',
    {
      config: { scope: 'corpus' },
      schema: {
        ...{ tags: ['corpus'], summary: 'Offer an image or a video to the corpus', operationId: 'addMedia' },
        body: z.strictObject(mediaAdded.shape).meta({ id: 'MediaRequest' }),
        response: answers({ 202: json('It is published; the topic of outcomes tells what becomes of it.', added) }),
      },
    },
    async ({ body, caller }, reply) => {
      const id = randomUUID();
      const data = body as MediaAdded;
      checkPlace(data.uri, caller);
      const record = encodeEvent({
        schema: 'media.added',
        id,
        source: caller.source,
        topic: from,
        key: data.uri,
        data,
      });
      decodeEvent({ ...record, partition: 0, offset: 0, timestamp: 0 }, schemas);
      await (await workspace.transport()).publish([record]);
      return reply.code(202).send({ id, object: 'media' as const, uri: data.uri });
    },
  );
}

/** Files and objects of the server are nobody's to name but its operator's. */
function checkPlace(uri: string, { isAdmin }: Caller): void {
  if (isAdmin || /^https?:$/.test(urlOf(uri)?.protocol ?? '')) return;
  throw new VimiError('MEDIA_FORBIDDEN', 'Only a key with the scope admin may name files and objects of the server', {
    ...{ expected: 'an address of http or https on one of media_hosts', found: uri, where: 'uri' },
    remedy: 'Offer the medium at an address, or have the operator of the server add the file.',
  });
}
