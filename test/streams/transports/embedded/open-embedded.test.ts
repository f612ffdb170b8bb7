import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { VimiError } from '../../../../src/core/errors.js';
import { SqliteFile } from '../../../../src/core/sqlite.js';
import {
  type EmbeddedOptions,
  type EmbeddedTransport,
  openEmbedded,
} from '../../../../src/streams/transports/embedded/open-embedded.js';
import { patient } from '../../../support/patience.js';
import { temporaryFolder, unlocked } from '../../delivery/pipeline-fixtures.js';
import {
  consume,
  consumeOne,
  numbered,
  read,
  takeAll,
  text,
  transportContract,
  values,
} from '../transport-contract.js';

/** Whether this user may make PID namespaces. */
function canUnshare(): boolean {
  return spawnSync('unshare', ['--pid', '--mount-proc', '--fork', 'true']).status === 0;
}

transportContract('the embedded log', async () => {
  const folder = temporaryFolder();
  const path = join(folder.path, 'deep', 'log.sqlite');
  return {
    open: async () => openEmbedded({ path }),
    usurp: async () => openEmbedded({ path, lock: () => unlocked }),
    remove: async () => folder.remove(),
  };
});

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
const opened: EmbeddedTransport[] = [];
const children: ChildProcess[] = [];
const open = (options: Partial<EmbeddedOptions> = {}) => {
  const transport = openEmbedded({ path, ...options });
  opened.push(transport);
  return transport;
};
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'log.sqlite');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const transport of opened.splice(0)) await transport.close();
  folder.remove();
});

it('the embedded log works in memory, too', async () => {
  const [one, other] = [open({ path: ':memory:' }), open({ path: ':memory:' })];
  for (const transport of [one, other])
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
  await one.publish(numbered('in', 3));
  const { partition } = await consumeOne(one, 'g', 'in');
  await takeAll(partition, 3);
  await partition.commit([text('in', 'out')], { offset: 3, metadata: '' });
  expect(values(await read(one, 'in'))).toEqual(['0', '1', '2', 'out']);
  expect(await read(other, 'in')).toEqual([]);
});

