import { resolve } from 'node:path';
import { z } from 'zod';
import { isKeySegment } from '../../stores/object-key.js';
import { bucketRule, endpointOf, endpointRule, isBucketName, isRegion, regionRule } from '../../stores/s3/address.js';
import { checkAgainst } from './against.js';
import { duration } from './duration.js';
import type { Mistakes, Place } from './mistake.js';
import { namedEntries } from './sections.js';
import { type Placed, type PlacedEntry, reportUnset, shown } from './source.js';

const path = z.string().min(1).max(4096);
const secret = z.string().min(1).max(4096);

const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
  username: z.string().min(1),
  password: secret,
});

/** Paths of files in PEM. `ca`: trusted instead of the system's; `cert` and `key`: what this client shows of itself. */
const kafkaTls = z
  .strictObject({ ca: path.optional(), cert: path.optional(), key: path.optional() })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'cert and key, or neither');

/** A signature of S3 holds for a week at most. */
const linkLife = duration.refine((ms) => ms >= 60_000 && ms <= 604_800_000, '1m to 7d');
const noLinks = z.custom<undefined>((value) => value === undefined, 'none, since a folder has no links (s3 has)');

/** Shorter, and a busy machine would lose its partitions; longer, and Kafka refuses it. */
const sessionTimeout = duration.refine((ms) => ms >= 6000 && ms <= 1_800_000, '6s to 30m');

const brokers = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((list) => (typeof list === 'string' ? list.split(',').map((broker) => broker.trim()) : list));

const mostPrefix = 512;

/** Slashes around it do not count. Of one that is too long, that is said. */
const isPrefix = (text: string) => {
  if (text.length > mostPrefix) return true;
  const bare = text.replace(/^\/+/, '').replace(/\/+$/, '');
  return bare === '' || bare.split('/').every(isKeySegment);
};

/** What each part of a profile can be, by its `type`. */
const parts = {
  transport: {
    embedded: z.strictObject({ type: z.literal('embedded'), path: path.default('.vimi') }),
    kafka: z.strictObject({
      type: z.literal('kafka'),
      brokers,
      client_id: z.string().min(1).default('vimi'),
      tls: z.union([z.boolean(), kafkaTls]).default(false),
      sasl: sasl.optional(),
      session_timeout: sessionTimeout.optional(),
    }),
  },
  objects: {
    files: z.strictObject({ type: z.literal('files'), path: path.default('.vimi/objects'), links: noLinks.optional() }),
    s3: z.strictObject({
      type: z.literal('s3'),
      endpoint: z.string().refine((text) => endpointOf(text) !== undefined, endpointRule),
      bucket: z.string().refine(isBucketName, bucketRule),
      region: z.string().refine(isRegion, regionRule).default('us-east-1'),
      access_key: secret.optional(),
      secret_key: secret.optional(),
      prefix: z
        .string()
        .max(mostPrefix)
        .refine(isPrefix, 'letters, digits, dots, dashes and underscores, joined by slashes')
        .default(''),
      tls: z.strictObject({ ca: path }).optional(),
      /** By topic: its events carry a link to their object, which lasts so long (milliseconds). */
      links: z.record(z.string(), linkLife).optional(),
    }),
  },
  search: {
    embedded: z.strictObject({ type: z.literal('embedded'), path: path.default('.vimi/index') }),
  },
} as const;

type Parts = typeof parts;
type Part<P extends keyof Parts> = {
  [T in keyof Parts[P]]: Parts[P][T] extends z.ZodType ? z.output<Parts[P][T]> : never;
}[keyof Parts[P]];
export type TransportSpec = Part<'transport'>;
export type ObjectsSpec = Part<'objects'>;
export type SearchSpec = Part<'search'>;

/** Where records, objects and the index live. */
export interface Profile {
  name: string;
  transport: TransportSpec;
  objects: ObjectsSpec;
  search: SearchSpec;
  /** Who has to answer, as the file writes it: values from the environment stand by their names. */
  written: { brokers?: string; endpoint?: string; bucket?: string };
  /** As written; undefined: the topology's own. */
  mediaRoots?: string[];
}

export const mediaRoots = z.array(path).min(1).max(64);

