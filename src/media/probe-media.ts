import { type ErrorCode, VimiError } from '../core/errors.js';
import { apngObstacle } from './apng-canvas.js';
import { fileUrl, strangersFile } from './ffmpeg.js';
import { otherKind, unknownKind } from './file-kinds.js';
import { frameRate } from './frame-rate.js';
import { formatOf, type ImageFormat, signatureBytes } from './image-formats.js';
import { firstBytes, imageHeader, unlike } from './images.js';
import { type Orientation, orientationOf } from './orientation.js';
import { pageRate } from './page-rate.js';
import type { ColourTags } from './screen-colours.js';
import { startTool, ToolFailure } from './tool-process.js';
import { mediaTools } from './tools.js';
import { textsOfTags } from './written-texts.js';

/** What a medium is, by its bytes alone. */
export interface ProbedMedium {
  kind: 'video' | 'still';
  /** As displayed: rotation applied. */
  width: number;
  height: number;
  /** Seconds from the first frame on; 0 for a still, and where nobody knows before it is read. */
  duration: number;
  /** Of its rhythm: pauses and missing frames do not count. 0 for a still. */
  fps: number;
  codec: string;
  hasAlpha: boolean;
  /** What somebody, or some program, wrote into it: descriptions, titles and comments, in this order. */
  texts: string[];
  /** How ffmpeg is to decode it; none for what is no business of ffmpeg. */
  video?: VideoTraits;
}

export interface VideoTraits {
  /** Of its stream in the file. */
  stream: number;
  /** Its frames may be two fields, one after the other. */
  interlaced: boolean;
  /** Seconds from the beginning of the file to its first frame. */
  start: number;
  /** A recording of a broadcast, say, which may begin between two key frames. */
  joinsAnywhere: boolean;
  colours: ColourTags;
  orientation: Orientation;
  /** Where ffmpeg's own decoder would lose something. */
  decoder?: 'libvpx' | 'libvpx-vp9';
}

export interface ProbeLimits {
  /** Of an image, and of a frame where `maxFramePixels` does not say otherwise. */
  maxPixels: number;
  /** Of a frame of a video or an animation. */
  maxFramePixels?: number;
  signal: AbortSignal;
}

/** So many frames say what the rhythm is. */
const timedFrames = 5000;
const mostFps = 60;
/** No camera's film states more frames a second. */
const mostStatedFps = 1000;
/** Also what an ffprobe without its decoder does not know, such as PNG in QuickTime: it may have some. */
const alphaFormats = /^(yuva|gbra?p?a|rgba|bgra|argb|abgr|ya|pal8|unknown)/;
/** Codings of colour that ffmpeg does not convert: it would take them for another, and show wrong colours. */
const unreadMatrices = /^(bt2020c|ictcp|ycgco|smpte2085|chroma-derived|ipt-c2)/;
/** Logarithms of light, and the light of cinemas, that an ordinary screen shows washed out or in other colours. */
const unreadTransfers = /^(log|smpte428)/;

/**
 * Looks at a medium without decoding it. Images by sharp, everything else by ffprobe, which opens nothing but the file.
 * MEDIA_UNSUPPORTED (no image or video in it), MEDIA_DAMAGED, MEDIA_EMPTY (no frame), MEDIA_TOO_LARGE.
 * A video of one frame is a still.
 */
export async function probeMedia(path: string, limits: ProbeLimits): Promise<ProbedMedium> {
  const head = await firstBytes(path, signatureBytes);
  const format = formatOf(head);
  if (format) return probeImage(path, format, limits);
  const obstacle = formatOf(head, { moving: true })?.name === 'png' ? await apngObstacle(path) : null;
  if (obstacle) throw unlike(path, 'an animated PNG with alpha whose first frame fills the canvas', obstacle);
  const other = otherKind(head);
  if (other !== null) throw failed('MEDIA_UNSUPPORTED', 'a video or an image', other, path);
  return probeVideo(path, limits);
}

async function probeImage(path: string, known: ImageFormat, limits: ProbeLimits): Promise<ProbedMedium> {
  const { format, width, height, hasAlpha, pages, delays, texts } = await imageHeader(path, known);
  const maxPixels = pages > 1 ? (limits.maxFramePixels ?? limits.maxPixels) : limits.maxPixels;
  if (width * height > maxPixels)
    throw new VimiError('MEDIA_TOO_LARGE', 'This image has too many pixels', {
      expected: `at most ${maxPixels}`,
      found: `${width} x ${height} = ${width * height}`,
      where: path,
    });
  const duration = pages > 1 ? delays.reduce((sum, ms) => sum + ms, 0) / 1000 : 0;
  const kind = pages > 1 ? 'video' : 'still';
  return { kind, width, height, duration, fps: pages > 1 ? pageRate(delays) : 0, codec: format, hasAlpha, texts };
}

