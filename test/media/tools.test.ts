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

  it('that do not run are told of by name', async () => {
    const missing = join(folder, 'nowhere', 'ffmpeg');
    const error = await thrownBy(() => mediaTools({ PATH: '', VIMI_FFMPEG: missing }));
    expect(error.code).toBe('FFMPEG_NOT_FOUND');
    expect(error.found).toContain(missing);
    const other = await program('other', 'echo something else');
    expect((await thrownBy(() => mediaTools({ PATH: other }))).code).toBe('FFMPEG_NOT_FOUND');
  });
});
