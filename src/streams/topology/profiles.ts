import { resolve } from 'node:path';
import { z } from 'zod';
import { isKeySegment } from '../../stores/objects/object-key.js';
import {
  bucketRule,
  endpointOf,
  endpointRule,
  isBucketName,
  isRegion,
  regionRule,
} from '../../stores/objects/s3/address.js';
import { checkAgainst } from './against.js';
import { isModulePath, locateModule } from './custom-operator.js';
import { duration } from './duration.js';
import type { Mistakes, Place } from './mistake.js';
import { fixedMap, namedEntries } from './sections.js';
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

/** http(s)://host:port, without a path, a name or a password. */
const isServer = (text: string) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search && !url.username;
};
const servers = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(64)])
  .transform((list) => (typeof list === 'string' ? list.split(',').map((one) => one.trim()) : list))
  .refine((list) => list.every(isServer), 'http://host:port or https://host:port: a list, or several with commas');

/** Nets of search, whatever the engine: folders in the layout of Hugging Face. */
const nets = {
  encoder: path
    .optional()
    .describe(
      'The folder of an encoder of texts (MiniLM), or of texts and images (CLIP, SigLIP); default: the built-in one. An index belongs to its encoder: `vimi corpus reembed` changes it.',
    ),
  reranker: path
    .optional()
    .describe('The folder of a cross-encoder, which reads prompt and caption together and orders what was found.'),
};