interface Stream {
  index: number;
  codec_type?: string;
  codec_name?: string;
  width?: number;
  height?: number;
  pix_fmt?: string;
  sample_aspect_ratio?: string;
  field_order?: string;
  color_space?: string;
  color_transfer?: string;
  color_primaries?: string;
  avg_frame_rate?: string;
  r_frame_rate?: string;
  start_time?: string;
  duration?: string;
  nb_frames?: string;
  disposition?: { attached_pic?: number };
  tags?: Record<string, string>;
  side_data_list?: { displaymatrix?: string; dv_profile?: number }[];
}

async function probeVideo(path: string, limits: ProbeLimits): Promise<ProbedMedium> {
  const { streams = [], format, packets = [] } = await ffprobeJson(path, limits.signal, filmAndTimes);
  const candidates = streams
    .filter((one) => one.codec_type === 'video' && !one.disposition?.attached_pic)
    .sort((a, b) => areaOf(b) - areaOf(a));
  if (candidates.length === 0) throw await withoutVideo(path, limits.signal);
  const { stream, times } = await film(path, candidates, packets, limits);
  const { codec_name: codec = 'unknown' } = stream;
  const announced = Number(stream.nb_frames);
  if (times.length === 0 && announced > 0) throw failed('MEDIA_DAMAGED', `${announced} frames`, 'none', path);
  if (times.length === 0) throw failed('MEDIA_EMPTY', 'at least one frame', 'none', path);
  const still = times.length === 1;
  const interlaced = !still && isInterlaced(stream);
  const fps = rateOf(stream, times, interlaced);
  const decoder = alphaDecoder(stream);
  const orientation = orientationOf(stream.side_data_list?.find((entry) => entry.displaymatrix)?.displaymatrix);
  return {
    kind: still ? 'still' : 'video',
    ...displayed(stream, orientation),
    duration: still ? 0 : durationOf(stream, format, fps),
    fps: still ? 0 : fps,
    codec,
    hasAlpha: decoder !== undefined || alphaFormats.test(stream.pix_fmt ?? 'unknown'),
    texts: textsOfTags(format?.tags, stream.tags),
    video: {
      stream: stream.index,
      interlaced,
      start: startOf(stream, format),
      joinsAnywhere: /^(mpeg|mpegts|mpegvideo|h264|hevc)$/.test(format?.format_name ?? ''),
      colours: coloursOf(stream, path),
      orientation,
      ...(decoder && { decoder }),
    },
  };
}

async function withoutVideo(path: string, signal: AbortSignal): Promise<VimiError> {
  const { streams = [] } = await ffprobeJson(path, signal, []);
  if (streams.length === 0) return failed('MEDIA_EMPTY', 'at least one frame', 'a container with nothing in it', path);
  return new VimiError('MEDIA_UNSUPPORTED', 'This file contains no video', {
    expected: 'a video or an image',
    found: streams.map((one) => `${kindOf(one)} (${one.codec_name ?? 'unknown'})`).join(', '),
    where: path,
    remedy: 'Publish media that show something: sound is not used.',
  });
}

function kindOf({ codec_type, disposition }: Stream): string {
  return disposition?.attached_pic ? 'cover image' : (codec_type ?? 'data');
}

function areaOf({ width = 0, height = 0 }: Stream): number {
  return width * height;
}

/** The largest stream of more than one frame, or else the largest: an image beside a film is its cover. */
async function film(path: string, candidates: Stream[], packets: Packet[], limits: ProbeLimits) {
  let still: { stream: Stream; times: number[] } | undefined;
  for (const stream of candidates) {
    const { codec_name: codec = 'unknown', width = 0, height = 0 } = stream;
    if (!(width > 0 && height > 0)) {
      if (candidates.length > 1 && stream !== candidates.at(-1)) continue;
      if (still) break;
      throw failed('MEDIA_DAMAGED', 'a frame size', `${codec} without one`, path);
    }
    // Of several streams the first packets of all together may be few of this one.
    const own = candidates.length > 1 ? await packetsOf(path, stream.index, limits.signal) : packets;
    const times = momentsOf(own.filter((packet) => packet.stream_index === stream.index));
    if (times.length > 1) return { stream: checkPixels(stream, path, limits), times };
    if (!still || (still.times.length === 0 && times.length > 0)) still = { stream, times };
  }
  checkPixels(still!.stream, path, limits);
  return still!;
}

