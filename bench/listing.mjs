// What it takes to list a folder of many small files, without a peer:
//
//   node bench/listing.mjs [--files 100000]
//
//   ingest   the media of a folder as `vimi ingest FOLDER` finds them: half of the files are images, half their captions
//   objects  the keys of the object store in files, of the same folder
//
// Prints for each the processor time, and by how much the memory of the process grew at its highest.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';

const { values } = parseArgs({ options: { files: { type: 'string', default: '100000' }, part: { type: 'string' } } });
const count = Number(values.files);

if (values.part) await list(values.part, process.env.FOLDER ?? '');
else {
  const { execFileSync } = await import('node:child_process');
  const folder = mkdtempSync(join(tmpdir(), 'vimi-listing-'));
  try {
    const media = join(folder, 'media');
    mkdirSync(media);
    const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    for (let n = 0; n < count / 2; n++) {
      const name = join(media, `picture-${String(n).padStart(7, '0')}`);
      writeFileSync(`${name}.jpg`, image);
      writeFileSync(`${name}.txt`, `picture number ${n}`);
    }
    // Each in a process of its own: the highest memory of a process never falls.
    for (const part of ['ingest', 'objects'])
      execFileSync(process.execPath, [import.meta.filename, '--part', part], {
        stdio: 'inherit',
        env: { ...process.env, FOLDER: folder },
      });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function list(part, folder) {
  const { mediaFiles } = await import('../dist/app/ingest/media-files.js');
  const { openFileStore } = await import('../dist/stores/objects/files.js');
  const before = process.resourceUsage().maxRSS;
  const began = process.cpuUsage();
  let found = 0;
  if (part === 'ingest') found = (await mediaFiles([join(folder, 'media')])).media.length;
  else for await (const _ of (await openFileStore(folder)).list('media/')) found++;
  const { user, system } = process.cpuUsage(began);
  const grown = (process.resourceUsage().maxRSS - before) / 1024;
  console.log(
    `${part.padEnd(8)} ${found} found, ${((user + system) / 1e6).toFixed(1)} s of processor time, ${grown.toFixed(0)} MiB more memory`,
  );
}
