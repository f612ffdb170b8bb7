// biome-ignore-all lint/suspicious/noTemplateCurlyInString: so a topology names values from the environment.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Workspace } from '../../src/app/workspace.js';
import { examine } from '../../src/cli/commands/doctor.js';
import { type ErrorCode, VimiError } from '../../src/core/errors.js';
import { openCorpus } from '../../src/stores/corpus/index/open-corpus.js';
import { decodePosition, encodePosition } from '../../src/streams/delivery/position.js';
import { quietLog } from '../operators/run-operator.js';
import { ownTopology } from '../server/served.js';
import { captions, corpusDocument, embedder, records } from '../stores/corpus/corpus-documents.js';
import { patient } from '../support/patience.js';

const profile = {
  name: 'cluster',
  transport: { type: 'kafka', brokers: ['broker:9092'] },
  objects: { type: 's3', endpoint: 'https://store', bucket: 'vimi' },
  search: { type: 'embedded', path: tmpdir() },
  work: tmpdir(),
  written: { brokers: '${BROKERS}', endpoint: 'https://store', bucket: 'vimi' },
};

const noServers = { transport: 'TRANSPORT_UNAVAILABLE', objects: 'STORAGE_UNAVAILABLE' } as const;

/** A workspace whose transport says no word before everything else was asked, and whose servers then fail. */
function failing(codes: { transport: ErrorCode; objects: ErrorCode; search?: string }): Workspace {
  const asked = { objects: () => {}, model: () => {} };
  const others = Promise.all(
    (['objects', 'model'] as const).map(
      (part) =>
        new Promise<void>((resolve) => {
          asked[part] = resolve;
        }),
    ),
  );
  const search = { type: 'embedded', path: codes.search ?? tmpdir() };
  const workspace = {
    topology: {
      file: 'topology.yaml',
      profile: { ...profile, search },
      pipelines: [{ name: 'generate' }],
      mediaRoots: [],
      topics: new Map(),
    },
    corpusTopic: () => 'corpus',
    async bareTransport() {
      await others;
      throw new VimiError(codes.transport, 'No answer');
    },
    async objects() {
      asked.objects();
      throw new VimiError(codes.objects, 'No answer');
    },
    async modelsOf() {
      asked.model();
      return { all: () => [] };
    },
  };
  return workspace as unknown as Workspace;
}

const texts = async (workspace: Workspace) =>
  Object.fromEntries((await examine(async () => workspace)).map(({ part, text }) => [part, text]));