/** Of the stream that is taken: a cover beside the film may have more. */
function checkPixels(stream: Stream, path: string, { maxPixels, maxFramePixels = maxPixels }: ProbeLimits): Stream {
  const { width = 0, height = 0 } = stream;
  if (width * height <= maxFramePixels) return stream;
  throw new VimiError('MEDIA_TOO_LARGE', 'The frames of this video have too many pixels', {
    expected: `at most ${maxFramePixels}`,
    found: `${width} x ${height} = ${width * height}`,
    where: path,
    remedy: 'Reduce the video, or raise max_frame_pixels (or max_pixels) of the probe step.',
  });
}

/** Moments of the first frames, in order of display; without timestamps they are all 0. */
function momentsOf(packets: Packet[]): number[] {
  return packets
    .map(({ pts_time, dts_time }) => [pts_time, dts_time].map((text) => Number.parseFloat(text ?? '')))
    .map((times) => times.find(Number.isFinite) ?? 0)
    .sort((a, b) => a - b);
}

function rateOf(stream: Stream, times: number[], interlaced: boolean): number {
  // Old versions of ffprobe give the ticks of a clock where a stream without container states no rate.
  const stated = [ratio(stream.avg_frame_rate), ratio(stream.r_frame_rate)].filter(
    (rate): rate is number => rate !== undefined && rate <= mostStatedFps,
  );
  // Fields may be packets of their own.
  const measured = interlaced && stated.length > 0 ? undefined : frameRate(times, stated, mostFps);
  const rate = measured ?? stated[0] ?? 25;
  return stated[0] !== undefined && rate === mostFps && stated[0] > mostFps ? stated[0] : rate;
}

function isInterlaced({ field_order, pix_fmt = '', codec_name = '' }: Stream): boolean {
  if (field_order !== undefined && field_order !== 'unknown') return field_order !== 'progressive';
  // Where nothing is stated, each frame may be marked as such.
  return pix_fmt.startsWith('yuv') && ['mpeg2video', 'dvvideo', 'h264', 'vc1', 'prores', 'dnxhd'].includes(codec_name);
}

function alphaDecoder({ codec_name, tags = {} }: Stream): VideoTraits['decoder'] {
  if ((tags.alpha_mode ?? tags.ALPHA_MODE) !== '1') return undefined;
  return ({ vp8: 'libvpx', vp9: 'libvpx-vp9' } as const)[codec_name ?? ''];
}

function coloursOf(stream: Stream, path: string): ColourTags {
  const stated = (tag?: string) => (tag === undefined || /^(unknown|unspecified|reserved)/.test(tag) ? undefined : tag);
  const { pix_fmt = '', width = 0, height = 0 } = stream;
  const isYuv = /^(yuv|nv\d|p\d|y2|uyvy|yvyu)/.test(pix_fmt);
  const matrix = stated(stream.color_space);
  const transfer = stated(stream.color_transfer);
  const dolby = stream.side_data_list?.find((entry) => entry.dv_profile === 5);
  const unread = dolby
    ? 'Dolby Vision profile 5'
    : [unreadMatrices.exec(matrix ?? ''), unreadTransfers.exec(transfer ?? '')].find(Boolean)?.input;
  if (unread)
    throw new VimiError('MEDIA_UNSUPPORTED', 'The colour coding of this video is not supported', {
      expected: 'BT.601, BT.709, BT.2020 (also PQ and HLG), linear light or RGB',
      found: unread,
      where: path,
      remedy: 'Convert it to one of these.',
    });
  const primaries = stated(stream.color_primaries);
  const wide = primaries === 'bt2020' || transfer === 'smpte2084' || transfer === 'arib-std-b67';
  // What nobody states is BT.709 in HD and BT.601 below, as every player takes it.
  const likely = wide ? 'bt2020' : primaries === 'bt709' || width >= 1280 || height > 576 ? 'bt709' : undefined;
  return { ...(isYuv && (matrix ?? likely) && { matrix: matrix ?? likely }), transfer, primaries };
}