describe('who consumes a group of the embedded log', () => {
  async function holder(group: string, topic: string): Promise<ChildProcess> {
    const script = join(import.meta.dirname, 'hold-group.mjs');
    const child = spawn(process.execPath, [script, path, group, topic], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const [said] = (await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')])) as [unknown];
    expect(String(said)).toContain('holding');
    return child;
  }

  it('is told to a second process, and free at once when the first is killed', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 2, cleanup: 'delete' }]);
    const child = await holder('g', 'in');
    const refused = consume(transport, 'g', 'in');
    await expect(refused).rejects.toMatchObject({
      code: 'GROUP_BUSY',
      found: expect.stringMatching(new RegExp(`^process ${child.pid} on .+, since 20..-..-..T`)),
    });
    await consume(transport, 'another', 'in');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const { consumer } = await consume(transport, 'g', 'in');
    await consumer.close();
  });

  it.runIf(process.platform === 'linux')(
    'is free when the first is dead, but not collected by its parent',
    async () => {
      const transport = open();
      await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
      const script = join(import.meta.dirname, 'hold-group.mjs');
      // `sleep` takes the shell's place, and never asks what became of the child that the shell left it.
      const child = spawn('sh', ['-c', '"$0" "$@" & exec sleep 600', process.execPath, script, path, 'g', 'in'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      await once(child.stdout, 'data');
      const refusal = await consume(transport, 'g', 'in').catch((error: VimiError) => error.found);
      const pid = Number(/^process (\d+) /.exec(String(refusal))![1]);
      expect(pid).not.toBe(child.pid);
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z '), patient);
      // Its last thread may still be closing files.
      await vi.waitFor(() => consume(transport, 'g', 'in'), patient);
    },
  );

  it('may publish and read from another process meanwhile', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    await holder('g', 'in');
    await transport.publish([text('in', 'a')]);
    expect(values(await read(transport, 'in'))).toEqual(['a']);
  });

  it('is refused to a second consumer of the same process, too', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    await consume(transport, 'g', 'in');
    await expect(consume(open(), 'g', 'in')).rejects.toMatchObject({ code: 'GROUP_BUSY' });
  });

  it('is not taken for another process that got the number of a dead one', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    const { consumer } = await consume(transport, 'g', 'in');
    await consumer.close();
    const file = new SqliteFile(path);
    file.prepare('UPDATE owners SET pid = ?').run(process.ppid);
    file.close();
    await expect(consume(open(), 'g', 'in')).resolves.toHaveProperty('consumer');
  });

  it('[kind 12] is free in a copy of the folder, and held in the original', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    await consume(transport, 'g', 'in');
    const copy = temporaryFolder();
    try {
      cpSync(folder.path, copy.path, { recursive: true });
      const other = open({ path: join(copy.path, 'log.sqlite') });
      await consume(other, 'g', 'in');
      await other.close();
      await expect(consume(open(), 'g', 'in')).rejects.toMatchObject({ code: 'GROUP_BUSY' });
    } finally {
      copy.remove();
    }
  });

  it.runIf(canUnshare())('[streams F19] is told between containers that have one hostname', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    const script = join(import.meta.dirname, 'hold-group.mjs');
    const container = () => {
      const args = ['--pid', '--mount-proc', '--fork', '--kill-child', process.execPath, script, path, 'g', 'in'];
      const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'pipe'] });
      children.push(child);
      return child;
    };
    const first = container();
    await once(first.stdout!, 'data');
    for (let restart = 0; restart < 2; restart++) {
      const second = container();
      let said = '';
      second.stderr!.on('data', (chunk) => {
        said += chunk;
      });
      const [code] = await once(second, 'close');
      expect(said).toContain('GROUP_BUSY');
      expect(code).toBe(1);
    }
    expect(first.exitCode).toBe(null);
    first.kill('SIGKILL');
    await once(first, 'close');
    const third = container();
    expect(String((await once(third.stdout!, 'data'))[0])).toContain('holding');
  });

  it('on another host counts as gone after 30 s of silence', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    await consume(transport, 'g', 'in');
    const file = new SqliteFile(path);
    file.prepare("UPDATE owners SET host = 'elsewhere', seen = ?").run(Date.now() - 1_000);
    await expect(consume(open({ lock: () => unlocked }), 'g', 'in')).rejects.toMatchObject({ code: 'GROUP_BUSY' });
    file.prepare('UPDATE owners SET seen = ?').run(Date.now() - 31_000);
    file.close();
    await consume(open({ lock: () => unlocked }), 'g', 'in');
  });

  it('learns that it was fenced from its own failed commit', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    const { partition, errors } = await consumeOne(transport, 'g', 'in');
    await consume(open({ lock: () => unlocked }), 'g', 'in');
    await expect(partition.commit([], { offset: 0, metadata: '' })).rejects.toMatchObject({ code: 'TRANSPORT_FENCED' });
    expect(errors).toMatchObject([{ code: 'TRANSPORT_FENCED' }]);
    expect(await partition.take(1, new AbortController().signal)).toEqual([]);
  });
});

