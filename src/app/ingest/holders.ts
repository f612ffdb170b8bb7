import { isManifest } from './manifest.js';

/** Files that hold or name media, and are read only when they are named themselves: in a folder they are passed over. */
export const isTar = (path: string) => /\.(tar|tar\.(gz|bz2|xz|zst|lz4|lzma|lzo|br|z)|tgz|tbz2?|txz|tzst)$/i.test(path);

/** Why such a file of a folder is not taken, and what takes it; null: it is none, by its name. */
export function whyNotOpened(path: string): string | null {
  if (isTar(path)) return tarInFolder;
  return isManifest(path) ? tableInFolder : null;
}

export const tarInFolder = 'a tar (`vimi ingest FILE` takes the media in it)';
export const tableInFolder = 'a table (`vimi ingest FILE` takes the media that it names)';
