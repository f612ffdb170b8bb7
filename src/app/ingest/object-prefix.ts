import { VimiError } from '../../core/errors.js';
import { checkObjectKey } from '../../stores/objects/object-key.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import type { ObjectsSpec } from '../../streams/topology/profiles.js';
import { hasMediaName, hasTextName } from './media-names.js';
import type { MediaSource } from './media-source.js';
import { versionOf } from './offered-medium.js';

/** A listing has no end at which it could be said whose text it is. */
const besideMedia = 'text, the caption of a medium of its name';

const noKey = 'a name with other characters than letters, digits, dot, dash, underscore and slash (rename it)';

/** The prefix of keys that `object:PREFIX`, or `s3://BUCKET/PREFIX` of the profile's own bucket, names; null: it is neither. */
export function prefixIn(name: string, spec: ObjectsSpec): string | null {
  const bucket = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(name);
  const prefix = bucket ? withoutProfilePrefix(bucket[1]!, bucket[2]!, name, spec) : /^object:(.*)$/s.exec(name)?.[1];
  if (prefix === undefined) return null;
  // Without one it would take in what vimi itself stored.
  if (prefix === '')
    throw new VimiError('USAGE', 'Which objects are media?', {
      expected: 'object:PREFIX, such as object:incoming/',
      found: name,
    });
  checkObjectKey(prefix, { prefix: true });
  return prefix;
}

function withoutProfilePrefix(bucket: string, key: string, name: string, spec: ObjectsSpec): string {
  const own = spec.type === 's3' ? spec.prefix.replace(/^\/+|\/+$/g, '') : '';
  const before = own && `${own}/`;
  if (spec.type === 's3' && bucket === spec.bucket && key.startsWith(before)) return key.slice(before.length);
  throw new VimiError('MEDIA_FORBIDDEN', 'Objects are read from the store of the profile alone', {
    expected:
      spec.type === 's3'
        ? `s3://${spec.bucket}/${before}PREFIX`
        : 'object:PREFIX, since this profile has a folder of objects',
    found: name,
  });
}

/** The media under a prefix of the object store, listed page by page; `after` goes on where another listing ended. */
export function objectPrefix(prefix: string, objects: () => Promise<ObjectStore>, after?: string): MediaSource {
  return {
    name: `object:${prefix}`,
    async *media(passedOver) {
      const store = await objects();
      const onOther = (name: string) => passedOver.add(noKey, `object:${name}`);
      for await (const key of store.list(prefix, { after, onOther })) {
        const uri = `object:${key}`;
        if (hasMediaName(key)) yield { uri, version: versionOf(uri, (await store.changedAt(key)) ?? 0) };
        else
          passedOver.add(hasTextName(key) ? besideMedia : 'an object whose name is not that of an image or video', uri);
      }
    },
  };
}
