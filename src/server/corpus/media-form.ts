import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyRequest } from 'fastify';
import { receiveUpload, type Upload } from '../../app/uploads.js';
import { VimiError } from '../../core/errors.js';
import { FormFields, malformed, partsOf } from '../form-parts.js';

/** Fields that are text, whatever they look like. */
const texts = new Set(['caption', 'source', 'licence', 'version']);

/** Uploads at once, of all callers and of one: each takes a file on the disk, and nobody waits behind a slow one. */
const [mostAtOnce, mostOfOne] = [16, 4];

export interface UploadPlace {
  /** A folder for files that are on their way. */
  folder: string;
  mostBytes: number;
}

/** Media that callers send as forms. */
export class MediaForms {
  readonly #underWay = new Map<string, number>();

  /**
   * A form with one file named `file`: its fields as an object, and the file as it came. It is gone once `release` was called.
   * QUEUE_FULL before anything is read; HTTP_MALFORMED, HTTP_TOO_LARGE, MEDIA_*, EVENT_INVALID.
   */
  async read(
    request: FastifyRequest,
    { folder, mostBytes }: UploadPlace,
    signal: AbortSignal,
  ): Promise<{ body: object; upload: Upload; release(): Promise<void> }> {
    const { source } = request.caller;
    const leave = this.#enter(source);
    const path = join(folder, randomUUID());
    const release = async () => {
      await rm(path, { force: true }).catch(() => {});
      leave();
    };
    try {
      const fields = new FormFields(texts);
      let upload: Upload | undefined;
      const limits = {
        ...{ fileSize: mostBytes + 1, files: 1, fields: 20, parts: 21 },
        ...{ fieldNameSize: 100, fieldSize: 1024 * 1024, headerPairs: 50 },
      };
      for await (const part of partsOf(request, limits)) {
        if (part.type !== 'file') {
          fields.add(part.fieldname, part);
          continue;
        }
        if (part.fieldname !== 'file') throw noFile(part.fieldname);
        upload = await receiveUpload(part.file, { path, mostBytes, where: 'file', signal }).catch(malformed);
      }
      if (!upload) throw noFile(fields.names().slice(0, 10).join(', ') || 'no part');
      if (fields.has('uri'))
        throw new VimiError('EVENT_INVALID', 'A form with a file names no other place', {
          expected: 'a file, or a uri as JSON',
          found: 'both',
          where: 'uri',
        });
      return { body: { ...fields.body(), uri: `object:${upload.key}` }, upload, release };
    } catch (thrown) {
      await release();
      throw thrown;
    }
  }

  #enter(source: string): () => void {
    const own = this.#underWay.get(source) ?? 0;
    const all = [...this.#underWay.values()].reduce((sum, some) => sum + some, 0);
    if (own >= mostOfOne || all >= mostAtOnce)
      throw new VimiError('QUEUE_FULL', 'Too many uploads are under way', {
        expected: `at most ${mostOfOne} of one caller and ${mostAtOnce} of all at once`,
        found: `${own} of this caller, ${all} of all`,
      });
    this.#underWay.set(source, own + 1);
    return () => {
      const left = (this.#underWay.get(source) ?? 1) - 1;
      if (left > 0) this.#underWay.set(source, left);
      else this.#underWay.delete(source);
    };
  }
}

function noFile(found: string): VimiError {
  return new VimiError('EVENT_INVALID', 'The form has no medium', {
    expected: 'one file in a part named file: curl -F "caption=a kite" -F file=@kite.mp4',
    found,
    where: 'file',
  });
}