describe('cleaning the embedded log', () => {
  let now = 1_000_000_000_000;
  const clock = { now: () => now };
  const day = 24 * 60 * 60 * 1000;

  it('removes what is older than its retention, and keeps offsets', async () => {
    const transport = open({ clock });
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete', retentionMs: 1000 }]);
    await transport.publish(numbered('in', 5));
    now += 600;
    await transport.publish([text('in', 'young')]);
    expect(await transport.clean()).toBe(0);
    now += 600;
    expect(await transport.clean()).toBe(5);
    expect(values(await read(transport, 'in'))).toEqual(['young']);
    expect(await transport.ends('in')).toEqual([{ partition: 0, low: 5, high: 6 }]);
    now += 1000;
    expect(await transport.clean()).toBe(1);
    expect(await transport.ends('in')).toEqual([{ partition: 0, low: 6, high: 6 }]);
    expect(await transport.publish([text('in', 'next')])).toEqual([{ topic: 'in', partition: 0, offset: 6 }]);
    expect(values(await read(transport, 'in'))).toEqual(['next']);
  });

  it('keeps everything where no retention is set', async () => {
    const transport = open({ clock });
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    await transport.publish(numbered('in', 5));
    now += 1000 * day;
    expect(await transport.clean()).toBe(0);
  });

  it('never removes what a known group has not settled', async () => {
    const transport = open({ clock });
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete', retentionMs: 1000 }]);
    await transport.publish(numbered('in', 5));
    const { partition } = await consumeOne(transport, 'g', 'in');
    now += 2000;
    expect(await transport.clean()).toBe(0);
    await takeAll(partition, 5);
    await partition.commit([], { offset: 3, metadata: 'vimi1 {"b":"rAAE"}' });
    expect(await transport.clean()).toBe(3);
    expect(values(await read(transport, 'in'))).toEqual(['3', '4']);
  });

  it('keeps the newest record of each key where a topic is compacted', async () => {
    const transport = open({ clock });
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'compact' }]);
    await transport.publish(['a1', 'b1', 'a2', 'c1', 'b2'].map((value) => text('in', value, value[0]!)));
    await transport.publish([text('in', 'no key', null)]);
    await transport.clean();
    expect(values(await read(transport, 'in'))).toEqual(['a2', 'c1', 'b2', 'no key']);
    expect(await transport.ends('in')).toEqual([{ partition: 0, low: 2, high: 6 }]);
  });

  it('lets a tombstone take its key away, and goes itself after 30 days', async () => {
    const transport = open({ clock });
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'compact' }]);
    const tombstone = { ...text('in', '', 'a'), value: null };
    await transport.publish([text('in', 'a1', 'a'), text('in', 'b1', 'b'), tombstone]);
    await transport.clean();
    expect((await read(transport, 'in')).map(({ value }) => value?.toString() ?? null)).toEqual(['b1', null]);
    now += 29 * day;
    await transport.publish([text('in', 'b2', 'b')]);
    await transport.clean();
    expect((await read(transport, 'in')).map(({ value }) => value?.toString() ?? null)).toContain(null);
    now += day + 1;
    await transport.publish(['b3', 'b4', 'b5'].map((value) => text('in', value, 'b')));
    await transport.clean();
    expect(values(await read(transport, 'in'))).toEqual(['b5']);
  });

  it('does not compact past where a known group stands', async () => {
    const transport = open({ clock });
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'compact' }]);
    await transport.publish(['a1', 'a2', 'a3'].map((value) => text('in', value, 'a')));
    const { partition } = await consumeOne(transport, 'g', 'in');
    await partition.commit([], { offset: 1, metadata: '' });
    await transport.clean();
    expect(values(await read(transport, 'in'))).toEqual(['a2', 'a3']);
  });

  it('tells a new group that a removed tail is a gap', async () => {
    const transport = open({ clock });
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete', retentionMs: 1000 }]);
    await transport.publish(numbered('in', 5));
    now += 2000;
    await transport.clean();
    const { partition } = await consumeOne(transport, 'g', 'in');
    const stop = new AbortController();
    const waiting = partition.take(1, stop.signal);
    expect(partition.reached).toBe(5);
    stop.abort();
    await waiting;
  });

  it('removes much in steps, and gives the space back', async () => {
    const transport = open({ clock });
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete', retentionMs: 1000 }]);
    const value = Buffer.alloc(500);
    for (let n = 0; n < 6; n++)
      await transport.publish(Array.from({ length: 2000 }, () => ({ ...text('in', ''), value })));
    now += 2000;
    expect(await transport.clean()).toBe(12_000);
    const file = new SqliteFile(path);
    expect(file.pragma('freelist_count', { simple: true })).toBe(0);
    file.close();
  });
});

