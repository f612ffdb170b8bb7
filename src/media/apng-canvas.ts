import { type FileHandle, open } from 'node:fs/promises';

/*
 * What no frame of an animated PNG has drawn on, and what a frame clears behind itself, is transparent in every browser.
 * ffmpeg makes what is cleared black where the colours have no alpha, and gives no frame at all where the first one leaves
 * canvas free. So both are found out here, from the headers of its chunks.
 */

const signature = 8;
/** Of a chunk: the length, then the name; behind its data a checksum. */
const around = 12;

/** What keeps ffmpeg from showing this animated PNG as browsers do; null: nothing, or its chunks do not say. */
export async function apngObstacle(path: string): Promise<string | null> {
  const file = await open(path);
  try {
    return await obstacleIn(file);
  } finally {
    await file.close();
  }
}

async function obstacleIn(file: FileHandle): Promise<string | null> {
  const header = await read(file, signature + 8, 13);
  if (!header) return null;
  const [width, height, colours] = [header.readUInt32BE(0), header.readUInt32BE(4), header[9]!];
  /** Grey or RGB; a tRNS chunk would give them an alpha. */
  let isOpaque = colours === 0 || colours === 2;
  let before: Frame | null = null;
  for (let at = signature; ; ) {
    const chunk = await read(file, at, 8);
    if (!chunk) return null;
    const name = chunk.toString('latin1', 4);
    if (name === 'tRNS') isOpaque = false;
    if (name === 'fcTL') {
      const control = await read(file, at + 8, 26);
      if (!control) return null;
      const frame: Frame = frameOf(control);
      if (before === null && !contains(frame, { left: 0, top: 0, width, height }))
        return 'an animated PNG whose first frame leaves canvas free';
      // There is nothing before the first one that could come back.
      const clears = before?.disposal === 1 || (before?.isFirst && before.disposal === 2);
      if (isOpaque && before && clears && !contains(frame, before))
        return 'an animated PNG without alpha that clears canvas';
      before = { ...frame, isFirst: before === null };
    }
    // All others have an alpha, and are shown well.
    if (before !== null && !isOpaque) return null;
    at += around + chunk.readUInt32BE(0);
  }
}

interface Rectangle {
  left: number;
  top: number;
  width: number;
  height: number;
}

interface Frame extends Rectangle {
  /** What becomes of it before the next one: 0 nothing, 1 it is cleared, 2 what was there before comes back. */
  disposal: number;
  isFirst: boolean;
}

function frameOf(control: Buffer): Frame {
  const [width, height, left, top] = [4, 8, 12, 16].map((at) => control.readUInt32BE(at)) as [
    number,
    number,
    number,
    number,
  ];
  return { left, top, width, height, disposal: control[24]!, isFirst: false };
}

function contains(outer: Rectangle, inner: Rectangle): boolean {
  return (
    outer.left <= inner.left &&
    outer.top <= inner.top &&
    outer.left + outer.width >= inner.left + inner.width &&
    outer.top + outer.height >= inner.top + inner.height
  );
}

/** Null: the file ends before. */
async function read(file: FileHandle, at: number, length: number): Promise<Buffer | null> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  return bytesRead === length ? buffer : null;
}
