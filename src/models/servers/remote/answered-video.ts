import { VimiError } from '../../../core/errors.js';
import { decodeVideo } from '../../../media/decode-video.js';
import type { RgbVideo } from '../../ports.js';
import { invalid } from './answers.js';
import { framesOfNpy, isNpy } from './npy.js';

type Size = Pick<RgbVideo, 'frames' | 'width' | 'height'>;

/** Of what a server sends as a video of this size: room for a wrong one to be named. */
export const mostVideoBytes = ({ frames, width, height }: Size) => 4 * 3 * frames * width * height + 2 ** 20;

/**
 * The frames that a server sent: .npy as it is, and MP4 through our own decoder; by the bytes, whatever type was announced.
 * MODEL_ANSWER_INVALID for anything else, and for another size or number of frames. FFMPEG_NOT_FOUND.
 */
export async function answeredVideo(
  bytes: Buffer,
  wanted: Size,
  { workDir, signal, where }: { workDir: string; signal: AbortSignal; where: string },
): Promise<RgbVideo> {
  const video = isNpy(bytes)
    ? framesOfNpy(bytes)
    : bytes.toString('latin1', 4, 8) === 'ftyp'
      ? await decodeVideo(bytes, { expected: wanted, workDir, signal, where }).catch((thrown: unknown) => {
          const isTheirs = thrown instanceof VimiError && thrown.code.startsWith('MEDIA_');
          throw isTheirs
            ? invalid('an MP4 that can be decoded', thrown.found ?? thrown.message, where, thrown)
            : thrown;
        })
      : `${bytes.length} bytes that begin with ${bytes.toString('hex', 0, 8)}`;
  if (typeof video === 'string') throw invalid('a video as .npy or MP4', video, where);
  const { frames, width, height } = video;
  if (width !== wanted.width || height !== wanted.height)
    throw invalid(`a video of ${wanted.width}x${wanted.height}`, `one of ${width}x${height}`, where);
  if (frames !== wanted.frames)
    throw invalid(`${wanted.frames} frames`, frames > wanted.frames ? 'more' : `${frames}`, where);
  return video;
}
