import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, extname } from 'node:path';
import { mediaPaths } from '../../app/ingest/media-files.js';
import { VimiError } from '../../core/errors.js';
import { netFeatures } from '../../evaluation/features/net-features.js';
import { netInput, type PixelScale } from '../../evaluation/features/net-input.js';
import { type Sheet, someFrames } from '../../evaluation/report.js';
import { evaluateUcf101, protocol } from '../../evaluation/tasks/ucf101.js';
import { readClassCounts, readClasses } from '../../evaluation/ucf101/read-classes.js';
import { apportioned, classRequests } from '../../evaluation/ucf101/requests.js';
import { probeMedia } from '../../media/probe-media.js';
import { readFrames } from '../../media/read-frames.js';
import { openNet } from '../../models/encoders/onnx/net.js';
import { progress } from '../progress.js';
import { publish } from './eval.js';

export interface Ucf101Options {
  /** Videos to ask for; left out: measure. */
  writeRequests?: number;
  classes?: string;
  /** A list of the real videos, by whose classes the requests are shared out. */
  like?: string;
  frames: number;
  steps?: number;
  /** Folders of videos. */
  generated?: string;
  real?: string;
  /** I3D, and the net whose classes the Inception score is of. */
  onnx?: string;
  inception?: string;
  /** What the report calls them; the names of their files when left out. */
  net?: string;
  pixels: PixelScale;
  inceptionPixels: PixelScale;
  seed: number;
  /** The list of requests, or the folder of results. */
  out?: string;
  signal: AbortSignal;
}

/** Writes the requests of the protocol, or measures what came of them. */
export async function evalUcf101(options: Ucf101Options, out: NodeJS.WritableStream): Promise<void> {
  const { writeRequests, classes, generated, real, onnx } = options;
  const measures = [generated, real, onnx, options.inception].some((given) => given !== undefined);
  if (writeRequests !== undefined && classes !== undefined && !measures)
    return writeAll(writeRequests, classes, options, out);
  if (writeRequests === undefined && classes === undefined && generated && real && onnx)
    return measure({ ...options, generated, real, onnx }, out);
  throw new VimiError('USAGE', 'The evaluation on UCF101 either writes requests or measures their videos', {
    expected:
      '--write-requests N --classes FILE, and later --generated FOLDER --real FOLDER --onnx I3D.onnx [--inception C3D.onnx]',
  });
}

async function writeAll(
  n: number,
  file: string,
  { like, frames, steps, seed, out: place }: Ucf101Options,
  out: NodeJS.WritableStream,
): Promise<void> {
  const classes = await readClasses(file);
  const weights = like === undefined ? undefined : await readClassCounts(like, classes);
  const events = classRequests({ n, classes, weights, seed, settings: { frames, ...(steps && { steps }) } });
  const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  if (place === undefined) {
    out.write(lines);
    return;
  }
  await mkdir(dirname(place), { recursive: true });
  await writeFile(place, lines);
  const counts = apportioned(n, weights ?? classes.map(() => 1));
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  out.write(
    `${place}: ${n} requests ${events[0]!.id} to ${events.at(-1)!.id} for ${classes.length} classes, ${least === most ? least : `${least} to ${most}`} a class\n`,
  );
  if (classes.length !== protocol.classes || n < protocol.videos)
    out.write(`the published protocol: ${protocol.videos} videos of ${protocol.classes} classes\n`);
}

async function measure(
  options: Ucf101Options & { generated: string; real: string; onnx: string },
  out: NodeJS.WritableStream,
): Promise<void> {
  const { onnx, inception, pixels, inceptionPixels, seed, signal } = options;
  const { out: folder = '.vimi/eval/ucf101' } = options;
  const media = { generated: await mediaPaths([options.generated]), real: await mediaPaths([options.real]) };
  // What is wrong is told now, and not after the hours that the first net may take.
  for (const of of ['generated', 'real'] as const)
    if (media[of].length < 2)
      throw new VimiError('MEDIA_NOT_FOUND', 'A distance needs two videos of each', {
        expected: `--${of}: a folder with videos`,
        found: String(media[of].length),
        where: options[of],
      });
  const sides = (net: string) => ({ frames: protocol.frames, side: net === onnx ? protocol.side : c3dSide });
  for (const file of inception === undefined ? [onnx] : [onnx, inception]) {
    const net = await openNet(file);
    await net.close();
    netInput(net.inputs, sides(file), file);
  }
  const featuresOf = async (net: string, of: 'generated' | 'real', scale: PixelScale) => {
    const bar = progress('features');
    const features = await netFeatures(net, media[of], {
      ...{ ...sides(net), scale, signal },
      onRow: (rows) => bar.update(rows, media[of].length, of),
    });
    bar.finish(`${features.n} rows of ${features.d} numbers: ${of}, ${basename(net)}`);
    return features;
  };
  try {
    const net = options.net ?? nameOf(onnx);
    const generated = await featuresOf(onnx, 'generated', pixels);
    const real = await featuresOf(onnx, 'real', pixels);
    const classes =
      inception === undefined
        ? undefined
        : {
            generated: await featuresOf(inception, 'generated', inceptionPixels),
            real: await featuresOf(inception, 'real', inceptionPixels),
            net: nameOf(inception),
          };
    const sheets = [await page('generated', media.generated, signal), await page('real', media.real, signal)];
    const report = { ...evaluateUcf101({ generated, real, net, classes, seed }), sheets };
    const more = {
      ...{ net, generated: options.generated, real: options.real, onnx, onnxSha256: generated.sha256, pixels },
      ...(classes && { inception, inceptionSha256: classes.generated.sha256, inceptionPixels }),
    };
    await publish(report, 'ucf101', null, { out: folder, n: generated.n, seed }, more, out);
  } catch (thrown) {
    throw signal.aborted ? new VimiError('CANCELLED', 'The evaluation was stopped') : thrown;
  }
}

/** Pixels to each side that C3D sees, where its file leaves them open. */
const c3dSide = 112;

/** i3d.onnx is i3d. */
const nameOf = (file: string) => basename(file, extname(file));

const shown = 12;
const images = 8;

/** Some videos of a folder, evenly over the list: what is being measured is looked at. */
async function page(name: string, files: readonly string[], signal: AbortSignal): Promise<Sheet> {
  const count = Math.min(shown, files.length);
  const some = Array.from({ length: count }, (_, i) => files[Math.floor((i * files.length) / count)]!);
  const rows: Sheet['rows'] = [];
  for (const file of some) {
    const probe = await probeMedia(file, { maxPixels: 40_000_000, signal });
    const side = protocol.side / 2;
    const reader = await readFrames(file, probe, { width: side, height: side, fps: probe.fps || 10, signal });
    const data: Uint8Array[] = [];
    for await (const frame of reader.frames) {
      data.push(Uint8Array.from(frame));
      if (data.length === protocol.frames) break;
    }
    const video = { frames: data.length, width: side, height: side, data: Buffer.concat(data) };
    rows.push({ label: basename(file), images: someFrames(video, images) });
  }
  return { name, rows };
}
