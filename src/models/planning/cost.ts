import { layoutCell } from '../networks/extensions/layout.js';
import { patchGrid } from '../networks/fit.js';
import type { Model } from '../networks/model.js';
import type { ParameterSpec } from '../networks/parameters.js';
import { coarsePatch } from '../networks/prompt-encoder.js';
import type { Preset } from '../presets/preset.js';
import { isMuonMatrix } from '../training/optimizer/muon.js';

/**
 * What a network costs to compute, from its declarations: each matrix [C, D] that r tokens pass costs 2 r C D floating
 * point operations and leaves r D numbers; attention of N on M tokens costs 4 N M C beside its matrices. Only products of
 * matrices and convolutions are counted; the rest is small.
 *
 *   S patch tokens   L latents   G groups   T frames   N tokens of the prompt   n numbers told
 */
export interface Work {
  frames: number;
  words: number;
  images: number;
  /** Whether the latents of a step before are carried over. */
  carried: boolean;
}

export interface Cost {
  /** Floating point operations of a forward pass of one sample: reading the prompt, and F. */
  encode: number;
  denoise: number;
  /** Numbers that its matrices and its attentions leave behind: what a gradient has to keep, up to a factor. */
  numbers: { matrices: number; attentions: number };
}

export function costOf({ preset, specs }: Model, work: Work): Cost {
  const sizes = tokensOf(preset, work);
  const cost: Cost = { encode: 0, denoise: 0, numbers: { matrices: 0, attentions: 0 } };
  const add = (name: string, flops: number) => {
    cost[name.startsWith('prompt.') ? 'encode' : 'denoise'] += flops;
  };
  for (const spec of specs) {
    const rows = rowsOf(spec.name, sizes);
    if (rows === 0 || spec.shape.length < 2) continue;
    const product = spec.shape.reduce((n, d) => n * d, 1);
    add(spec.name, 2 * rows * product);
    cost.numbers.matrices += rows * spec.shape.at(-1)!;
    const attention = /^(.*)\.query\.matrix$/.exec(spec.name);
    if (!attention || /^fit\.(layout|picture-plan|block\d+\.place)\.query\.matrix$/.test(spec.name)) continue;
    const [from, to, groups] = readersOf(attention[1]!, sizes);
    const inner = spec.shape[1]!;
    add(spec.name, 4 * groups * from * to * inner);
    cost.numbers.attentions += groups * from * to * preset.heads;
  }
  // The layout's map: a query a frame against the places of its cells.
  if (sizes.cells > 0) cost.denoise += 2 * sizes.T * preset.patchWidth * sizes.cells;
  if (preset.local) {
    const views = (preset.low ? 1 : preset.blocks) * sizes.images * sizes.S;
    // Where the images lie: the plan, and each against every patch, the middle of what answers, and those patches' mean.
    if (!preset.low) {
      cost.denoise += 2 * sizes.images * sizes.S * preset.patchWidth;
      cost.denoise += 2 * views * (2 * preset.patchWidth + 2);
    }
    cost.numbers.matrices += views * preset.patch ** 2 * numbersSeen;
  }
  return cost;
}

/** That laying images leaves behind for each pixel of theirs in each frame: two resolutions, four neighbours, four channels. */
const numbersSeen = 2 * 4 * 4;

/** Of a step of the optimizer: five Newton-Schulz steps for each matrix that Muon moves. */
export function optimizerCost(specs: readonly ParameterSpec[]): number {
  return specs.filter(isMuonMatrix).reduce((sum, { shape }) => {
    const [short, long] = [Math.min(...shape), Math.max(...shape)];
    return sum + 5 * (4 * short * short * long + 2 * short ** 3);
  }, 0);
}

type Tokens = ReturnType<typeof tokensOf>;

