import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { probeMedia } from '../../src/media/probe-media.js';
import { promptImage } from '../../src/media/prompt-image.js';
import { mediaTools } from '../../src/media/tools.js';
import { thrownBy } from '../operators/run-operator.js';
import { makeVideo, never, testFolder } from './make-media.js';

/*
 * Formats whose readers open what the file names: playlists, manifests, drawings, subtitles. Each names a video that is
 * there, and a host that listens.
 */
const folder = await testFolder();
const secret = `file://${await makeVideo(folder, 'secret.mp4')}`;
const asked: (string | undefined)[] = [];
const server = createServer(({ url }, response) => {
  asked.push(url);
  response.end();
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
afterAll(() => server.close());
const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const playlist = (...segments: string[]) =>
  `#EXTM3U\n#EXT-X-TARGETDURATION:1\n${segments.map((uri) => `#EXTINF:1,\n${uri}\n`).join('')}#EXT-X-ENDLIST\n`;
const svg = (content: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="8" height="8">${content}</svg>`;

const files: [name: string, content: string][] = [
  ['an HLS playlist of a file and a host', playlist(secret, `${host}/segment.ts`)],
  [
    'an HLS playlist whose key is of a host',
    `#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="${host}/key"\n${playlist(secret)}`,
  ],
  ['an HLS playlist of data:', playlist('data:video/mp2t;base64,R0A=', `data:text/plain,${secret}`)],
  ['an HLS list of playlists', `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${host}/more.m3u8\n`],
  [
    'a DASH manifest',
    `<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>${secret}</BaseURL><SegmentList><Initialization sourceURL="${host}/init"/></SegmentList></Representation></AdaptationSet></Period></MPD>`,
  ],
  ['a concat script', `ffconcat version 1.0\nfile '${secret}'\nfile '${host}/concat'\n`],
  ['an SVG of images', svg(`<image href="${secret}"/><image xlink:href="${host}/image.png"/>`)],
  ['an SVG with an entity', `<!DOCTYPE svg [<!ENTITY x SYSTEM "${host}/entity">]>${svg('<text>&x;</text>')}`],
  ['subtitles in SubRip', `1\n00:00:00,000 --> 00:00:01,000\n<img src="${host}/srt"> ${secret}\n`],
  [
    'subtitles in ASS',
    `[Script Info]\nVideo File: ${secret}\n\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,,,0,0,0,,a\n`,
  ],
  [
    'an index of VobSub',
    `# VobSub index file, v7 (do not modify this line!)\ntimestamp: 00:00:00:000, filepos: 000000000\n`,
  ],
  ['a list for RTSP', `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n`],
];

describe('a file that names others is refused, and nothing that it names is opened', () => {
  describe.each(files)('%s', (_, text) => {
    it.each([
      ['as text', Buffer.from(text), /^(text|a playlist|an SVG drawing|an XML document)$/],
      // Recognised by no beginning of ours; the lists of ffmpeg refuse it then.
      [
        'with bytes of no text behind it',
        Buffer.concat([Buffer.from(text), Buffer.from('\n#\0\x01\x02\n', 'latin1')]),
        /./,
      ],
    ])('%s', async (_, bytes, kind) => {
      for (const name of ['video.mp4', 'list.m3u8', 'image.svg', 'words.srt']) {
        const path = join(folder, name);
        writeFileSync(path, bytes);
        const error = await thrownBy(() => probeMedia(path, { maxPixels: 1e6, signal: never }));
        expect(error.code, name).toMatch(/^MEDIA_(UNSUPPORTED|DAMAGED)$/);
        // Told by its first bytes: no decoder was asked.
        expect(error.found, name).toMatch(kind);
        expect(`${error.message} ${error.found} ${error.remedy}`, name).not.toContain('secret.mp4');
      }
      const asImage = await thrownBy(() => promptImage(bytes, { longest: 512, maxPixels: 1e6, where: 'image 1' }));
      expect(asImage.code).toMatch(/^MEDIA_(UNSUPPORTED|DAMAGED)$/);
      expect(asImage.found).toMatch(kind);
      expect(asked).toEqual([]);
    });
  });

  it('which ffmpeg alone would have opened', async () => {
    const path = join(folder, 'open.m3u8');
    writeFileSync(path, playlist(`${host}/segment.ts`));
    const options = ['-v', 'error', '-protocol_whitelist', 'file,http,tcp', '-allowed_extensions', 'ALL'];
    await promisify(execFile)(mediaTools().ffprobe.path, [...options, '-i', path]).catch(() => undefined);
    expect(asked).toContain('/segment.ts');
  });
});
