import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { packTar } from '../../src/media/tar.js';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'vimi-ingest-'));
const topology = readFileSync(join(root, 'topology.yaml'), 'utf8').replace(
  /model: nano, upsampler: [\w-]+/,
  'model: fake',
);
writeFileSync(join(folder, 'topology.yaml'), topology);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(args: string[]) {
  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], { cwd: folder });
  const closed = new Promise<number | null>((done) => child.on('close', done));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { out, err, code };
}

describe('vimi ingest', () => {
  it('looks at tars and manifests without publishing, and then takes them in', async () => {
    const [rocket, scooter, apple] = ['rocket', 'motor-scooter', 'green-apple'].map((name) =>
      readFileSync(join(root, `examples/media/images/${name}.png`)),
    );
    const members = [
      { name: '1.png', bytes: rocket! },
      { name: '1.txt', bytes: Buffer.from('a rocket') },
      { name: '2.png', bytes: apple! },
    ];
    writeFileSync(join(folder, 'set.tar'), await packTar(members));
    writeFileSync(join(folder, 'scooter.png'), scooter!);
    writeFileSync(join(folder, 'set.jsonl'), '{"file_name": "scooter.png", "text": "a scooter"}\n{"url": 7}\n');
    const before = (await run(['read', 'media'])).out;
    const sources = ['ingest', 'set.tar', 'set.jsonl'];
    const looked = await run([...sources, '--dry-run']);
    expect(looked.out).toContain('would publish 3 media to media: png 3\nskipped 1: a row without uri');
    expect(looked.out).toMatch(
      /1 of them would be rejected:\n {2}CAPTION_MISSING 1\n {4}set\.tar\/2\.png: .*expected a caption in the event, or a text beside the medium, found none/,
    );
    expect(looked.code).toBe(3);
    expect((await run(['read', 'media'])).out).toBe(before);
    const { code, out } = await run([...sources, '--list']);
    expect(out).toContain('delivered 2, rejected 1, dropped 0');
    for (const line of ['delivered set.tar/1.png', 'rejected set.tar/2.png', 'delivered scooter.png'])
      expect(out).toContain(line);
    expect(code).toBe(3);
    for (const name of ['set.tar', 'set.jsonl', 'scooter.png']) rmSync(join(folder, name));
  });

  it('takes a stock in beside new media, and knows it when it comes again', async () => {
    const names = ['airplane', 'ambulance', 'anchor'];
    for (const name of names)
      for (const ending of ['png', 'txt'])
        copyFileSync(join(root, `examples/media/images/${name}.${ending}`), join(folder, `${name}.${ending}`));
    writeFileSync(join(folder, 'bad.png'), 'no image');
    const stock = ['ingest', '--backfill', ...names.map((name) => `${name}.png`), 'bad.png'];
    const first = await run(stock);
    expect(first.out).toContain(
      `published ${names.length + 1} media to backfill\ndelivered ${names.length}, rejected 1, dropped 0`,
    );
    expect(first.out).toMatch(/ {2}MEDIA_UNSUPPORTED 1\n {4}bad\.png: .*\n {4}→ /);
    expect(first.code).toBe(3);
    const { out } = await run([...stock, '--json']);
    const { published, known, unchanged, unchanged_rejects: told } = JSON.parse(out);
    expect({ published, known, unchanged }).toEqual({ published: 0, known: names.length, unchanged: 1 });
    expect(told).toMatchObject([{ code: 'MEDIA_UNSUPPORTED', count: 1 }]);
    for (const name of names) for (const ending of ['png', 'txt']) rmSync(join(folder, `${name}.${ending}`));
    rmSync(join(folder, 'bad.png'));
  });

  it('waits for what an earlier command only published, and counts it once', async () => {
    for (const ending of ['png', 'txt'])
      copyFileSync(join(root, `examples/media/images/red-apple.${ending}`), join(folder, `apple.${ending}`));
    expect((await run(['ingest', 'apple.png', '--publish-only'])).out).toBe('published 1 media to media\n');
    const { out, code } = await run(['ingest', 'apple.png']);
    expect(out).toContain('published 0 media to media; 1 were published before\ndelivered 1, rejected 0, dropped 0\n');
    expect(code).toBe(0);
    for (const ending of ['png', 'txt']) rmSync(join(folder, `apple.${ending}`));
  });

  it('watches a folder until it is told to end, and knows it when it starts again', async () => {
    mkdirSync(join(folder, 'drop'));
    const watch = () => {
      const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'ingest', 'drop', '--watch'], {
        cwd: folder,
      });
      const closed = new Promise<number | null>((done) => child.on('close', done));
      let out = '';
      let look = () => {};
      child.stdout.on('data', (chunk) => {
        out += chunk;
        look();
      });
      const says = (words: string) =>
        new Promise<void>((resolve) => {
          look = () => out.includes(words) && resolve();
          look();
        });
      const end = async () => {
        child.kill('SIGINT');
        return { code: await closed, out };
      };
      return { says, end };
    };
    const first = watch();
    await first.says('watching drop');
    for (const ending of ['txt', 'png'])
      copyFileSync(join(root, `examples/media/images/whale.${ending}`), join(folder, `drop/whale.${ending}`));
    await first.says('delivered drop/whale.png');
    expect(await first.end()).toMatchObject({ code: 0, out: expect.stringContaining('published 1 media to media\n') });
    const second = watch();
    await second.says('watching drop');
    copyFileSync(join(root, 'examples/media/images/ant.png'), join(folder, 'drop/ant.png'));
    await second.says('rejected drop/ant.png');
    writeFileSync(join(folder, 'drop/ant.txt'), 'an ant');
    await second.says('delivered drop/ant.png');
    const { code, out } = await second.end();
    expect(out).toContain('published 2 media to media; 1 known already');
    expect(code).toBe(3);
    rmSync(join(folder, 'drop'), { recursive: true });
    expect((await run(['ingest', 'topology.yaml', '--watch'])).err).toContain('Only folders can be watched');
  });
});
