import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundled } from './installations.js';

/* Films as cameras, phones, recorders and editors leave them, made by the bundled ffmpeg, which has every encoder. */

const run = promisify(execFile);

/** Runs the bundled ffmpeg; `name` in `folder` is what it writes. */
export async function make(folder: string, name: string, options: string[]): Promise<string> {
  const output = join(folder, name);
  await run(bundled.ffmpeg, ['-y', '-v', 'error', '-nostdin', ...options, output]);
  return output;
}

export const red = [220, 30, 30];
export const green = [30, 180, 30];
export const blue = [30, 30, 220];
export const yellow = [220, 200, 30];

/** Four colours, top left, top right, bottom left, bottom right, and a white square that moves between them, in RGB. */
export function quad({ size = '320x240', rate = 25, seconds = 1 } = {}): string {
  const fill = (top: [number, number], bottom: [number, number]) =>
    `'if(lt(Y,H/2),if(lt(X,W/2),${top}),if(lt(X,W/2),${bottom}))'`;
  const ground = `r=${fill([220, 30], [30, 220])}:g=${fill([30, 180], [30, 200])}:b=${fill([30, 30], [220, 30])}`;
  return [
    `color=c=black:s=${size}:r=${rate}:d=${seconds},format=rgb24,geq=${ground},format=rgb24[q]`,
    `color=c=white:s=40x40:r=${rate}:d=${seconds}[w]`,
    "[q][w]overlay=x='mod(t*60\\,W-40)':y=H/2-20:format=gbrp,format=gbrp",
  ].join(';');
}

export const h264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p'];
const inBt709 = ['-vf', 'scale=out_color_matrix=bt709:out_range=tv,format=yuv420p'];

/** Of `quad`, as light of BT.2020 at 203 cd/m2 for white. */
export function wideGamut(transfer: 'smpte2084' | 'arib-std-b67' | 'bt2020-10'): string[] {
  const coded = transfer === 'bt2020-10' ? '2020_10' : transfer;
  const light =
    'zscale=min=gbr:tin=bt709:pin=bt709:rin=full:m=gbr:t=linear:p=bt709:r=full:npl=203,format=gbrpf32le,' +
    `zscale=min=gbr:tin=linear:pin=bt709:rin=full:p=bt2020:t=${coded}:m=bt2020nc:r=limited:npl=203,format=yuv420p10le`;
  return [
    ...['-f', 'lavfi', '-i', quad(), '-vf', light, '-c:v', 'libx265', '-crf', '10'],
    ...['-x265-params', `log-level=error:colorprim=bt2020:transfer=${transfer}:colormatrix=bt2020nc`],
    ...['-color_primaries', 'bt2020', '-color_trc', transfer, '-colorspace', 'bt2020nc', '-tag:v', 'hvc1'],
  ];
}

/** HD without a word on its colours, or with. */
export function hd(isTagged: boolean): string[] {
  return [
    ...['-f', 'lavfi', '-i', quad({ size: '1280x720', rate: 5 }), ...inBt709, '-c:v', 'libx264'],
    ...(isTagged
      ? ['-x264-params', 'colorprim=bt709:transfer=bt709:colormatrix=bt709']
      : ['-bsf:v', 'h264_metadata=colour_primaries=2:transfer_characteristics=2:matrix_coefficients=2']),
  ];
}

/** Full range, as cameras of phones and computers write it. */
export const fullRange = [
  ...['-f', 'lavfi', '-i', quad(), '-vf', 'scale=out_color_matrix=bt709:out_range=pc,format=yuv420p'],
  ...['-color_range', 'pc', '-c:v', 'libx264'],
  ...['-x264-params', 'fullrange=on:colorprim=bt709:transfer=bt709:colormatrix=bt709'],
];

/** A red disc that moves over nothing. */
export function overNothing(codec: string): string[] {
  const disc = 'if(lt(hypot(X-80-T*40,Y-120),50),255,0)';
  return [
    ...['-f', 'lavfi', '-i', `color=c=black@0.0:s=320x240:r=25:d=1,format=rgba,geq=r='220':g='30':b='30':a='${disc}'`],
    ...(codec === 'prores_ks' || codec === 'png'
      ? ['-c:v', codec, ...(codec === 'png' ? [] : ['-profile:v', '4444', '-pix_fmt', 'yuva444p10le'])]
      : ['-c:v', codec, '-pix_fmt', 'yuva420p', '-crf', '15', '-b:v', '0', '-auto-alt-ref', '0']),
  ];
}

/** A white bar that goes fast over grey, in fields of a fiftieth of a second. */
export function interlaced(...codec: string[]): string[] {
  const film = "color=gray:352x288:r=50:d=1[g];color=white:s=40x288:r=50:d=1[w];[g][w]overlay=x='mod(t*500\\,312)'";
  return ['-f', 'lavfi', '-i', film, '-vf', 'interlace=scan=tff:lowpass=off', ...codec, '-flags', '+ilme+ildct'];
}

/** Frames of a test image, each unlike the one before, of which `select` leaves some out. */
export function uneven(rate: number, seconds: number, select: string): string[] {
  return [
    ...['-f', 'lavfi', '-i', `testsrc2=s=320x240:r=${rate}:d=${seconds}`, '-vf', `select='${select}'`, '-vsync', 'vfr'],
    ...[...h264, '-video_track_timescale', '90000'],
  ];
}

/** Colours, red and blue by default, each for some seconds, in which a square moves; one film with cuts. */
export function scenesOf(...lengths: number[]): string[] {
  const grounds = ['0xC02020', '0x2020C0', '0x20A040', '0xC0A020'];
  const squares = ['white', 'yellow', 'black', 'white'];
  const parts = lengths.map(
    (seconds, n) =>
      `color=c=${grounds[n % 4]}:s=320x240:r=25:d=${seconds}[g${n}];color=c=${squares[n % 4]}:s=40x40:r=25:d=${seconds}[w${n}];` +
      `[g${n}][w${n}]overlay=x='mod(t*60\\,280)':y=100[p${n}]`,
  );
  const joined = `${lengths.map((_, n) => `[p${n}]`).join('')}concat=n=${lengths.length}:v=1`;
  return ['-filter_complex', `${parts.join(';')};${joined}`, ...h264];
}