/** Checks every profile; gives the one asked for, with its paths made absolute. `node` undefined: the defaults. */
export function readProfiles(
  node: Placed | undefined,
  wanted: string | undefined,
  folder: string,
  mistakes: Mistakes,
): Profile | undefined {
  const entries = node ? namedEntries(node, 'profile', mistakes) : [];
  const names = node ? entries.map(({ name }) => name) : ['embedded'];
  const chosen = wanted ?? names[0];
  const place: Place = node?.place ?? { line: 1, column: 1 };
  if (wanted !== undefined && !names.includes(wanted)) mistakes.addUnknown('profile', wanted, place, names);
  if (!node) return chosen === 'embedded' ? absolute(defaults, folder) : undefined;

  let profile: Profile | undefined;
  for (const entry of entries) {
    // A profile that is not used may wait for variables that are not set here.
    if (entry.name === chosen) reportUnset(entry.value, mistakes);
    const checked = readProfile(entry, mistakes);
    if (checked && entry.name === chosen) profile = absolute(checked, folder);
  }
  return profile;
}

const defaults: Profile = {
  name: 'embedded',
  written: {},
  transport: parts.transport.embedded.parse({ type: 'embedded' }),
  objects: parts.objects.files.parse({ type: 'files' }),
  search: parts.search.embedded.parse({ type: 'embedded' }),
};

function readProfile({ name, place, value }: PlacedEntry, mistakes: Mistakes): Profile | undefined {
  const what = `profile '${name}'`;
  const known = [...Object.keys(parts), 'media_roots'];
  if (value.kind !== 'map') {
    mistakes.add('value', value.place, `${what}: expected a map of ${known.join(', ')}, found ${shown(value)}`);
    return undefined;
  }
  for (const entry of value.entries.values())
    if (!known.includes(entry.name)) mistakes.addUnknown('key', entry.name, entry.place, known);
  const part = <P extends keyof Parts>(key: P): Part<P> | undefined => {
    const entry = value.entries.get(key);
    if (entry) return readPart(key, entry, what, mistakes) as Part<P> | undefined;
    mistakes.add('missing-key', place, `${what}: missing ${key}: expected a map with a type`);
    return undefined;
  };
  const [transport, objects, search] = [part('transport'), part('objects'), part('search')];
  const roots = value.entries.get('media_roots');
  const checkedRoots = roots && checkAgainst(mediaRoots, roots.value, `${what}: media_roots`, mistakes);
  if (!transport || !objects || !search) return undefined;
  const written = {
    brokers: writtenAt(value, 'transport', 'brokers'),
    endpoint: writtenAt(value, 'objects', 'endpoint'),
    bucket: writtenAt(value, 'objects', 'bucket'),
  };
  return { name, transport, objects, search, written, ...(checkedRoots && { mediaRoots: checkedRoots }) };
}

function writtenAt(profile: Placed, part: string, setting: string): string | undefined {
  const map = profile.kind === 'map' ? profile.entries.get(part)?.value : undefined;
  const node = map?.kind === 'map' ? map.entries.get(setting)?.value : undefined;
  const asText = (one: Placed): string =>
    one.kind === 'scalar' && !one.variables
      ? String(one.value)
      : one.kind === 'list'
        ? one.items.map(asText).join(',')
        : shown(one);
  return node && asText(node);
}

function readPart(key: keyof Parts, { value, place }: PlacedEntry, what: string, mistakes: Mistakes): unknown {
  const kinds: Record<string, z.ZodType> = parts[key];
  const types = Object.keys(kinds);
  if (value.kind !== 'map') {
    mistakes.add('value', value.place, `${what}: ${key}: expected a map with a type, found ${shown(value)}`);
    return undefined;
  }
  const type = value.entries.get('type')?.value;
  if (!type) {
    mistakes.add('missing-key', place, `${what}: ${key}: missing type: expected ${types.join(' or ')}`);
    return undefined;
  }
  const name = type.kind === 'scalar' ? String(type.value) : '';
  const schema = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (schema) return checkAgainst(schema, value, `${what}: ${key}`, mistakes);
  if (type.kind === 'scalar' && type.variables && type.variables.unset.length > 0) return undefined;
  const found = type.kind === 'scalar' && !type.variables ? String(type.value) : shown(type);
  mistakes.addUnknown(`type of ${key}`, found, type.place, types);
  return undefined;
}

function absolute(profile: Profile, folder: string): Profile {
  const { transport, objects, search } = profile;
  return {
    ...profile,
    transport: withPaths(transport, folder),
    objects: withPaths(objects, folder),
    search: withPaths(search, folder),
  };
}

function withPaths<P extends { path?: string; tls?: boolean | Record<string, string | undefined> }>(
  part: P,
  folder: string,
): P {
  const files = typeof part.tls === 'object' ? Object.entries(part.tls) : [];
  return {
    ...part,
    ...(part.path !== undefined && { path: resolve(folder, part.path) }),
    ...(files.length > 0 && {
      tls: Object.fromEntries(files.flatMap(([name, file]) => (file ? [[name, resolve(folder, file)]] : []))),
    }),
  };
}
