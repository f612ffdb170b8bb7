import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mediaTools } from '../../src/media/tools.js';
import { thrownBy } from '../operators/run-operator.js';
import { testFolder } from './make-media.js';

const folder = await testFolder();
const program = async (name: string, text: string, mode = 0o755) => {
  await mkdir(join(folder, name), { recursive: true });
  for (const tool of ['ffmpeg', 'ffprobe']) {
    const path = join(folder, name, tool);
    await writeFile(path, `#!/bin/sh\n${text}\n`);
    await chmod(path, mode);
  }
  return join(folder, name);
};

describe('media tools', () => {
  it('are the bundled ones where there are no others, and they run', () => {
    const { ffmpeg, ffprobe } = mediaTools({ PATH: '' });
    for (const tool of [ffmpeg, ffprobe]) {
      expect(tool.bundled).toBe(true);
      expect(execFileSync(tool.path, ['-version'], { encoding: 'utf8' })).toContain(tool.version);
    }
  });

  it.skipIf(process.platform === 'win32')('come from the environment first, then from PATH', async () => {
    const said = 'ffmpeg version 7.1.1 Copyright (c) 2000-2025 the FFmpeg developers\nlibavutil      59. 39.100';
    const onPath = await program('on-path', `echo '${said}'`);
    const named = await program('named', 'echo ffmpeg version n8.0 Copyright');
    const notExecutable = await program('data', 'exit 1', 0o644);
    const search = `${notExecutable}:${onPath}`;
    expect(mediaTools({ PATH: search })).toEqual({
      ffmpeg: { path: join(onPath, 'ffmpeg'), version: '7.1.1', year: 2025, libavutil: 59, bundled: false },
      ffprobe: { path: join(onPath, 'ffprobe'), version: '7.1.1', year: 2025, libavutil: 59, bundled: false },
    });
    expect(mediaTools({ PATH: search, VIMI_FFMPEG: join(named, 'ffmpeg') })).toMatchObject({
      ffmpeg: { path: join(named, 'ffmpeg'), version: 'n8.0', bundled: false },
      ffprobe: { version: '7.1.1' },
    });
  });

  it('that do not run are told of by name [kind 4]', async () => {
    const missing = join(folder, 'nowhere', 'ffmpeg');
    const error = await thrownBy(() => mediaTools({ PATH: '', VIMI_FFMPEG: missing }).ffmpeg);
    expect(error.code).toBe('FFMPEG_NOT_FOUND');
    expect(error.found).toContain(missing);
    const other = await program('other', 'echo something else');
    expect((await thrownBy(() => mediaTools({ PATH: other }).ffmpeg)).code).toBe('FFMPEG_NOT_FOUND');
    const broken = await program('broken', 'kill -SEGV $$');
    const crash = await thrownBy(() => mediaTools({ PATH: '', VIMI_FFPROBE: join(broken, 'ffprobe') }).ffprobe);
    expect(crash.found, '[kind 4]').toMatch(/broken\/ffprobe: crashes when it is asked for its version \(SIGSEGV\)$/);
  });

  it('[streams F15] are looked for one by one: who needs ffmpeg alone misses no ffprobe', async () => {
    const onPath = await program('half', 'echo ffmpeg version 8.0 Copyright');
    const env = { PATH: onPath, VIMI_FFPROBE: join(folder, 'nowhere', 'ffprobe') };
    expect(mediaTools(env).ffmpeg.version).toBe('8.0');
    expect((await thrownBy(() => mediaTools(env).ffprobe)).found).toContain('nowhere');
  });

  it.skipIf(process.getuid?.() !== 0)(
    '[streams F15] that only their owner may execute are told as that, with what to type',
    async () => {
      const script = `
        const { mediaTools } = await import(${JSON.stringify(join(import.meta.dirname, '../../dist/media/tools.js'))});
        try { mediaTools({ PATH: '', VIMI_FFPROBE: process.argv[1] }).ffprobe } catch (e) { console.log(e.message + ' ' + e.remedy) }`;
      const tools = await program('owned', 'echo ffprobe version 8.0', 0o744);
      await chmod(folder, 0o755);
      const asNobody = [
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        process.execPath,
        '--input-type=module',
        '-e',
      ];
      const said = execFileSync('setpriv', [...asNobody, script, join(tools, 'ffprobe')], {
        encoding: 'utf8',
        cwd: '/',
      });
      expect(said).toContain('may not be executed by this user (permission)');
    },
  );
});
