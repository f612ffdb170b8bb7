import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, availableParallelism, platform, totalmem } from 'node:os';
import { corpusRecord } from '../../app/corpus.js';
import { behindAt } from '../../app/looks/behind.js';
import { placeOfSearch } from '../../app/search.js';
import { logFile } from '../../app/transport.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { asVimiError, VimiError } from '../../core/errors.js';
import { SqliteFile } from '../../core/sqlite.js';
import { mediaTools } from '../../media/tools.js';
import { defaultAddress, isLoopback } from '../../server/address.js';
import { readCertificate, warningOf } from '../../server/certificate.js';
import { Keys, keyPath } from '../../server/keys/key-file.js';
import { callAtRest } from '../../stores/corpus/index/call-at-rest.js';
import { loadHnswlib } from '../../stores/corpus/index/hnswlib.js';
import { isRetrievable } from '../../stores/corpus/ranking/retrieved.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import type { Finding } from '../findings.js';
import { modelNames } from '../model-names.js';
import { whyNotServed } from './free-port.js';
import { freeSpace, nearest } from './free-space.js';

/** Servers that do not answer are waited for so long: longer than a slow one needs, shorter than people wait. */
export const firstContactMs = 5_000;
/** A store near by answers within a tenth of it. */
const slowAnswerMs = 1_000;

type OnFound = (findings: readonly Finding[]) => void;
type Add = (part: string, state: Finding['state'], text: string) => void;
/** `at`: who has to answer. */
type Probe = [part: string, look: (add: Add) => Promise<void> | void, at?: string];

/**
 * Looks at everything that a run needs, at all parts at once, and gives what it found in their order; `onFound` has each part's
 * findings as soon as they are known. It makes nothing: no bucket, no topic, no folder; `openWorkspace` gives a workspace that
 * looks only, or fails with what is wrong with the topology.
 */
export async function examine(openWorkspace: () => Promise<Workspace>, onFound?: OnFound): Promise<Finding[]> {
  let workspace: Workspace | undefined;
  const topology: Probe = [
    'topology',
    async (add) => {
      workspace = await openWorkspace();
      lookAtTopology(workspace, add);
    },
  ];
  const tools = (['ffmpeg', 'ffprobe'] as const).map((name): Probe => [name, (add) => lookAtTool(name, add)]);
  const modules = nativeModules.map((name): Probe => ['module', (add) => lookAtModule(name, add)]);
  const findings = await lookAll([['node', lookAtMachine], ...modules, ...tools, topology], onFound);
  return workspace ? [...findings, ...(await examineParts(workspace, onFound))] : findings;
}

/** Looks at what a topology names, in a workspace that looks only: servers, buckets, topics, folders, models. */
export async function examineParts(opened: Workspace, onFound?: OnFound): Promise<Finding[]> {
  const { written } = opened.topology.profile;
  const parts: Probe[] = [
    ['transport', (add) => lookAtTransport(opened, add), written.brokers],
    ['objects', (add) => lookAtObjects(opened, add), written.endpoint],
    ['search', (add) => lookAtSearch(opened, add), written.search],
    ['corpus', (add) => lookAtCorpus(opened, add)],
    ['server', (add) => lookAtServer(opened, add)],
    ['work', (add) => lookAtFolder('work', opened.topology.profile.work, add)],
    ['space', (add) => lookAtSpace(opened, add)],
    ...opened.topology.pipelines.map((pipeline): Probe => ['model', (add) => lookAtModel(opened, pipeline, add)]),
  ];
  return lookAll(parts, onFound);
}

/** What went wrong while looking at a part is a finding, too. */
async function lookAll(probes: Probe[], onFound: OnFound = () => {}): Promise<Finding[]> {
  const found = probes.map(async ([part, look, at]) => {
    const findings: Finding[] = [];
    const add: Add = (of, state, text) => findings.push({ part: of, state, text });
    try {
      await look(add);
    } catch (thrown) {
      const error = asVimiError(thrown);
      // What is no address may hold a secret; then nobody was asked.
      const where = at !== undefined && error.code !== 'USAGE' ? ` at ${at}` : '';
      add(part, 'bad', `${error.code}: ${error.message}${where} → ${error.remedy}`);
    }
    onFound(findings);
    return findings;
  });
  return (await Promise.all(found)).flat();
}

function lookAtMachine(add: Add): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > 20 || (major === 20 && minor >= 19);
  add('node', recent ? 'good' : 'bad', `${process.versions.node}${recent ? '' : '; 20.19 or newer is needed'}`);
  add(
    'machine',
    'good',
    `${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}`,
  );
}

