import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type OnReadOpts, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asStorageError } from '../core/errors.js';

/*
 * Frames come from ffmpeg straight into their buffers. A pipe as Node makes it for a child process is read in pieces of
 * 64 KiB, each in new memory: to collect that garbage and to copy the pieces together took four times the processor time.
 * Only a socket that this process connects itself can be given the buffers to read into.
 */

export interface FramePipe {
  /** What ffmpeg gets as its output. It is destroyed here once ffmpeg has it, so that its end is the end of the frames. */
  far: Socket;
  /** Whole frames, in order, until ffmpeg closes its side. A piece of a frame at the end is left out. */
  frames: AsyncGenerator<Uint8Array, void>;
  /** Ends it from this side. */
  destroy(): void;
  /** Called once, when nothing is read from it any more; `isRead`: ffmpeg had closed its side before. */
  onClose(listener: (isRead: boolean) => void): void;
}

/** Where the buffers of frames come from, and where those go that nobody looked at. All of one size. */
interface FrameMemory {
  take(): Uint8Array;
  giveBack(frame: Uint8Array): void;
}

/** Bytes of frames that wait until somebody takes them: one frame, or several small ones. */
const mostWaiting = 1 << 20;

export async function framePipe({ take, giveBack }: FrameMemory): Promise<FramePipe> {
  const waiting: Uint8Array[] = [];
  let arriving = take();
  let filled = 0;
  let ended = false;
  let isHeldUp = false;
  let wake = () => {};
  const most = Math.max(1, Math.floor(mostWaiting / arriving.length));
  const onread = {
    buffer: () => arriving.subarray(filled),
    callback(bytes: number): boolean {
      filled += bytes;
      if (filled < arriving.length) return true;
      waiting.push(arriving);
      [arriving, filled] = [take(), 0];
      wake();
      isHeldUp = waiting.length >= most;
      return !isHeldUp;
    },
  };
  const { near, far } = await connected(onread);
  // How ffmpeg ended says what is wrong.
  near.on('error', () => near.destroy());
  near.once('end', () => near.destroy());
  near.once('close', () => {
    ended = true;
    giveBack(arriving);
    wake();
  });

  async function* frames() {
    for (;;) {
      const frame = waiting.shift();
      if (frame) {
        if (isHeldUp) near.resume();
        isHeldUp = false;
        yield frame;
      } else if (ended) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  return {
    far,
    frames: frames(),
    destroy() {
      near.destroy();
      for (const frame of waiting.splice(0)) giveBack(frame);
    },
    onClose: (listener) => near.once('close', () => listener(near.readableEnded)),
  };
}

/** Two ends of a connection that nobody else can find: its name is in a folder of our own, and gone at once. */
async function connected(onread: OnReadOpts): Promise<{ near: Socket; far: Socket }> {
  let folder: string | undefined;
  const server = createServer({ pauseOnConnect: true });
  try {
    folder = await mkdtemp(join(shortTmpdir(), 'vimi-frames-'));
    const path = join(folder, 'pipe');
    await once(server.listen(path), 'listening');
    const accepted = once(server, 'connection');
    const near = connect({ path, onread });
    await once(near, 'connect');
    return { near, far: (await accepted)[0] as Socket };
  } catch (thrown) {
    throw asStorageError(thrown);
  } finally {
    server.close();
    if (folder) await rm(folder, { recursive: true, force: true });
  }
}

/** The name of a socket has at most some hundred characters. */
function shortTmpdir(): string {
  return tmpdir().length < 70 ? tmpdir() : '/tmp';
}
