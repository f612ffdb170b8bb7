import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VimiError } from '../../core/errors.js';
import type { Clip, MediaFile } from '../../flow/flow.js';
import { cropped, cut, type Window, without } from '../../media/crop.js';
import { encodedSize, encodeVideo } from '../../media/encode-video.js';
import { PassingFrames } from '../../media/frame-buffers.js';
import { fitWithin, rateOf } from '../../media/frames.js';
import { HeldFrames } from '../../media/held-frames.js';
import { frameAsWebp } from '../../media/images.js';
import { type ClipFacts, measureClip } from '../../media/measures/clip-measures.js';
import { seeFrames } from '../../media/measures/seen-frame.js';
import { evenFrames } from '../../media/mp4-frames.js';
import type { RgbImage } from '../../media/pixels.js';
import { readFrames } from '../../media/read-frames.js';
import { findScenes, framesInView } from '../../media/scenes.js';
import { withTemporaryFolder } from '../../media/temporary.js';
import { filmHash } from '../../models/encoders/built-in/film-hash.js';
import { type Around, appearanceOf, type Medium, store } from './stored-clip.js';

/*
 * A film is decoded once, and its frames pass by once: they are compared, measured and held until the clip ends. A clip is
 * coded while the next one is read. A film that is likely to be one clip is coded by the very process that decodes it;
 * where it then has a cut, or frames were repeated or left out, its clips are coded from the frames as all others are.
 * Both ways give the same bytes.
 */

/** Settings of split. */
export interface CutOptions {
  cut: 'scenes' | 'fixed';
  seconds: number;
  min_seconds: number;
  scene_threshold: number;
  max_clips: number;
  max_gigapixels: number;
  side: number;
  fps: number | 'keep';
  crf: number;
  crop: boolean;
}

/** A change is a cut by what changes within so many seconds before and after it. */
const secondsAround = 0.2;

/** The clips of a film, in order, as they are in the object store. */
export function filmClips({ path, file, probe, signal }: Medium, options: CutOptions, around: Around): Promise<Clip[]> {
  const size = fitWithin(probe.width, probe.height, options.side);
  // A slide show at a frame a minute would give clips of one frame.
  const fps = rateOf(options.fps === 'keep' ? Math.min(60, Math.max(1, probe.fps)) : options.fps);
  const longest = Math.max(1, Math.round(options.seconds * fps));
  const announced = probe.duration * fps;
  const mostFrames = Math.floor((options.max_gigapixels * 1e9) / (probe.width * probe.height));
  const announcedClips = Math.ceil(Math.min(announced / longest, probe.duration * probe.fps));
  if (announcedClips > options.max_clips) throw tooManyClips(file, options, `${announcedClips} by its length`);
  if (probe.duration * probe.fps > mostFrames) throw tooManyPixels({ file, probe }, options);
  const maybeOneClip = announced > 0 && announced < longest + 0.5 && Math.abs(fps / probe.fps - 1) < 1e-3;

  return withTemporaryFolder(around.workDir, async (folder) => {
    const stop = new AbortController();
    const whole = join(folder, 'whole.mp4');
    const view = {
      flashFrames: Math.round(options.min_seconds * fps),
      around: Math.max(2, Math.round(secondsAround * fps)),
    };
    const passing = new PassingFrames(framesInView(view));
    const { frames, complaints, late, isEven, leftOutBefore } = await readFrames(path, probe, {
      ...size,
      ...{ fps, signal, passing, mostRepeats: longest },
      limit: { frames: mostFrames, exceeded: () => tooManyPixels({ file, probe }, options) },
      ...(maybeOneClip && { coded: { output: whole, crf: options.crf, frames: longest } }),
    });
    const threshold = options.cut === 'scenes' ? options.scene_threshold : Number.POSITIVE_INFINITY;
    const scenes = findScenes(seeFrames(frames, size), { threshold, ...view });
    const clips: Clip[] = [];
    let runs = 0;
    let run = newRun(0);
    let coding: Promise<Clip> | undefined;
    let count = 0;
    try {
      for await (const { seen, isCut } of scenes) {
        const leftOut = leftOutBefore(count);
        if (run.held.count >= longest || isCut || leftOut > run.leftOut) {
          await takeTurn(run, count);
          if (runs >= options.max_clips) throw tooManyClips(file, options);
          run = newRun(leftOut);
        }
        await run.held.add(seen.image.data);
        run.measured.see(seen);
        count++;
      }
      checkWhole(count + leftOutBefore(count), await complaints());
      await takeTurn(run, count, maybeOneClip && runs === 1 && isEven() ? whole : undefined);
      clips.push(await coding!);
    } finally {
      stop.abort();
      passing.close();
      // Its frames are looked at until it is coded, also where that fails.
      await Promise.allSettled([coding]);
      await Promise.allSettled([run.held.close()]);
    }
    return clips;

    function newRun(leftOut: number) {
      return {
        leftOut,
        held: new HeldFrames(join(folder, `frames-${++runs}.rgb`)),
        measured: measureClip(fps, options.crop),
      };
    }

    /** Two clips are held at most: one that is coded, one that is read. */
    async function takeTurn(ended: ReturnType<typeof newRun>, end: number, coded?: string): Promise<void> {
      if (coding) clips.push(await coding);
      coding = finish(ended, end, coded).finally(() => ended.held.close());
      coding.catch(() => undefined);
    }

    function checkWhole(decoded: number, found: string): void {
      const missing = probe.video?.joinsAnywhere ? Math.min(late() * fps, announced / 2) : 0;
      const isDamaged = decoded === 0 || (found !== '' && decoded < 0.9 * (announced - missing));
      if (isDamaged)
        throw new VimiError(
          decoded === 0 && found === '' ? 'MEDIA_EMPTY' : 'MEDIA_DAMAGED',
          'This video is incomplete',
          {
            expected: `${Math.max(1, Math.round(announced))} frames`,
            found: `${decoded} frames${found && `; ${found}`}`,
            where: file.uri,
          },
        );
      if (found !== '') around.log.warn({ uri: file.uri, complaints: found }, 'A slightly damaged video was kept');
    }

    async function code({ frames, size }: Held, output: string): Promise<Buffer> {
      const until = AbortSignal.any([signal, stop.signal]);
      await encodeVideo({ frames: frames(), ...size, fps, crf: options.crf, output, signal: until });
      const bytes = await readFile(output);
      await rm(output);
      return bytes;
    }

    async function finish(
      { leftOut, held, measured }: ReturnType<typeof newRun>,
      end: number,
      coded?: string,
    ): Promise<Clip> {
      const n = held.count;
      const window = options.crop ? without(measured.bars(), size) : undefined;
      const clip = heldAs(held, size, window);
      const { keyframe: telling, ...scores } = window ? await measuredAgain(clip, fps) : measured.found();
      const keyframe = await clip.at(telling);
      const film = await filmHash(n, clip.at);
      const made = coded && !window && (await readFile(coded));
      const bytes = made && evenFrames(made) === n ? made : await code(clip, join(folder, `clip-${end}.mp4`));
      return {
        kind: 'clip',
        object: await store(around, 'clips', bytes, 'video/mp4'),
        keyframe: await store(around, 'images', await frameAsWebp(keyframe), 'image/webp'),
        ...{ start: (leftOut + end - n) / fps, duration: n / fps, frames: n, fps },
        ...encodedSize(clip.size.width, clip.size.height),
        ...{ motion: scores.motion, scores: { ...scores, ...cropped(options, size, window) }, film },
        ...(await appearanceOf(keyframe, around)),
      };
    }
  });
}