function tokensOf(preset: Preset, { frames: T, words, images, carried }: Work) {
  const { encoder, latents: L, group, local, low, side } = preset;
  const [R, Q] = patchGrid(preset);
  const coarse = (encoder.imageSide / coarsePatch) ** 2;
  const N = 1 + words + images * coarse;
  return {
    ...{ S: T * R * Q, L, T, N, words, images, carried },
    G: (R / group.rows) * (Q / group.columns),
    coarse: images * coarse,
    told: N + (low ? 5 : 4),
    cells: local && !low ? (side / layoutCell) ** 2 : 0,
  };
}

/** How many tokens of one sample pass a parameter; 0: it is no matrix that tokens pass. */
function rowsOf(name: string, k: Tokens): number {
  const rules: [RegExp, number][] = [
    [/^prompt\.words$/, k.words],
    [/^prompt\.roles$/, k.images],
    [/^prompt\.distance$/, k.N ** 2],
    [/^prompt\.beside\.distance$/, k.images * k.words],
    [/^prompt\.beside\.out\.matrix/, k.images],
    [/^fit\.paint\..*matrix/, k.images],
    [/^prompt\.follow\.gate\.matrix/, k.images],
    [/^prompt\.project\./, k.words],
    [/^prompt\.coarse\.matrix/, k.coarse],
    [/^prompt\.layer\d+\..*matrix/, k.N],
    [/^fit\.(patch|head|drawn)\.matrix/, k.S],
    [/^fit\.carry\.matrix/, k.carried ? k.L : 0],
    [/^fit\.time\.matrix/, k.T],
    [/^fit\.(sigma|fps|width|height|corruption)\..*matrix/, 1],
    [/\.read-condition\.(key|value)\.matrix/, k.told],
    [/\.read\.(key|value)\.matrix/, k.S],
    [/\.(read-condition|feed-condition|read|feed-read|compute\d+)\..*matrix/, k.L],
    [/\.write\.(key|value)\.matrix/, k.L],
    [/\.(write|feed-write)\..*matrix/, k.S],
    [/\.place\.(query|picture|gate-picture)\.matrix/, k.images],
    [/\.place\.prompt\.matrix/, k.images > 0 ? 1 : 0],
    [/\.place\.time\.matrix/, k.images > 0 ? k.T : 0],
    [/\.place\.(patches|pose)\.matrix/, k.images * k.T],
    [/\.place\.(value|gate-pixels)\.matrix/, k.images * k.S],
    [/\.place\.(gate-patch|out)\.matrix/, k.images > 0 ? k.S : 0],
    [/^fit\.picture-plan\.picture\.matrix/, k.images],
    [/^fit\.picture-plan\.prompt\.matrix/, k.images > 0 ? 1 : 0],
    [/^fit\.picture-plan\.time\.matrix/, k.images > 0 ? k.T : 0],
    [/^fit\.picture-plan\.query\.matrix/, k.images * k.T],
    [/\.near\.filter/, k.S],
    [/\.local\.modulate\.matrix/, 1],
    // A frame alone has none beside it: a third of the matrix is left.
    [/\.local\.frames\.matrix/, k.T === 1 ? k.S / 3 : k.S],
    [/\.local\..*(matrix|filter)/, k.S],
    [/^fit\.layout\.prompt\.matrix/, 1],
    [/^fit\.layout\.(time|query)\.matrix/, k.T],
    [/^fit\.layout\.mark$/, k.S],
  ];
  return rules.find(([pattern]) => pattern.test(name))?.[1] ?? 0;
}

/** Of an attention: queries, keys, and how many such pairs of lists there are. */
function readersOf(name: string, { S, L, G, N, told }: Tokens): [from: number, to: number, groups: number] {
  if (name.startsWith('prompt.')) return [N, N, 1];
  if (name.endsWith('.read-condition')) return [L, told, 1];
  if (name.endsWith('.read')) return [L / G, S / G, G];
  if (name.endsWith('.write')) return [S / G, L / G, G];
  return [L, L, 1];
}
