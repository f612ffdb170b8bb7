import { execFile } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { fileUrl, strangersFile } from '../../src/media/ffmpeg.js';
import { mediaTools } from '../../src/media/tools.js';
import { makeVideo, testFolder } from './make-media.js';

/*
 * Text never comes so far as ffprobe, and names of media are paths. Behind that stand the options themselves, whatever is
 * given to ffmpeg one day.
 */
const folder = await testFolder();
const probe = (source: string, options = strangersFile) =>
  promisify(execFile)(mediaTools().ffprobe.path, ['-v', 'error', ...options, '-i', source], { cwd: folder });

it('no host is asked for anything [safety S15]', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer(({ url }, response) => {
    asked.push(url);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await expect(probe(`http://127.0.0.1:${port}/guarded`)).rejects.toThrow(/whitelist/i);
    // The server would have heard.
    await probe(`http://127.0.0.1:${port}/open`, []).catch(() => undefined);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  expect(new Set(asked)).toEqual(new Set(['/open']));
});

it('no file is read that another names [safety S15]', async () => {
  await makeVideo(folder, 'secret.mp4');
  const list = join(folder, 'list.ffconcat');
  writeFileSync(list, 'ffconcat version 1.0\nfile secret.mp4\n');
  await expect(probe(fileUrl(list), ['-f', 'concat', ...strangersFile])).rejects.toThrow(/whitelist/i);
  // Without the list of formats it would have been.
  const [, protocols] = strangersFile;
  await probe(fileUrl(list), ['-f', 'concat', '-safe', '0', '-protocol_whitelist', protocols!]);
});

it('no name of a file is an option or a protocol [safety S15]', async () => {
  await makeVideo(folder, 'ordinary.mp4');
  for (const name of ['concat:ordinary.mp4', 'pipe:0', '-version']) {
    copyFileSync(join(folder, 'ordinary.mp4'), join(folder, name));
    expect(await probe(fileUrl(name)), name).toMatchObject({ stderr: '' });
  }
});
