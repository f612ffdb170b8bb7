import { execFile } from 'node:child_process';
import { type ErrorCode, VimiError } from '../errors.js';
import { fileUrl, strangersFile } from './ffmpeg.js';
import { otherKind, unknownKind } from './file-kinds.js';
import { formatOf, type PictureFormat, signatureBytes } from './picture-formats.js';
import { firstBytes, pictureHeader } from './pictures.js';
import { mediaTools } from './tools.js';

/** What a medium is, by its bytes alone. */
export interface ProbedMedium {
  kind: 'video' | 'still';
  /** As displayed: rotation applied. */
  width: number;
  height: number;
  /** Seconds; 0 for a still. */
  duration: number;
  /** 0 for a still. */
  fps: number;
  codec: string;
  hasAlpha: boolean;
}

export interface ProbeLimits {
  /** Of a picture, and of a frame where `maxFramePixels` does not say otherwise. */
  maxPixels: number;
  /** Of a frame of a video or an animation. */
  maxFramePixels?: number;
  signal: AbortSignal;
}

const probeMs = 30_000;
const alphaFormats = /^(yuva|gbra?p?a|rgba|bgra|argb|abgr|ya|pal8)/;

/**
 * Looks at a medium without decoding it. Pictures by sharp, everything else by ffprobe, which opens nothing but the file.
 * MEDIA_UNSUPPORTED (no picture or video in it), MEDIA_DAMAGED, MEDIA_EMPTY (no frame), MEDIA_TOO_LARGE.
 * A video of one frame is a still.
 */
export async function probeMedia(path: string, limits: ProbeLimits): Promise<ProbedMedium> {
  const head = await firstBytes(path, signatureBytes);
  const format = formatOf(head);
  if (format) return probePicture(path, format, limits);
  const other = otherKind(head);
  if (other !== null) throw failed('MEDIA_UNSUPPORTED', 'a video or a picture', other, path);
  return probeVideo(path, limits);
}

async function probePicture(path: string, known: PictureFormat, limits: ProbeLimits): Promise<ProbedMedium> {
  const { format, width, height, hasAlpha, pages, delays } = await pictureHeader(path, known);
  const maxPixels = pages > 1 ? (limits.maxFramePixels ?? limits.maxPixels) : limits.maxPixels;
  if (width * height > maxPixels)
    throw new VimiError('MEDIA_TOO_LARGE', 'This picture has too many pixels', {
      expected: `at most ${maxPixels}`,
      found: `${width} x ${height} = ${width * height}`,
      where: path,
    });
  const duration = pages > 1 ? delays.reduce((sum, ms) => sum + ms, 0) / 1000 : 0;
  const kind = pages > 1 ? 'video' : 'still';
  return { kind, width, height, duration, fps: pages > 1 ? pages / duration : 0, codec: format, hasAlpha };
}

interface Stream {
  index: number;
  codec_type?: string;
  codec_name?: string;
  width?: number;
  height?: number;
  pix_fmt?: string;
  sample_aspect_ratio?: string;
  avg_frame_rate?: string;
  r_frame_rate?: string;
  duration?: string;
  nb_frames?: string;
  nb_read_packets?: string;
  disposition?: { attached_pic?: number };
  tags?: Record<string, string>;
  side_data_list?: { rotation?: number }[];
}

async function probeVideo(path: string, limits: ProbeLimits): Promise<ProbedMedium> {
  const { streams = [], format } = await ffprobe(path, limits.signal, ['-show_format', '-show_streams']);
  const stream = streams.find((one) => one.codec_type === 'video' && !one.disposition?.attached_pic);
  if (streams.length === 0) throw failed('MEDIA_EMPTY', 'at least one frame', 'a container with nothing in it', path);
  if (!stream)
    throw new VimiError('MEDIA_UNSUPPORTED', 'This file has no video in it', {
      expected: 'a video or a picture',
      found: streams.map((one) => `${one.codec_type} (${one.codec_name ?? 'unknown'})`).join(', '),
      where: path,
    });
  const { codec_name: codec = 'unknown', width = 0, height = 0 } = stream;
  const announced = Number(stream.nb_frames);
  if (!(width > 0 && height > 0)) throw failed('MEDIA_DAMAGED', 'a frame size', `${codec} without one`, path);
  const maxPixels = limits.maxFramePixels ?? limits.maxPixels;
  if (width * height > maxPixels)
    throw new VimiError('MEDIA_TOO_LARGE', 'The frames of this video have too many pixels', {
      expected: `at most ${maxPixels}`,
      found: `${width} x ${height} = ${width * height}`,
      where: path,
    });
  const frames = await countFrames(path, limits.signal);
  if (frames === 0 && announced > 0) throw failed('MEDIA_DAMAGED', `${announced} frames`, 'none', path);
  if (frames === 0) throw failed('MEDIA_EMPTY', 'at least one frame', 'none', path);
  const still = frames === 1;
  const fps = ratio(stream.avg_frame_rate) ?? ratio(stream.r_frame_rate) ?? 25;
  const duration = [stream.duration, format?.duration].map(Number).find((seconds) => seconds > 0) ?? 0;
  return {
    kind: still ? 'still' : 'video',
    ...displayed(stream, width, height),
    duration: still ? 0 : duration || (announced > 0 ? announced / fps : 0),
    fps: still ? 0 : fps,
    codec,
    hasAlpha: alphaFormats.test(stream.pix_fmt ?? ''),
  };
}

