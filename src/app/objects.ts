import { existsSync } from 'node:fs';
import { openFileStore } from '../stores/objects/files.js';
import { memoryObjects } from '../stores/objects/memory.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import type { ObjectsSpec } from '../streams/topology/profiles.js';
import { readCertificates } from './pem-file.js';
import { makeWorkFolder, type WorkFolder } from './work-folder.js';

export interface OpenedObjects {
  objects: ObjectStore;
  close(): Promise<void>;
}

/**
 * The object store that a profile names; S3's client is loaded only where one asks for it. `makesBucket`: else a bucket that
 * is not there is BUCKET_NOT_FOUND, and a folder that is not there is empty. `work`: for copies of objects of a bucket.
 */
export async function openObjects(
  spec: ObjectsSpec,
  how: { firstContactMs?: number; makesBucket: boolean; work: string },
): Promise<OpenedObjects> {
  if (spec.type === 'files') {
    const isEmpty = !how.makesBucket && !existsSync(spec.path);
    const objects = isEmpty ? memoryObjects() : await openFileStore(spec.path, { looksOnly: !how.makesBucket });
    return { objects, close: async () => {} };
  }
  const { openS3Store } = await import('../stores/objects/s3/open-s3.js');
  const { endpoint, bucket, region, prefix, access_key: accessKey, secret_key: secretKey, tls } = spec;
  const ca = tls && readCertificates(tls.ca);
  let folder: Promise<WorkFolder> | undefined;
  const temporary = async () => {
    folder ??= makeWorkFolder(how.work, 'objects');
    return (await folder).path;
  };
  const objects = await openS3Store({ endpoint, bucket, region, prefix, accessKey, secretKey, ca, temporary, ...how });
  const close = async () => {
    await objects.close();
    await (await folder)?.remove();
  };
  return { objects, close };
}