describe('a damaged or full log', () => {
  const damaged = {
    code: 'LOG_DAMAGED',
    remedy: expect.stringContaining('backup'),
    where: expect.stringContaining('log.sqlite'),
  };

  it('that is no SQLite file says so', () => {
    writeFileSync(
      path,
      'this is not a database, but it is longer than a header of one hundred bytes would be'.repeat(20),
    );
    expect(() => open()).toThrow(expect.objectContaining(damaged));
  });

  it('of another program is left alone', () => {
    const other = new SqliteFile(path);
    other.exec('CREATE TABLE precious (x); INSERT INTO precious VALUES (1)');
    other.close();
    const before = readFileSync(path);
    expect(() => open()).toThrow(
      expect.objectContaining({ ...damaged, remedy: expect.stringContaining('another path') }),
    );
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('of a later layout is left alone', async () => {
    await open().close();
    const later = new SqliteFile(path);
    later.pragma('user_version = 99');
    later.close();
    expect(() => open()).toThrow(
      expect.objectContaining({ ...damaged, found: 'layout 99', remedy: expect.stringContaining('version of vimi') }),
    );
  });

  it('with torn pages says so', async () => {
    const first = open();
    await first.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    await first.publish(Array.from({ length: 500 }, (_, n) => text('in', `${n}`.repeat(100))));
    await first.close();
    const size = statSync(path).size;
    const file = openSync(path, 'r+');
    const noise = Buffer.alloc(size - 40_000, 0xa5);
    writeSync(file, noise, 0, noise.length, 40_000);
    closeSync(file);
    const again = async () => read(open(), 'in');
    await expect(again()).rejects.toMatchObject(damaged);
  });

  it('cut short says so', async () => {
    const first = open();
    await first.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    await first.publish(Array.from({ length: 500 }, (_, n) => text('in', `${n}`.repeat(100))));
    await first.close();
    truncateSync(path, Math.floor(statSync(path).size / 2));
    const broken = async () => read(open(), 'in');
    await expect(broken()).rejects.toMatchObject(damaged);
  });

  it('in a place where nothing can be written says so', () => {
    writeFileSync(join(folder.path, 'a file'), '');
    const inside = join(folder.path, 'a file', 'log.sqlite');
    expect(() => openEmbedded({ path: inside })).toThrow(expect.objectContaining({ code: 'TRANSPORT_UNAVAILABLE' }));
    expect(existsSync(inside)).toBe(false);
  });

  it('refuses what is too large, and goes on', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    const huge = { ...text('in', ''), value: Buffer.alloc(33 * 1024 * 1024) };
    await expect(transport.publish([huge])).rejects.toMatchObject({ code: 'EVENT_TOO_LARGE' });
    const headers = { large: Buffer.alloc(33 * 1024 * 1024) };
    await expect(transport.publish([{ ...text('in', ''), headers }])).rejects.toMatchObject({
      code: 'EVENT_TOO_LARGE',
    });
    await transport.publish([text('in', 'a')]);
    expect(values(await read(transport, 'in'))).toEqual(['a']);
  });

  it('shares one transaction between callers of one turn, each with its own outcome', async () => {
    const transport = open();
    await transport.ensureTopics([{ name: 'in', partitions: 1, cleanup: 'delete' }]);
    const outcomes = await Promise.allSettled([
      transport.publish([text('in', 'a')]),
      transport.publish([text('missing', 'b')]),
      transport.publish([text('in', 'c')]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(values(await read(transport, 'in'))).toEqual(['a', 'c']);
  });

  it('that is full refuses all of a commit, and goes on once there is space', async () => {
    let now = 1_000_000_000_000;
    const clock = { now: () => now };
    const transport = open({ clock });
    await transport.ensureTopics([
      { name: 'in', partitions: 1, cleanup: 'delete' },
      { name: 'big', partitions: 1, cleanup: 'delete', retentionMs: 1000 },
    ]);
    await transport.publish(numbered('in', 2));
    await transport.publish(Array.from({ length: 40 }, () => ({ ...text('big', ''), value: Buffer.alloc(10_000) })));
    const full = { code: 'STORAGE_FULL' };
    const small = open({ clock, maxBytes: 600_000 });
    const { partition } = await consumeOne(small, 'g', 'in');
    const outputs = Array.from({ length: 20 }, () => ({ ...text('in', ''), value: Buffer.alloc(20_000) }));
    await expect(partition.commit(outputs, { offset: 2, metadata: '' })).rejects.toMatchObject(full);
    await expect(small.publish(outputs)).rejects.toMatchObject(full);
    expect(values(await read(transport, 'in'))).toEqual(['0', '1']);
    expect(await transport.positions('g', 'in')).toEqual(new Map());
    now += 2000;
    expect(await transport.clean()).toBe(40);
    await partition.commit(outputs, { offset: 2, metadata: '' });
    expect((await read(transport, 'in')).length).toBe(22);
  });
});
