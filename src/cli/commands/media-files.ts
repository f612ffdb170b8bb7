import { lstat, readdir, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { VimiError } from '../../errors.js';

/** What `ingest` takes a file of a folder for, by its name; what it really is, probe finds out. */
const mediaNames = new Set(
  '.png .jpg .jpeg .webp .gif .avif .tif .tiff .mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .ogv .wmv .flv'.split(' '),
);

/** The media files under the given paths, absolute and in byte order. A file that is named is taken whatever its name. */
export async function mediaFiles(paths: string[]): Promise<string[]> {
  const found = new Set<string>();
  const walk = async (folder: string): Promise<void> => {
    for (const name of await readdir(folder)) {
      if (name.startsWith('.')) continue;
      const path = join(folder, name);
      const entry = await lstat(path);
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile() && mediaNames.has(extname(name).toLowerCase())) found.add(path);
    }
  };
  for (const path of paths) {
    const entry = await stat(path).catch(() => null);
    if (!entry) throw new VimiError('MEDIA_NOT_FOUND', 'There is no such file or folder', { where: path });
    if (entry.isDirectory()) await walk(path);
    else found.add(path);
  }
  return [...found].map((path) => resolve(path)).sort();
}
