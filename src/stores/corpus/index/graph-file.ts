import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { damaged } from './database.js';

/*
 * The file of a graph, as hnswlib writes it, little-endian:
 *
 *   0  offset of level 0 (0)   8  room, in points   16  points   24  bytes of a point   32  where its label is   40  where its vector is
 *   48  highest level (i32)   52  entry point (u32)   56  links above level 0   64  links in level 0   72  links   80  mult (f64)   88  ef
 *   96  points: count of links (u16), removed (u8), 0, links (u32 each), vector (f32 each), label (u64)
 *   then of each point: bytes of its levels above 0 (u32), and of each level: count (u32), links (u32 each)
 */
const headerBytes = 96;
const removedAt = 2;
/** Read at once, about. */
const blockBytes = 1 << 20;

interface Header {
  start: number;
  room: number;
  points: number;
  pointBytes: number;
  labelAt: number;
  vectorAt: number;
  highest: number;
  entry: number;
  upperLinks: number;
  links: number;
  chosenLinks: number;
  mult: number;
  ef: number;
}

/**
 * Throws INDEX_DAMAGED unless hnswlib can search the graph without leaving it: it believes every number of its file, and a wrong one ends
 * the process. For files that came from elsewhere.
 */
export function checkGraphFile(path: string, dimensions: number): void {
  const file = openSync(path, 'r');
  try {
    const header = readHeader(file);
    const { start, room, points, pointBytes, labelAt, vectorAt, highest, entry, upperLinks, links } = header;
    const { chosenLinks, mult, ef } = header;
    const isSound =
      vectorAt === 4 + 4 * links &&
      labelAt === vectorAt + 4 * dimensions &&
      pointBytes === labelAt + 8 &&
      start === 0 &&
      upperLinks >= 2 &&
      upperLinks <= 1024 &&
      links === 2 * upperLinks &&
      chosenLinks === upperLinks &&
      Math.abs(mult * Math.log(chosenLinks) - 1) < 1e-9 &&
      ef > 0 &&
      ef <= 10_000 &&
      points > 0 &&
      points <= room &&
      room <= Math.max(4096, 2 * points) &&
      entry < points &&
      highest >= 0 &&
      highest <= 64;
    if (!isSound) throw damaged('a vector graph of other measures');
    for (const point of pointsOf(file, header))
      checkLinks(point, point.readUInt16LE(0), links, (link) => link < points);
    const levels = checkUpper(file, header);
    if (levels[entry] !== highest) throw damaged('a vector graph whose entry is elsewhere');
  } finally {
    closeSync(file);
  }
}

/** Writes nothing over the vectors of points that were removed: hnswlib keeps them, to find its way. */
export function forgetRemoved(path: string): void {
  const file = openSync(path, 'r+');
  try {
    const header = readHeader(file);
    const { vectorAt, labelAt, pointBytes } = header;
    const nothing = Buffer.alloc(labelAt - vectorAt);
    let at = headerBytes;
    for (const point of pointsOf(file, header)) {
      if (point[removedAt]! & 1) writeSync(file, nothing, 0, nothing.length, at + vectorAt);
      at += pointBytes;
    }
  } finally {
    closeSync(file);
  }
}

/** The level of each point. */
function checkUpper(file: number, { points, pointBytes, upperLinks, highest }: Header): Uint8Array {
  const levels = new Uint8Array(points);
  const levelBytes = 4 + 4 * upperLinks;
  const end = fstatSync(file).size;
  const start = headerBytes + points * pointBytes;
  const read = reader(file, start, end);
  for (let point = 0; point < points; point++) {
    const bytes = read(4).readUInt32LE(0);
    if (bytes % levelBytes !== 0 || bytes / levelBytes > highest) throw damaged('a vector graph with a wrong level');
    levels[point] = bytes / levelBytes;
    read(bytes);
  }
  const again = reader(file, start, end);
  for (let point = 0; point < points; point++) {
    again(4);
    for (let level = 1; level <= levels[point]!; level++) {
      const list = again(levelBytes);
      checkLinks(list, list.readUInt32LE(0) & 0xffff, upperLinks, (link) => link < points && levels[link]! >= level);
    }
  }
  if (again.left() > 0) throw damaged('a vector graph that goes on behind its end');
  return levels;
}

function checkLinks(list: Buffer, count: number, most: number, isGood: (link: number) => boolean): void {
  let good = count <= most;
  for (let n = 0; good && n < count; n++) good = isGood(list.readUInt32LE(4 + 4 * n));
  if (!good) throw damaged('a vector graph with a link to nowhere');
}

function readHeader(file: number): Header {
  const header = reader(file, 0, fstatSync(file).size)(headerBytes);
  const size = (at: number) => Number(header.readBigUInt64LE(at));
  return {
    ...{ start: size(0), room: size(8), points: size(16), pointBytes: size(24), labelAt: size(32), vectorAt: size(40) },
    ...{ highest: header.readInt32LE(48), entry: header.readUInt32LE(52), upperLinks: size(56), links: size(64) },
    ...{ chosenLinks: size(72), mult: header.readDoubleLE(80), ef: size(88) },
  };
}

function* pointsOf(file: number, { points, pointBytes }: Header): Generator<Buffer> {
  const read = reader(file, headerBytes, fstatSync(file).size);
  for (let point = 0; point < points; point++) yield read(pointBytes);
}

/** Gives the next bytes, block by block; damage where the file has no more. What it gave is good until the next call. */
function reader(file: number, from: number, end: number): ((bytes: number) => Buffer) & { left(): number } {
  let block = Buffer.alloc(0);
  let at = from;
  let within = 0;
  const read = (bytes: number) => {
    if (bytes > end - at + (block.length - within)) throw damaged('a vector graph that ends early');
    if (within + bytes > block.length) {
      const rest = block.subarray(within);
      const more = Buffer.alloc(Math.min(Math.max(blockBytes, bytes - rest.length), end - at));
      const got = readSync(file, more, 0, more.length, at);
      at += got;
      block = Buffer.concat([rest, more.subarray(0, got)]);
      within = 0;
    }
    if (bytes > block.length) throw damaged('a vector graph that ends early');
    within += bytes;
    return block.subarray(within - bytes, within);
  };
  return Object.assign(read, { left: () => end - at + block.length - within });
}
