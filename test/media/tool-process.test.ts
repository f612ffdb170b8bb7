import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { VimiError } from '../../src/core/errors.js';
import { patience, startTool, ToolFailure } from '../../src/media/tool-process.js';
import { thrownBy } from '../operators/run-operator.js';
import { never, testFolder } from './make-media.js';

const folder = await testFolder();
const tool = async (name: string, script: string) => {
  const program = join(folder, name);
  await writeFile(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return program;
};
const job = (program: string) => ({ program, args: [], signal: never, where: 'film.mp4' });

afterEach(() => vi.useRealTimers());

describe.skipIf(process.platform === 'win32')('a run of a tool', () => {
  it('may take as long as it moves: only a hang is ended [media F4]', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const run = startTool({ ...job(await tool('hangs-ffmpeg', 'exec cat')), input: new PassThrough() });
    let hours = 0;
    for (; hours < 6; hours += patience / 2 / 3_600_000) {
      run.moved();
      vi.advanceTimersByTime(patience / 2);
    }
    // Whoever reads takes his time: the tool waits for him.
    run.waits(true);
    vi.advanceTimersByTime(10 * patience);
    run.waits(false);
    vi.advanceTimersByTime(patience);
    // It is dead by now, and that is why.
    run.kill(new VimiError('INTERNAL', 'The test had to end it'));
    const error = await thrownBy(() => run.ended);
    expect([error.code, error.where]).toEqual(['TIMED_OUT', 'film.mp4']);
    expect(error.found).toBe(`none for ${patience} ms`);
  });

  it('that crashes is told apart from one that refuses [media F1]', async () => {
    const crash = await thrownBy(() => startTool(job(named('crashes-ffprobe'))).ended);
    expect([crash.code, crash.found]).toEqual(['TOOL_CRASHED', 'SIGABRT; almost']);
    expect(crash.retryable).toBe(true);
    const shell = await thrownBy(() => startTool(job(named('shell-ffprobe'))).ended);
    expect(shell.code).toBe('TOOL_CRASHED');
    const refusal = await startTool(job(named('refuses-ffprobe'))).ended.catch((error) => error);
    expect(refusal).toBeInstanceOf(ToolFailure);
    expect([refusal.exitCode, refusal.message]).toEqual([183, 'no moov']);
    const missing = await thrownBy(() => startTool(job(join(folder, 'no-ffprobe'))).ended);
    expect(missing.code).toBe('FFMPEG_NOT_FOUND');
  });

  it('may complain at any length: the beginning is kept', async () => {
    const chatter = await tool('chatters-ffmpeg', 'head -c 5000000 /dev/zero | tr "\\\\0" x >&2; exit 1');
    const { message } = await startTool(job(chatter)).ended.catch((error) => error);
    expect(message).toMatch(/^xxx/);
    expect(message.length).toBeLessThan(200_000);
  });

  it('loses nothing that it wrote before anybody read', async () => {
    const run = startTool({ ...job(await tool('quick-ffmpeg', 'echo out; echo more >&3')), furtherPipes: 1 });
    await run.ended;
    expect((await buffer(run.stdout)).toString()).toBe('out\n');
    expect((await buffer(run.further!)).toString()).toBe('more\n');
  });
});

await tool('crashes-ffprobe', 'echo almost >&2; kill -ABRT $$');
await tool('shell-ffprobe', 'exit 139');
await tool('refuses-ffprobe', 'echo no moov >&2; exit 183');
function named(name: string): string {
  return join(folder, name);
}
