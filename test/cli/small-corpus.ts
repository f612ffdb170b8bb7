import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Workspace } from '../../src/app/workspace.js';
import { ingest } from '../../src/cli/commands/ingest.js';
import { never } from '../media/make-media.js';
import { h264, make } from '../media/recipes.js';
import { quietLog } from '../operators/run-operator.js';

const root = join(import.meta.dirname, '../..');

/** What a command writes. */
export async function written(command: (out: PassThrough) => Promise<unknown>): Promise<string> {
  const out = new PassThrough();
  let text = '';
  out.on('data', (chunk) => {
    text += chunk;
  });
  await command(out);
  return text;
}

/** A project in a folder: the topology that ships, with other settings for its step filter. */
export async function project(folder: string, filter: string): Promise<Workspace> {
  await mkdir(folder, { recursive: true });
  const shipped = await readFile(join(root, 'topology.yaml'), 'utf8');
  const topology = join(folder, 'topology.yaml');
  await writeFile(
    topology,
    shipped.replace('    - filter\n', `    - filter: ${filter}\n`).replace('media_roots: [.]', 'media_roots: [/]'),
  );
  return Workspace.open({ topology, log: quietLog });
}

const scene = (source: string, n: number) => `${source},fps=12,format=rgb24,setsar=1[s${n}]`;

/**
 * Two stills, and a film of five scenes of two seconds: one that moves, one that stands still, black, one that moves
 * between black bars, and a soft one.
 */
export async function makeMedia(folder: string): Promise<string> {
  const media = join(folder, 'media');
  await mkdir(media, { recursive: true });
  const size = 's=160x120';
  const film = [
    scene(`testsrc2=${size}:d=2`, 0),
    scene(`smptebars=${size}:d=2`, 1),
    scene(`color=black:${size}:d=2`, 2),
    scene('testsrc2=s=160x80:d=2,hue=h=120,pad=160:120:0:20', 3),
    scene(`testsrc2=${size}:d=2,negate,gblur=sigma=6`, 4),
    '[s0][s1][s2][s3][s4]concat=n=5',
  ].join(';');
  await make(media, 'film.mp4', ['-f', 'lavfi', '-i', film, ...h264, '-crf', '4']);
  await writeFile(join(media, 'film.txt'), 'a test film');
  for (const name of ['fox', 'mushroom'])
    for (const ending of ['png', 'txt'])
      await copyFile(join(root, `examples/media/images/${name}.${ending}`), join(media, `${name}.${ending}`));
  return media;
}

/** Takes media in, and gives what `ingest --json` says in the end. */
export async function takeIn(workspace: Workspace, media: string) {
  const text = await written((out) => ingest(workspace, [media], { json: true, signal: never }, out));
  return JSON.parse(text.trim().split('\n').at(-1)!);
}