describe('doctor', () => {
  it('asks all parts at once, and says who did not answer', async () => {
    const found = await texts(failing(noServers));
    expect(found.transport).toMatch(/^TRANSPORT_UNAVAILABLE: No answer at \$\{BROKERS\} →/);
    expect(found.objects).toMatch(/^STORAGE_UNAVAILABLE: No answer at https:\/\/store →/);
    expect(found.corpus).toBe('cannot be read without the transport');
  });

  it('says of the corpus only that it needs the transport, where that opens and does not answer', async () => {
    const topics = async () => Promise.reject(new VimiError('TRANSPORT_UNAVAILABLE', 'No answer'));
    const workspace = failing(noServers);
    Object.assign(workspace, { bareTransport: async () => ({ topics }) });
    const found = await texts(workspace);
    expect(found.transport).toMatch(/^TRANSPORT_UNAVAILABLE/);
    expect(found.corpus).toBe('cannot be read without the transport');
  });

  it('says that HTTP cannot be served where something else listens, and not where vimi does', async () => {
    let answer = 'I am something else';
    const other = createServer((_, response) => response.end(answer));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const workspace = failing(noServers);
    Object.assign(workspace.topology, {
      folder: tmpdir(),
      profile: { ...workspace.topology.profile, server: { address: '127.0.0.1', port } },
    });
    const server = async () => (await examine(async () => workspace)).filter(({ part }) => part === 'server');
    const good = { part: 'server', state: 'good', text: `http, 127.0.0.1 port ${port}` };
    try {
      expect(await server()).toEqual([
        {
          part: 'server',
          state: 'bad',
          text: expect.stringMatching(/^a run cannot serve HTTP: .*EADDRINUSE.*--http HOST:PORT/),
        },
      ]);
      answer = 'vimi_build_info{version="0.1.0"} 1';
      expect(await server()).toEqual([good]);
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
    // It was asked for no longer than it took to look.
    expect(await server()).toEqual([good]);
    expect(await server()).toEqual([good]);
  });

  it('tells each part as soon as it is known: the slowest keeps none waiting', async () => {
    const told: string[] = [];
    await examine(
      async () => failing(noServers),
      (findings) => told.push(...findings.map(({ part }) => part)),
    );
    expect(told[0]).toBe('node');
    expect(told.indexOf('work')).toBeLessThan(told.indexOf('transport'));
  });

  it('names no address that was not asked', async () => {
    const found = await texts(failing({ transport: 'TRANSPORT_DENIED', objects: 'USAGE' }));
    expect(found.transport).toMatch(/^TRANSPORT_DENIED: No answer at \$\{BROKERS\} →/);
    expect(found.objects).toMatch(/^USAGE: No answer →/);
  });

  it('names the folder whose disk is full', async () => {
    const found = await examine(async () => failing({ ...noServers, search: '/proc' }));
    const space = found.filter(({ part }) => part === 'space').map(({ state, text }) => `${state} ${text}`);
    expect(space).toHaveLength(2);
    expect(space).toContainEqual(
      'bad STORAGE_FULL: nothing free for /proc → Free some space; a running pipeline continues by itself.',
    );
  });

  it('warns of an object store that answers slowly', async () => {
    const workspace = failing(noServers);
    const stat = () => new Promise((resolve) => setTimeout(resolve, 1_050, null));
    const bareTransport = async () => Promise.reject(new VimiError('TRANSPORT_UNAVAILABLE', 'No answer'));
    Object.assign(workspace, { objects: async () => ({ stat }), bareTransport });
    const found = await examine(async () => workspace);
    expect(found.find(({ part }) => part === 'objects')).toMatchObject({
      state: 'warning',
      text: expect.stringMatching(/^bucket vimi, .*it takes \d.* s to answer/),
    });
  });

  it('says that an index is intact, damaged or of another layout, and leaves it as it is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vimi-doctor-'));
    const look = async () => (await texts(failing({ ...noServers, search: folder }))).index;
    try {
      const corpus = await openCorpus({ folder, embedder, log: quietLog });
      await corpus.apply(records(captions.map((caption) => corpusDocument(caption))));
      await corpus.close();
      const before = readdirSync(folder);
      expect(await look()).toBe(`${captions.length} documents, intact`);

      const file = join(folder, 'corpus.sqlite');
      const intact = readFileSync(file);
      const damaged = Buffer.from(intact).fill(0xff, 8192, 12_000);
      writeFileSync(file, damaged);
      expect(await look()).toMatch(/^INDEX_DAMAGED: The corpus index is damaged: .*vimi rebuilds the index/s);
      expect(readFileSync(file)).toEqual(damaged);

      // Where SQLite keeps user_version.
      const older = Buffer.from(intact);
      older.writeUInt32BE(1, 60);
      writeFileSync(file, older);
      expect(await look()).toMatch(/^unfinished, or of another version of vimi/);
      // As the disk leaves it that was full when the index was made.
      writeFileSync(file, '');
      expect(await look()).toMatch(/^unfinished, or of another version of vimi/);
      expect(readdirSync(folder)).toEqual(before);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('counts as waiting what has no outcome, and not what is done beyond the committed offset', async () => {
    const topology = await ownTopology((text) => text.replaceAll('partitions: 12', 'partitions: 1'));
    const workspace = await Workspace.open({ topology, log: quietLog });
    try {
      const transport = await workspace.transport();
      const value = Buffer.from('{"prompt": "a fox"}');
      const requests = Array.from({ length: 6 }, () => ({ topic: 'requests', key: null, value, headers: {} }));
      await transport.publish(requests);
      const { group } = workspace.pipeline('generate');
      // Of six, the first, the fourth and the fifth are done.
      const done = encodePosition({ ...decodePosition(null), committedOffset: 1, beyond: [{ from: 3, to: 5 }] });
      let committed: Promise<unknown> | undefined;
      const consumer = await transport.consume({
        ...{ group, topics: ['requests'], onError: () => {} },
        onAssigned: (assigned) => {
          committed = assigned.commit([], done);
        },
        onRevoked: async () => {},
        drainMs: 1000,
      });
      await vi.waitFor(() => expect(committed).toBeDefined(), patient);
      await committed;
      await consumer.close();
      const found = await examine(async () => workspace);
      expect(found.map(({ text }) => text)).toContain('generate: 3 records of requests wait');
    } finally {
      await workspace.close();
    }
  });

  const root = join(import.meta.dirname, '../..');
  const vimi = join(root, 'dist/cli/main.js');
  const inFolder = (work: (folder: string) => void) => {
    const folder = mkdtempSync(join(tmpdir(), 'vimi-doctor-'));
    try {
      cpSync(join(root, 'topology.yaml'), join(folder, 'topology.yaml'));
      work(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  const doctor = (cwd: string) => execFileSync(process.execPath, [vimi, 'doctor'], { cwd, encoding: 'utf8' });

  it('[use U6] makes nothing where nothing is, and says what a run would make', () =>
    inFolder((folder) => {
      const said = doctor(folder);
      expect(said).toContain(`${join(folder, '.vimi')} (does not exist yet; a run creates it)`);
      expect(readdirSync(folder)).toEqual(['topology.yaml']);
    }));

  it('[use U6] leaves what is there as it is', () =>
    inFolder((folder) => {
      const publish = spawnSync(process.execPath, [vimi, 'publish', 'requests'], {
        cwd: folder,
        input: '{"prompt":"a fox"}\n',
      });
      expect(publish.status).toBe(0);
      const all = () => readdirSync(folder, { recursive: true }).sort();
      const before = all();
      expect(doctor(folder)).toContain('generate: 1 record of requests waits');
      expect(all()).toEqual(before);
    }));

  it.skipIf(process.getuid?.() !== 0)('[kind 12] says that a folder may not be written to', () =>
    inFolder((folder) => {
      mkdirSync(join(folder, '.vimi'), { mode: 0o700 });
      writeFileSync(join(folder, '.vimi/other'), '');
      execFileSync('chmod', ['755', folder]);
      const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, vimi];
      const { stdout, status } = spawnSync('setpriv', [...asNobody, 'doctor'], { cwd: folder, encoding: 'utf8' });
      expect(stdout).toMatch(/✗ transport +STORAGE_UNAVAILABLE: This user may not write to a folder/);
      expect(status).toBe(1);
    }),
  );

  it('[use U8] says of a module that was compiled for another Node what to type', async () => {
    const { asVimiError } = await import('../../src/core/errors.js');
    for (const error of [
      Object.assign(new Error('better_sqlite3.node was compiled against NODE_MODULE_VERSION 115'), {
        code: 'ERR_DLOPEN_FAILED',
      }),
      new Error('The module was compiled against a different Node.js version using NODE_MODULE_VERSION 115.'),
    ])
      expect(asVimiError(error)).toMatchObject({
        code: 'INSTALL_FOREIGN',
        message: expect.stringContaining(process.version),
        remedy: expect.stringContaining('`npm ci` under this Node'),
      });
  });
});
