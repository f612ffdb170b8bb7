import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Workspace } from '../../src/app/workspace.js';
import { generate } from '../../src/cli/commands/generate.js';
import { decodeEvent } from '../../src/events/cloudevents.js';
import { openEmbedded } from '../../src/streams/transports/embedded/open-embedded.js';
import type { Transport } from '../../src/streams/transports/transport.js';
import { quietLog, readAll, temporaryFolder } from '../streams/delivery/pipeline-fixtures.js';
import { patient } from '../support/patience.js';

const root = join(import.meta.dirname, '../..');
const request = ['generation.requested', 'generation.cancelled'] as const;

/** A step that works on a request until that is cancelled. It says in a file that it began. */
const wait = `import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { defineOperator, z } from 'vimi';
export default defineOperator({ name: 'wait', summary: 's', contract: { in: 'i', out: 'o', drops: 'd', fails: 'f', memory: 'm' },
  config: z.strictObject({}), example: '- wait', needs: ['query'], adds: [] }, {
  async process(_, { signal }) {
    writeFileSync(new URL('began', import.meta.url), '');
    if (!signal.aborted) await once(signal, 'abort');
    return {};
  } });
`;

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(join(folder.path, 'node_modules'));
  symlinkSync(root, join(folder.path, 'node_modules/vimi'));
  writeFileSync(join(folder.path, 'wait.mjs'), wait);
  const shipped = readFileSync(join(root, 'topology.yaml'), 'utf8');
  writeFileSync(
    join(folder.path, 'topology.yaml'),
    shipped
      .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
      .replace('      - admit\n', '$&      - use: ./wait.mjs\n'),
  );
});
afterEach(() => folder.remove());

async function eventsOf(transport: Transport, topic: string, schemas: Parameters<typeof decodeEvent>[1]) {
  return (await readAll(transport, topic)).map((record) => decodeEvent(record, schemas));
}

describe('a request whose command is interrupted', () => {
  it('is cancelled, and the command says so', { timeout: 3 * patient.timeout }, async () => {
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'generate', 'a fox runs'], {
      cwd: folder.path,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    try {
      const [said, exit] = [text(child.stderr), once(child, 'exit')];
      await vi.waitFor(() => expect(existsSync(join(folder.path, 'began'))).toBe(true), patient);
      child.kill('SIGINT');
      const log = openEmbedded({ path: join(folder.path, '.vimi/log.sqlite') });
      try {
        await vi.waitFor(async () => {
          const states = (await eventsOf(log, 'jobs', ['job.changed'])).map(
            ({ data }) => (data as { state: string }).state,
          );
          expect(states.at(-1)).toBe('cancelled');
        }, patient);
        const [asked, cancelled] = await eventsOf(log, 'requests', request);
        expect(cancelled?.data).toEqual({ cancel: asked?.id });
        expect(cancelled?.source).toBe(asked?.source);
        expect(await exit).toEqual([130, null]);
        expect(await said).toContain('cancelling the request');
        expect(await readAll(log, 'videos')).toEqual([]);
      } finally {
        await log.close();
      }
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('before it was published is not published', async () => {
    const workspace = await Workspace.open({ topology: join(folder.path, 'topology.yaml'), log: quietLog });
    try {
      const options = { images: [], retrieval: true, signal: AbortSignal.abort() };
      await expect(generate(workspace, 'a fox runs', options, process.stdout)).rejects.toMatchObject({
        code: 'CANCELLED',
      });
      expect(await readAll(await workspace.transport(), 'requests')).toEqual([]);
    } finally {
      await workspace.close();
    }
  });

  it('while it is published is cancelled all the same', async () => {
    const workspace = await Workspace.open({ topology: join(folder.path, 'topology.yaml'), log: quietLog });
    try {
      const transport = await workspace.transport();
      const interrupt = new AbortController();
      const publish = transport.publish.bind(transport);
      transport.publish = async (records) => {
        interrupt.abort();
        return publish(records);
      };
      const options = { images: [], retrieval: true, signal: interrupt.signal };
      await expect(generate(workspace, 'a fox runs', options, process.stdout)).rejects.toMatchObject({
        code: 'CANCELLED',
      });
      const [asked, cancelled] = await eventsOf(transport, 'requests', request);
      expect(cancelled?.data).toEqual({ cancel: asked?.id });
    } finally {
      await workspace.close();
    }
  });

  it('fails of what keeps the cancel from being published', async () => {
    const workspace = await Workspace.open({ topology: join(folder.path, 'topology.yaml'), log: quietLog });
    try {
      const transport = await workspace.transport();
      const interrupt = new AbortController();
      const publish = transport.publish.bind(transport);
      const full = new Error('no space left');
      transport.publish = async (records) => {
        const done = await publish(records);
        // Published all the same, so that the work ends.
        if (records.some(({ value }) => value?.includes('"cancel"'))) throw full;
        return done;
      };
      const options = { images: [], retrieval: true, signal: interrupt.signal };
      const answer = expect(generate(workspace, 'a fox runs', options, process.stdout)).rejects.toBe(full);
      await vi.waitFor(() => expect(existsSync(join(folder.path, 'began'))).toBe(true), patient);
      interrupt.abort();
      await answer;
    } finally {
      await workspace.close();
    }
  });
});
