import { extname } from 'node:path';

/** Taken by its name, unopened; what it really is, probe finds out. Others are taken when their bytes say so. */
const media = new Set(
  '.png .jpg .jpeg .webp .gif .avif .tif .tiff .mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ogv .wmv .flv'.split(' '),
);

/** Passed over unopened: most of them belong to media. */
const texts = new Set('.txt .caption .json .csv .jsonl .md .html .xml .yaml .py .cls'.split(' '));

/** What tools call a file that they have not finished. */
const unfinished = new Set('.part .partial .filepart .crdownload .download .tmp'.split(' '));

export function hasUnfinishedName(path: string): boolean {
  return unfinished.has(extname(path).toLowerCase());
}

export function hasMediaName(path: string): boolean {
  return media.has(extname(path).toLowerCase());
}

export function hasTextName(path: string): boolean {
  return texts.has(extname(path).toLowerCase());
}
