// biome-ignore-all lint/suspicious/noTemplateCurlyInString: so a topology names values from the environment.
import { createReadStream, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Workspace } from '../../src/app/workspace.js';
import { writeBundle } from '../../src/cli/commands/bundle.js';
import { validate } from '../../src/cli/validate.js';
import { unpackTar } from '../../src/media/tar.js';
import { openEmbedded } from '../../src/streams/transports/embedded/open-embedded.js';
import { quietLog } from '../operators/run-operator.js';

let folder: string;
let run: Server;
let at: string;
const topology = () => join(folder, 'topology.yaml');
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-bundle-'));
  run = createServer((request, response) => response.end(`asked for ${request.url}\n`));
  await new Promise<void>((resolve) => run.listen(0, '127.0.0.1', resolve));
  at = `127.0.0.1:${(run.address() as AddressInfo).port}`;
  writeFileSync(
    topology(),
    `
profiles:
  one:
    transport: { type: embedded, path: .vimi }
    objects: { type: s3, endpoint: "\${S3_ENDPOINT}", bucket: bucket, access_key: key-of-mine, secret_key: "\${S3_SECRET_KEY}" }
    search: { type: embedded, path: .vimi/index }
    work: .vimi/work
topics:
  requests: { schema: generation.requested }
  rejects: { schema: event.rejected }
  jobs: { schema: job.changed, cleanup: compact }
pipelines:
  generate: { from: requests, steps: [admit], to: [] }
`,
  );
});
afterEach(() => {
  run.close();
  rmSync(folder, { recursive: true });
});

const env = { S3_ENDPOINT: 'https://store.internal.example', S3_SECRET_KEY: 'hunter2-hunter2', HOME: '/home/me' };

describe('a bundle for a bug report', () => {
  it('has what helps, by name, and no secret', async () => {
    const workspace = await Workspace.open({ topology: topology(), env, log: quietLog });
    const path = join(folder, 'b.tgz');
    const findings = [{ part: 'node', state: 'good' as const, text: '20' }];
    const names = await writeBundle(path, { findings, topology: workspace.topology, at, env });
    await workspace.close();
    const files: Record<string, string> = {};
    for await (const { name, bytes } of unpackTar(createReadStream(path).pipe(createGunzip())))
      files[name.replace('vimi-bundle/', '')] = bytes.toString();
    expect(Object.keys(files)).toEqual(names.map((name) => name.replace('vimi-bundle/', '')));
    expect(JSON.parse(files['findings.json']!)).toEqual(findings);
    expect(JSON.parse(files['variables.json']!)).toEqual(['S3_ENDPOINT', 'S3_SECRET_KEY']);
    expect(files['metrics.txt']).toBe('asked for /metrics\n');
    expect(files['topology.yaml']).toContain('S3_SECRET_KEY');
    for (const secret of ['hunter2', 'key-of-mine', 'store.internal.example', '/home/me'])
      expect(Object.values(files).join('\n')).not.toContain(secret);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it('is written when nothing runs, and when the topology cannot be read', async () => {
    run.close();
    const path = join(folder, 'b.tgz');
    const names = await writeBundle(path, { findings: [], topology: undefined, at, env: {} });
    expect(names).not.toContain('vimi-bundle/topology.yaml');
    expect(names).toContain('vimi-bundle/metrics.txt');
  });
});

describe('vimi validate --connect', () => {
  const checked = async (denyWarnings: boolean, objects: string) => {
    writeFileSync(
      topology(),
      `
profiles:
  one:
    transport: { type: embedded, path: ${folder}/.vimi }
    objects: { type: files, path: ${objects} }
    search: { type: embedded, path: ${folder}/.vimi/index }
    work: ${folder}/.vimi/work
topics:
  requests: { schema: generation.requested }
  rejects: { schema: event.rejected }
  jobs: { schema: job.changed, cleanup: compact }
  corpus: { schema: corpus.document, cleanup: compact }
pipelines:
  generate: { from: requests, steps: [admit], to: [] }
`,
    );
    const out = new PassThrough();
    const connect = () => Workspace.open({ topology: topology(), env: {}, looksOnly: true, log: quietLog });
    const code = await validate(topology(), { out, env: {}, connect, denyWarnings });
    out.end();
    return { code, printed: await text(out) };
  };

  it('lists what the topology names, and makes nothing', async () => {
    const { code, printed } = await checked(false, `${folder}/.vimi/objects`);
    expect(printed).toMatch(/no mistakes/);
    expect(printed).toMatch(/^✓ objects /m);
    expect(code).toBe(0);
    expect(() => statSync(join(folder, '.vimi'))).toThrow();
  });

  it('fails for what does not answer', async () => {
    writeFileSync(join(folder, 'file'), '');
    const { code, printed } = await checked(false, `${folder}/file/objects`);
    expect(printed).toMatch(/^✗ objects /m);
    expect(code).toBe(1);
  });

  it('fails for warnings where they are denied', async () => {
    mkdirSync(join(folder, '.vimi'));
    await openEmbedded({ path: join(folder, '.vimi/log.sqlite') }).close();
    const lenient = await checked(false, `${folder}/.vimi/objects`);
    expect(lenient.printed).toMatch(/^! topic +requests: does not exist yet/m);
    expect([lenient.code, (await checked(true, `${folder}/.vimi/objects`)).code]).toEqual([0, 1]);
  });
});