/** The frames of a clip as they are stored: all of each, or what is left without its bars. */
interface Held {
  size: { width: number; height: number };
  at(n: number): Promise<RgbImage>;
  frames(): AsyncGenerator<Uint8Array>;
}

function heldAs(held: HeldFrames, size: Held['size'], window: Window | undefined): Held {
  const kept = (data: Uint8Array): RgbImage => (window ? cut({ ...size, data }, window) : { ...size, data });
  return {
    size: window ? { width: window.width, height: window.height } : size,
    at: async (n) => kept(await held.at(n)),
    async *frames() {
      for await (const data of held.all()) yield kept(data).data;
    },
  };
}

/** Bars count in every measure, so what is left without them is measured anew. */
async function measuredAgain({ size, frames }: Held, fps: number): Promise<ClipFacts> {
  const measured = measureClip(fps);
  for await (const seen of seeFrames(frames(), size)) measured.see(seen);
  return measured.found();
}

function tooManyClips(file: MediaFile, { max_clips, seconds }: CutOptions, found = 'more'): VimiError {
  return new VimiError('MEDIA_TOO_LARGE', 'This video has too many clips', {
    expected: `at most ${max_clips} (max_clips) of up to ${seconds} s`,
    found,
    where: file.uri,
    remedy: 'Raise max_clips of the split step, or cut the video into parts.',
  });
}

/** Some hours of decoding; a file of a few megabytes can ask for years. */
function tooManyPixels(
  { file, probe: { width, height } }: Pick<Medium, 'file' | 'probe'>,
  { max_gigapixels }: CutOptions,
) {
  return new VimiError('MEDIA_TOO_LARGE', 'This video takes too long to decode', {
    expected: `at most ${max_gigapixels} gigapixels (max_gigapixels), all frames together`,
    found: `more, at ${width} x ${height} a frame`,
    where: file.uri,
    remedy: 'Raise max_gigapixels of the split step, or cut or reduce the video.',
  });
}