/** From the first frame to the end of the last; 0 where the container does not say. */
function durationOf(stream: Stream, format: Format | undefined, fps: number): number {
  const own = Number(stream.duration);
  if (own > 0) return own;
  // Matroska's counts from 0, also where a recording begins late on its clock.
  const isMatroska = /^matroska/.test(format?.format_name ?? '');
  const before = isMatroska ? Math.max(0, Number(stream.start_time) || 0) : startOf(stream, format);
  const whole = Number(format?.duration) - before;
  const announced = Number(stream.nb_frames);
  return whole > 0 ? whole : announced > 0 ? announced / fps : 0;
}

function startOf(stream: Stream, format: Format | undefined): number {
  return Math.max(0, Number(stream.start_time) - Number(format?.start_time)) || 0;
}

/** Square pixels, upright. */
function displayed(stream: Stream, { swapsSides }: Orientation): { width: number; height: number } {
  const { width = 0, height = 0, sample_aspect_ratio } = stream;
  const aspect = ratio(sample_aspect_ratio?.replace(':', '/')) ?? 1;
  const wide = aspect > 0.25 && aspect < 4 ? Math.max(1, Math.round(width * aspect)) : width;
  return swapsSides ? { width: height, height: wide } : { width: wide, height };
}

/** '30000/1001' as a number, or undefined when it says nothing. */
function ratio(text = ''): number | undefined {
  const [over, under] = text.split('/').map(Number);
  const value = (over ?? 0) / (under ?? 1);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

interface Format {
  format_name?: string;
  start_time?: string;
  duration?: string;
  tags?: Record<string, string>;
}

interface Packet {
  stream_index: number;
  pts_time?: string;
  dts_time?: string;
}

interface Report {
  streams?: Stream[];
  format?: Format;
  packets?: Packet[];
}

/** Options that leave out all but films, and tell of the first packets when they are shown. */
const someTimes = ['-read_intervals', `%+#${timedFrames}`, '-show_entries', 'packet=stream_index,pts_time,dts_time'];
const filmAndTimes = ['-select_streams', 'v', ...someTimes];

async function ffprobeJson(path: string, signal: AbortSignal, options: string[]): Promise<Report> {
  const text = await ffprobe(path, signal, [...options, '-show_format', '-show_streams', '-print_format', 'json']);
  try {
    return JSON.parse(text) as Report;
  } catch (cause) {
    throw new VimiError('TOOL_CRASHED', 'ffprobe returned no JSON', { found: text, where: path, cause });
  }
}

async function packetsOf(path: string, stream: number, signal: AbortSignal): Promise<Packet[]> {
  return (await ffprobeJson(path, signal, ['-select_streams', `${stream}`, ...someTimes])).packets ?? [];
}

async function ffprobe(path: string, signal: AbortSignal, options: string[]): Promise<string> {
  const run = startTool({
    program: mediaTools().ffprobe.path,
    args: ['-v', 'error', ...strangersFile, ...options, '-i', fileUrl(path)],
    signal,
    where: path,
  });
  let text = '';
  run.stdout.setEncoding('utf8').on('data', (more: string) => {
    run.moved();
    text += more;
  });
  try {
    await run.ended;
    return text;
  } catch (error) {
    throw error instanceof ToolFailure ? await whyUnread(path, error.message) : error;
  }
}

/** ffprobe picks a demuxer by name when the bytes say nothing, so "no moov" alone does not make a file an MP4. */
async function whyUnread(path: string, stderr: string): Promise<VimiError> {
  const head = await firstBytes(path, 12);
  const box = head.toString('latin1', 4, 8);
  const isMp4 = ['ftyp', 'moov', 'mdat', 'free', 'wide', 'skip'].includes(box);
  const isMatroska = head.toString('hex', 0, 4) === '1a45dfa3';
  const said = stderr.replaceAll(`${fileUrl(path)}: `, '');
  if (isMp4 || isMatroska) return failed('MEDIA_DAMAGED', `a complete ${isMp4 ? 'MP4' : 'Matroska'} file`, said, path);
  const isForeign = /Format not on whitelist|^Invalid data found when processing input$/.test(said);
  return failed('MEDIA_UNSUPPORTED', 'a video or an image', isForeign ? unknownKind : said, path);
}

function failed(code: ErrorCode, expected: string, found: string, where: string): VimiError {
  return new VimiError(code, 'This file cannot be read as media', { expected, found, where });
}