/** What each part of a profile can be, by its `type`. */
export const profileParts = {
  transport: {
    embedded: z.strictObject({
      type: z.literal('embedded'),
      path: path.default('.vimi').describe('The folder of the log.'),
    }),
    kafka: z.strictObject({
      type: z.literal('kafka'),
      brokers: brokers.describe('host:port: a list, or several with commas.'),
      client_id: z.string().min(1).default('vimi').describe('By which the brokers know this client.'),
      tls: z
        .union([z.boolean(), kafkaTls])
        .default(false)
        .describe(
          'Whether to use TLS; or files in PEM: ca instead of the system’s authorities, cert and key of this client.',
        ),
      sasl: sasl.optional().describe('How this client says who it is.'),
      session_timeout: sessionTimeout
        .optional()
        .describe('A process that says nothing for so long loses its partitions, 6s to 30m.'),
    }),
  },
  objects: {
    files: z.strictObject({
      type: z.literal('files'),
      path: path.default('.vimi/objects').describe('The folder of the objects.'),
      links: noLinks.optional(),
    }),
    s3: z.strictObject({
      type: z.literal('s3'),
      endpoint: z
        .string()
        .refine((text) => endpointOf(text) !== undefined, endpointRule)
        .describe('http:// or https://, and the host.'),
      bucket: z.string().refine(isBucketName, bucketRule).describe('Made when it is missing.'),
      region: z.string().refine(isRegion, regionRule).default('us-east-1').describe('Of the bucket.'),
      access_key: secret.optional().describe('From the environment or a file.'),
      secret_key: secret.optional().describe('From the environment or a file.'),
      prefix: z
        .string()
        .max(mostPrefix)
        .refine(isPrefix, 'letters, digits, dots, dashes and underscores, joined by slashes')
        .default('')
        .describe('What all keys begin with.'),
      tls: z.strictObject({ ca: path }).optional().describe('A file of authorities in PEM, instead of the system’s.'),
      /** In milliseconds. */
      links: z
        .record(z.string(), linkLife)
        .optional()
        .describe('By topic: its events carry a link to their object, which lasts so long, such as 24h.'),
    }),
  },
  search: {
    embedded: z.strictObject({
      type: z.literal('embedded'),
      path: path.default('.vimi/index').describe('The folder of the index.'),
      snapshot_every: z
        .number()
        .int()
        .min(0)
        .optional()
        .describe(
          'A snapshot of the index goes to the object store after so many documents, or after a tenth of the corpus if that is more: a new machine begins with it. 0: none. Default: 10000 with s3, none with files.',
        ),
      ...nets,
    }),
    weaviate: z.strictObject({
      type: z.literal('weaviate'),
      url: servers.describe('Nodes of one cluster, http(s)://host:port: a list, or several with commas.'),
      api_key: secret.optional().describe('From the environment or a file.'),
      index: z
        .string()
        .regex(/^[A-Z][A-Za-z0-9]{0,63}$/, 'letters and digits, the first one a capital')
        .default('Vimi')
        .describe('What the engine calls the index. Each corpus topic needs its own.'),
      replicas: z.number().int().min(1).max(16).default(1).describe('Nodes that keep each document.'),
      ...nets,
    }),
    module: z.strictObject({
      type: z
        .string()
        .regex(/^\.{1,2}\//, 'a path that begins with ./ or ../')
        .describe('The file of an engine of your own.'),
      with: z.record(z.string(), z.unknown()).default({}).describe('Its settings.'),
      ...nets,
    }),
  },
} as const;

type Parts = typeof profileParts;
type ModuleSpec = z.output<Parts['search']['module']>;
type Part<P extends keyof Parts> = {
  [T in keyof Parts[P]]: Parts[P][T] extends z.ZodType ? z.output<Parts[P][T]> : never;
}[keyof Parts[P]];
export type TransportSpec = Part<'transport'>;
export type ObjectsSpec = Part<'objects'>;
export type SearchSpec =
  | z.output<Parts['search']['embedded']>
  | z.output<Parts['search']['weaviate']>
  /** `module`: the file of an engine of the team's own. */
  | { type: 'module'; module: string; settings: Record<string, unknown>; encoder?: string; reranker?: string };

/** Where `vimi run` serves HTTP. */
export const serverSettings = z.strictObject({
  address: z
    .string()
    .regex(/^(\d{1,3}(\.\d{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*|[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)$/, {
      error: 'an IP address or a host name, without a port',
    })
    .default('127.0.0.1')
    .describe(
      'The address of this machine that it listens on; 0.0.0.0: all of them. Any but a loopback address needs an API key first (`vimi keys add`).',
    ),
  port: z.number().int().min(0).max(65_535).default(9400).describe('0: a free one.'),
  tls: z
    .strictObject({
      cert: path.describe('The certificate, and after it those that lead to an authority: a file in PEM.'),
      key: path.describe('Its private key: a file in PEM, without a passphrase.'),
    })
    .optional()
    .describe('HTTPS instead of HTTP. The files are read again when they change.'),
});
export type ServerSpec = z.output<typeof serverSettings>;

/** Where records, objects and the index live. */
export interface Profile {
  name: string;
  transport: TransportSpec;
  objects: ObjectsSpec;
  search: SearchSpec;
  /** Who has to answer, as the file writes it: values from the environment stand by their names. */
  written: { brokers?: string; endpoint?: string; bucket?: string; search?: string };
  /** The folder for temporary files of runs. */
  work: string;
  /** As written; undefined: the topology's own. */
  mediaRoots?: string[];
  /** undefined: nothing is said of it. */
  server?: ServerSpec;
}

/** Each pipeline of each process makes a folder in it, and removes it in the end. */
export const workFolder = path.default('.vimi/work');

export const mediaRoots = z.array(path).min(1).max(64);

/** Checks every profile; gives the one asked for, with its paths made absolute. `node` undefined, or null wanted: the defaults. */
export function readProfiles(
  node: Placed | undefined,
  wanted: string | null | undefined,
  folder: string,
  mistakes: Mistakes,
): Profile | undefined {
  const entries = node ? namedEntries(node, 'profile', mistakes) : [];
  const names = node ? entries.map(({ name }) => name) : ['embedded'];
  const chosen = wanted === null ? undefined : (wanted ?? names[0]);
  const place: Place = node?.place ?? { line: 1, column: 1 };
  if (node?.kind === 'map' && node.entries.size === 0)
    mistakes.add('missing-key', place, "'profiles' is empty: name a profile, or leave 'profiles' out");
  if (typeof wanted === 'string' && !names.includes(wanted)) mistakes.addUnknown('profile', wanted, place, names);
  const none = wanted === null ? absolute(defaults, folder) : undefined;
  if (!node) return chosen === 'embedded' ? absolute(defaults, folder) : none;

  let profile: Profile | undefined;
  for (const entry of entries) {
    // A profile that is not used may wait for variables that are not set here.
    if (entry.name === chosen) reportUnset(entry.value, mistakes);
    const checked = readProfile(entry, folder, mistakes);
    if (checked && entry.name === chosen) profile = absolute(checked, folder);
  }
  return profile ?? none;
}

const defaults: Profile = {
  name: 'embedded',
  written: {},
  transport: profileParts.transport.embedded.parse({ type: 'embedded' }),
  objects: profileParts.objects.files.parse({ type: 'files' }),
  search: profileParts.search.embedded.parse({ type: 'embedded' }),
  work: workFolder.parse(undefined),
};

function readProfile({ name, place, value }: PlacedEntry, folder: string, mistakes: Mistakes): Profile | undefined {
  const what = `profile '${name}'`;
  const known = [...Object.keys(profileParts), 'work', 'media_roots', 'server'];
  const map = fixedMap(value, what, known, mistakes);
  if (!map) return undefined;
  const part = <P extends keyof Parts>(key: P): Profile[P] | undefined => {
    const entry = map.entries.get(key);
    if (entry) return readPart(key, entry, what, folder, mistakes) as Profile[P] | undefined;
    mistakes.add('missing-key', place, `${what}: missing ${key}: expected a map with a type`);
    return undefined;
  };
  const [transport, objects, search] = [part('transport'), part('objects'), part('search')];
  const written = map.entries.get('work');
  const work = written
    ? checkAgainst(workFolder, written.value, `${what}: work`, mistakes)
    : workFolder.parse(undefined);
  const roots = map.entries.get('media_roots');
  const checkedRoots = roots && checkAgainst(mediaRoots, roots.value, `${what}: media_roots`, mistakes);
  const asked = map.entries.get('server');
  const server = asked && checkAgainst(serverSettings, asked.value, `${what}: server`, mistakes);
  if (!transport || !objects || !search || work === undefined) return undefined;
  const addresses = {
    brokers: writtenAt(value, 'transport', 'brokers'),
    endpoint: writtenAt(value, 'objects', 'endpoint'),
    bucket: writtenAt(value, 'objects', 'bucket'),
    search: writtenAt(value, 'search', 'url'),
  };
  return {
    name,
    transport,
    objects,
    search,
    work,
    written: addresses,
    ...(checkedRoots && { mediaRoots: checkedRoots }),
    ...(server && { server }),
  };
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

function readPart(
  key: keyof Parts,
  { value, place }: PlacedEntry,
  what: string,
  folder: string,
  mistakes: Mistakes,
): unknown {
  const { module, ...kinds }: Record<string, z.ZodType> = profileParts[key];
  const types = [...Object.keys(kinds), ...(module ? ['./module.js'] : [])];
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
  if (module && isModulePath(name)) {
    const spec = checkAgainst(module, value, `${what}: ${key}`, mistakes) as ModuleSpec | undefined;
    if (!spec) return undefined;
    try {
      return {
        type: 'module',
        module: locateModule(name, folder),
        settings: spec.with,
        encoder: spec.encoder,
        reranker: spec.reranker,
      };
    } catch (thrown) {
      mistakes.add('value', type.place, `${what}: ${key}: ${name}: ${(thrown as Error).message}`);
      return undefined;
    }
  }
  const schema = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (schema) return checkAgainst(schema, value, `${what}: ${key}`, mistakes);
  if (type.kind === 'scalar' && type.variables && type.variables.unset.length > 0) return undefined;
  const found = type.kind === 'scalar' && !type.variables ? String(type.value) : shown(type);
  mistakes.addUnknown(`type of ${key}`, found, type.place, types);
  return undefined;
}

function absolute(profile: Profile, folder: string): Profile {
  const { transport, objects, search, server } = profile;
  return {
    ...profile,
    transport: withPaths(transport, folder),
    objects: withPaths(objects, folder),
    search: withPaths(search, folder),
    work: resolve(folder, profile.work),
    ...(server && { server: withPaths(server, folder) }),
  };
}

function withPaths<
  P extends {
    path?: string;
    encoder?: string | undefined;
    reranker?: string | undefined;
    tls?: boolean | Record<string, string | undefined>;
  },
>(part: P, folder: string): P {
  const files = typeof part.tls === 'object' ? Object.entries(part.tls) : [];
  return {
    ...part,
    ...(part.path !== undefined && { path: resolve(folder, part.path) }),
    ...(part.encoder !== undefined && { encoder: resolve(folder, part.encoder) }),
    ...(part.reranker !== undefined && { reranker: resolve(folder, part.reranker) }),
    ...(files.length > 0 && {
      tls: Object.fromEntries(files.flatMap(([name, file]) => (file ? [[name, resolve(folder, file)]] : []))),
    }),
  };
}