/** 0, 1 or 2: 2 means two or more. */
async function countFrames(path: string, signal: AbortSignal): Promise<number> {
  const options = ['-select_streams', 'V:0', '-count_packets', '-read_intervals', '%+#2', '-show_streams'];
  const { streams = [] } = await ffprobe(path, signal, options);
  return Math.min(2, Number(streams[0]?.nb_read_packets ?? 0) || 0);
}

/** Square pixels, upright. */
function displayed(stream: Stream, width: number, height: number): { width: number; height: number } {
  const aspect = ratio(stream.sample_aspect_ratio?.replace(':', '/')) ?? 1;
  const wide = aspect > 0.25 && aspect < 4 ? Math.max(1, Math.round(width * aspect)) : width;
  const sideData = stream.side_data_list?.find((entry) => entry.rotation !== undefined)?.rotation;
  const rotation = sideData ?? Number(stream.tags?.rotate ?? 0);
  const turned = Math.abs(Math.round(rotation / 90)) % 2 === 1;
  return turned ? { width: height, height: wide } : { width: wide, height };
}

/** '30000/1001' as a number, or undefined when it says nothing. */
function ratio(text = ''): number | undefined {
  const [over, under] = text.split('/').map(Number);
  const value = (over ?? 0) / (under ?? 1);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

interface Report {
  streams?: Stream[];
  format?: { duration?: string };
}

function ffprobe(path: string, signal: AbortSignal, options: string[]): Promise<Report> {
  const { path: program } = mediaTools().ffprobe;
  const arguments_ = ['-v', 'error', ...strangersFile, '-print_format', 'json', ...options, '-i', fileUrl(path)];
  const bounds = { timeout: probeMs, maxBuffer: 8 << 20, signal, killSignal: 'SIGKILL' as const };
  return new Promise((resolve, reject) => {
    execFile(program, arguments_, bounds, (error, stdout, stderr) => {
      if (!error) {
        try {
          resolve(JSON.parse(stdout) as Report);
        } catch (cause) {
          reject(new VimiError('ENCODER_FAILED', 'ffprobe gave no JSON', { found: stdout, where: path, cause }));
        }
      } else if (signal.aborted) reject(signal.reason);
      else if (error.killed)
        reject(new VimiError('TIMED_OUT', 'ffprobe took too long', { expected: `at most ${probeMs} ms`, where: path }));
      else whyUnread(path, stderr.trim() || error.message).then(reject, reject);
    });
  });
}

/** ffprobe picks a demuxer by name when the bytes say nothing, so "no moov" alone does not make a file an MP4. */
async function whyUnread(path: string, stderr: string): Promise<VimiError> {
  const head = await firstBytes(path, 12);
  const box = head.toString('latin1', 4, 8);
  const isMp4 = ['ftyp', 'moov', 'mdat', 'free', 'wide', 'skip'].includes(box);
  const isMatroska = head.toString('hex', 0, 4) === '1a45dfa3';
  const said = stderr.replaceAll(`${fileUrl(path)}: `, '').replace(/ @ (0x)?[0-9a-f]+\]/g, ']');
  if (isMp4 || isMatroska) return failed('MEDIA_DAMAGED', `a complete ${isMp4 ? 'MP4' : 'Matroska'} file`, said, path);
  const isForeign = /Format not on whitelist|^Invalid data found when processing input$/.test(said);
  return failed('MEDIA_UNSUPPORTED', 'a video or a picture', isForeign ? unknownKind : said, path);
}

function failed(code: ErrorCode, expected: string, found: string, where: string): VimiError {
  return new VimiError(code, 'This file cannot be read as media', { expected, found, where });
}