/** Compiled for one version of Node, or for one system: each fails under another. */
const nativeModules = ['better-sqlite3', 'hnswlib-node', 'sharp'];
const require = createRequire(import.meta.url);

/** Loads it as a run would. A database in memory, for better-sqlite3 loads its compiled part with the first one. */
function lookAtModule(name: string, add: Add): void {
  if (name === 'hnswlib-node') {
    const { build } = loadHnswlib();
    add('module', 'good', `${name} loads under this Node, compiled for ${build ?? 'any processor'}`);
    return;
  }
  if (name === 'better-sqlite3') new SqliteFile(':memory:').close();
  else require(name);
  add('module', 'good', `${name} loads under this Node`);
}

function lookAtTool(name: 'ffmpeg' | 'ffprobe', add: Add): void {
  const tool = mediaTools()[name];
  const age = ` (bundled, from ${tool.year}: only for your own media; install a current ffmpeg before you read strangers’ files)`;
  add(name, tool.bundled ? 'warning' : 'good', `${tool.version}, ${tool.path}${tool.bundled ? age : ''}`);
}

function lookAtTopology({ topology }: Workspace, add: Add): void {
  add(
    'topology',
    'good',
    `${topology.file}, profile ${topology.profile.name}, pipelines ${topology.pipelines.map(({ name }) => name).join(', ')}`,
  );
  for (const root of topology.mediaRoots)
    add('media root', existsSync(root) ? 'good' : 'warning', `${root}${existsSync(root) ? '' : ' (does not exist)'}`);
}

/** Where the profile says so: its certificate, and whether other machines may reach it. */
async function lookAtServer({ topology, log }: Workspace, add: Add): Promise<void> {
  const { server } = topology.profile;
  const address = server ? { host: server.address, port: server.port } : defaultAddress;
  const why = await whyNotServed(address, server?.tls !== undefined);
  if (why)
    add(
      'server',
      'bad',
      `a run cannot serve HTTP: ${why} → End what listens there, or name another address: ${server ? 'server: in the profile, or ' : ''}--http HOST:PORT.`,
    );
  if (!server) return;
  const at = `${server.tls ? 'https' : 'http'}, ${server.address} port ${server.port}`;
  const keys = await Keys.open(keyPath(topology.folder), log);
  if (!isLoopback(server.address) && !(await keys.ask()))
    add('server', 'bad', `${at}: other machines are not served without an API key → vimi keys add NAME`);
  if (!server.tls) {
    if (!why) add('server', 'good', at);
    return;
  }
  const certificate = readCertificate(server.tls);
  const warning = warningOf(certificate, Date.now());
  const isValid = certificate.validFrom <= Date.now() && Date.now() < certificate.validUntil;
  if (warning) add('server', isValid ? 'warning' : 'bad', `${at}: ${warning} (${server.tls.cert})`);
  else add('server', 'good', `${at}; the certificate is valid until ${new Date(certificate.validUntil).toISOString()}`);
}

async function lookAtTransport(workspace: Workspace, add: Add): Promise<void> {
  const { topology } = workspace;
  const { transport: spec, written } = topology.profile;
  if (spec.type === 'embedded' && !existsSync(logFile(spec))) {
    lookAtFolder('transport', spec.path, add);
    return;
  }
  const transport = await workspace.bareTransport();
  const there = new Set((await transport.topics([...topology.topics.keys()])).map(({ name }) => name));
  if (spec.type === 'kafka') add('transport', 'good', `Kafka, ${written.brokers}`);
  // Over Kafka these are offsets, of which the markers of transactions take some.
  const most = (n: number) => `${spec.type === 'embedded' || n === 0 ? '' : 'at most '}${counted(n, 'record')}`;
  if (transport.check) add('log', 'good', `${counted(await transport.check(), 'record')}, all intact`);
  for (const { name, partitions } of topology.topics.values()) {
    if (!there.has(name)) {
      add('topic', 'warning', `${name}: does not exist yet; \`vimi topics apply\` or a run creates it`);
      continue;
    }
    const ends = await transport.ends(name);
    const records = ends.reduce((sum, { low, high }) => sum + high - low, 0);
    const about = `${counted(ends.length, 'partition')}, ${most(records)}`;
    if (ends.length >= partitions) add('topic', 'good', `${name}: ${about}`);
    else
      add(
        'topic',
        'warning',
        `${name}: ${about}; the topology says ${partitions}, so fewer processes share the work → vimi topics apply`,
      );
  }
  for (const { name, group, from } of topology.pipelines) {
    if (!there.has(from)) continue;
    const ends = await transport.ends(from);
    const positions = await transport.positions(group, from);
    const { waiting } = behindAt(ends, positions);
    add('pipeline', 'good', `${name}: ${most(waiting)} of ${from} ${waiting === 1 ? 'waits' : 'wait'}`);
  }
}

async function lookAtObjects(workspace: Workspace, add: Add): Promise<void> {
  const { objects, written } = workspace.topology.profile;
  if (objects.type === 'files') return lookAtFolder('objects', objects.path, add);
  await workspace.objects().catch((thrown: unknown) => {
    const error = asVimiError(thrown);
    if (error.code !== 'BUCKET_NOT_FOUND') throw error;
    const remedy = 'Create it. A run creates it too, if its keys may.';
    throw new VimiError(error.code, 'The bucket does not exist', { where: written.bucket, remedy, cause: error });
  });
  const began = performance.now();
  await (await workspace.objects()).stat('vimi-doctor');
  const took = performance.now() - began;
  const isSlow = took > slowAnswerMs;
  const about = isSlow
    ? `, but it takes ${(took / 1000).toFixed(1)} s to answer, and every step that stores waits that long for each object → Look at the store, and at the network to it.`
    : '';
  add('objects', isSlow ? 'warning' : 'good', `bucket ${written.bucket}, can be read and listed${about}`);
}

async function lookAtSpace({ topology }: Workspace, add: Add): Promise<void> {
  for (const { state, text } of await freeSpace(topology.profile)) add('space', state, text);
}

/** A folder that a run writes to. */
function lookAtFolder(part: string, path: string, add: Add): void {
  const there = nearest(path);
  try {
    accessSync(there, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new VimiError('STORAGE_UNAVAILABLE', 'This user may not write to a folder', {
      found: (cause as Error).message,
      where: there,
      remedy: `Allow this user to write there, or name another path in the profile.`,
      cause,
    });
  }
  add(part, 'good', there === path ? path : `${path} (does not exist yet; a run creates it)`);
}

/** An engine that others run; the embedded index is a folder. */
async function lookAtSearch(workspace: Workspace, add: Add): Promise<void> {
  const { search } = workspace.topology.profile;
  if (search.type === 'embedded') return;
  const { documents } = await (await workspace.bareCorpus()).state();
  add('search', 'good', `${placeOfSearch(search)}, ${documents} documents`);
}

async function lookAtCorpus(workspace: Workspace, add: Add): Promise<void> {
  const { search, transport: spec } = workspace.topology.profile;
  if (search.type === 'embedded') await lookAtIndex(search.path, add);
  if (spec.type === 'embedded' && !existsSync(logFile(spec))) return;
  const topic = workspace.corpusTopic();
  const transport = await workspace.bareTransport().catch(() => null);
  const there = await transport?.topics([topic]).catch(() => undefined);
  // Why is told of the transport.
  if (!transport || !there) return add('corpus', 'bad', 'cannot be read without the transport');
  if (there.length === 0) return;
  // Those that can be retrieved, as every other command counts them.
  const documents = new Set<string>();
  for await (const record of transport.read(topic)) {
    const document = corpusRecord(record)?.document;
    if (document && isRetrievable(document)) documents.add(String(record.key));
    else documents.delete(String(record.key));
  }
  add('corpus', 'good', `${documents.size} documents`);
}

/** As opening it would: a damaged one is put aside then. */
async function lookAtIndex(path: string, add: Add): Promise<void> {
  lookAtFolder('index', path, add);
  try {
    const found = await callAtRest('checkIndex', path);
    if (found === 'other-layout')
      add('index', 'warning', 'unfinished, or of another version of vimi: the next run fills it again from its topic');
    else if (found)
      add(
        'index',
        'good',
        `${counted(found.documents, 'document')}, ${found.isWhole ? 'intact' : 'its tables intact'}`,
      );
  } catch (thrown) {
    const error = asVimiError(thrown);
    if (error.code !== 'INDEX_DAMAGED') throw thrown;
    add('index', 'warning', `${error.code}: ${error.message} → ${error.remedy}`);
  }
}

async function lookAtModel(workspace: Workspace, pipeline: PipelineSpec, add: Add): Promise<void> {
  for (const denoiser of (await workspace.modelsOf(pipeline)).all()) {
    const model = await denoiser.describe();
    const weights = model.weights === undefined ? 'weights not stated' : `weights ${model.weights.slice(0, 12)}`;
    const where = model.server ? `, server ${model.server.url}` : '';
    const about = `${model.parameters} parameters, backend ${model.backend}, ${weights}${where}`;
    add('model', 'good', `${modelNames(model)}, ${about}`);
  }
}
