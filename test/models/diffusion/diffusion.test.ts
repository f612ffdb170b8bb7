import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawNoiseLevel } from '../../../src/models/diffusion/noise-levels.js';
import * as pre from '../../../src/models/diffusion/preconditioning.js';
import { philox, Random } from '../../../src/models/numerics/random.js';
import {
  branchesOfSteps,
  combine,
  factorsOf,
  guidanceAt,
  guidanceBranches,
} from '../../../src/models/sampling/guidance.js';
import { sample } from '../../../src/models/sampling/sampler.js';
import { karrasSchedule } from '../../../src/models/sampling/schedule.js';
import { dynamicThreshold, staticThreshold } from '../../../src/models/sampling/thresholding.js';

describe('preconditioning', () => {
  const cases = [0.5, 1].flatMap((sd) => [1, 4, 32].map((si) => ({ sd, si })));
  const anySigma = fc.double({ min: Math.log(0.002), max: Math.log(80), noNaN: true }).map(Math.exp);
  const anyValue = fc.double({ min: -3, max: 3, noNaN: true });

  const target = (p: pre.Preconditioning, s: number, x: number, eps: number) =>
    pre.cNrm(p, s) * (p.sd ** 2 * eps - s * x);

  test.each(cases)('D recovers x exactly from the target, sd $sd, si $si', (p) => {
    fc.assert(
      fc.property(anySigma, anyValue, anyValue, (s, x, eps) => {
        const noisy = x / p.si + s * eps;
        const d = pre.cSkip(p, s) * noisy + pre.cOut(p, s) * target(p, s, x, eps);
        expect(Math.abs(d - x)).toBeLessThan(1e-9 * (1 + Math.abs(x) + Math.abs(eps) * 80));
        // The sign printed in the paper's table does not return x.
        const printed = pre.cSkip(p, s) * noisy - pre.cOut(p, s) * target(p, s, x, eps);
        if (Math.abs(pre.cOut(p, s) * target(p, s, x, eps)) > 1e-3) expect(Math.abs(printed - x)).toBeGreaterThan(1e-3);
      }),
    );
  });

  test.each(cases)('w |F - target|^2 is lambda |D - x|^2, sd $sd, si $si', (p) => {
    fc.assert(
      fc.property(anySigma, anyValue, anyValue, anyValue, (s, x, eps, f) => {
        const noisy = x / p.si + s * eps;
        const d = pre.cSkip(p, s) * noisy + pre.cOut(p, s) * f;
        const ours = pre.targetWeight(p, s) * (f - target(p, s, x, eps)) ** 2;
        const theirs = (1 / p.sd ** 2 + 1 / s ** 2) * (d - x) ** 2;
        expect(Math.abs(ours - theirs)).toBeLessThan(1e-6 * (1e-6 + ours + theirs) + 1e-9);
      }),
    );
  });

  test('at si = 1 it is EDM', () => {
    for (const sd of [0.5, 1])
      for (const s of [0.01, 0.3, 1, 7, 80]) {
        const p = { sd, si: 1 };
        expect(pre.cSkip(p, s)).toBeCloseTo(sd ** 2 / (s ** 2 + sd ** 2), 12);
        expect(Math.abs(pre.cOut(p, s))).toBeCloseTo((s * sd) / Math.sqrt(s ** 2 + sd ** 2), 12);
        expect(pre.cIn(p, s)).toBeCloseTo(1 / Math.sqrt(s ** 2 + sd ** 2), 12);
        expect(pre.targetWeight(p, s)).toBeCloseTo(1, 12);
      }
  });

  test('the input of the network has unit variance', () => {
    const p = { sd: 1, si: 4 };
    for (const s of [0.01, 1, 20]) expect(pre.cIn(p, s) ** 2 * (p.sd ** 2 / p.si ** 2 + s ** 2)).toBeCloseTo(1, 12);
  });

  test('sigma_in of the paper: 4 for 16 frames of 64 pixels, 32 for 512', () => {
    expect(pre.inputScale(16, 64)).toBe(4);
    expect(pre.inputScale(16, 512)).toBe(32);
  });
});

describe('schedule', () => {
  test('falls from 80 to .002, then 0, straight in the 7th root', () => {
    const levels = karrasSchedule(9);
    expect(levels).toHaveLength(10);
    expect(levels[0]).toBeCloseTo(80, 9);
    expect(levels[8]).toBeCloseTo(0.002, 9);
    expect(levels[9]).toBe(0);
    const roots = levels.slice(0, 9).map((s) => s ** (1 / 7));
    for (let i = 2; i < 9; i++) expect(roots[i]! - roots[i - 1]!).toBeCloseTo(roots[1]! - roots[0]!, 9);
  });

  test('one step starts at the top', () => expect(karrasSchedule(1)).toEqual([expect.closeTo(80, 9), 0]));
});

describe('sampler', () => {
  // Data ~ N(0, v^2): D = x v^2 / (v^2 + sigma^2), and the ODE's solution is known.
  const v = 0.5;
  const denoise = (y: Float64Array, s: number) => y.map((value) => (value * v * v) / (v * v + s * s));
  const exact = (s: number) => 80 * Math.sqrt((v * v + s * s) / (v * v + 80 * 80));
  const relativeError = async (n: number, method: 'heun' | 'euler') => {
    const schedule = karrasSchedule(n).slice(0, n); // ends at .002, where the solution is known
    const [end] = await sample(denoise, [1], { si: 1 }, { schedule, method });
    return Math.abs(end! - exact(0.002)) / exact(0.002);
  };

  test.each([
    ['euler', [1.63e-1, 8.5e-2, 4.3e-2, 2.2e-2], 2],
    ['heun', [6.3e-2, 1.5e-2, 3.6e-3, 8.7e-4], 4],
  ] as const)('%s follows the ODE of Gaussian data to its order', async (method, known, factor) => {
    const errors = await Promise.all([17, 33, 65, 129].map((n) => relativeError(n, method)));
    for (const [i, error] of errors.entries()) expect(Math.abs(error / known[i]! - 1)).toBeLessThan(0.03);
    for (let i = 1; i < 4; i++) expect(Math.abs(errors[i - 1]! / errors[i]! / factor - 1)).toBeLessThan(0.1);
  });

  test('with sigma_in the sample has the scale of the data', async () => {
    // y = x / si has deviation v / si; D in the scale of x is si times the mean of y's posterior.
    const si = 4;
    const scaled = (y: Float64Array, s: number) =>
      y.map((value) => si * value * ((v / si) ** 2 / ((v / si) ** 2 + s * s)));
    const noise = new Random(1).normals(4000);
    const out = await sample(scaled, noise, { si }, { schedule: karrasSchedule(64) });
    const deviation = Math.sqrt(out.reduce((sum, x) => sum + x * x, 0) / out.length);
    const noiseDeviation = Math.sqrt(noise.reduce((sum, x) => sum + x * x, 0) / noise.length);
    expect(deviation / noiseDeviation).toBeCloseTo(v, 2);
  });

  test('multistep keeps of each step what was seen, and lays fresh noise over it', async () => {
    const random = new Random(2);
    const n = 20_000;
    const schedule = karrasSchedule(8, { min: 0.1, max: 10 });
    let calls = 0;
    const counting = (y: Float64Array, s: number) => {
      calls++;
      return denoise(y, s);
    };
    const out = await sample(
      counting,
      random.normals(n),
      { si: 1 },
      {
        ...{ schedule, method: 'multistep' },
        fresh: (count) => random.normals(count),
      },
    );
    expect(calls).toBe(8);
    // What is seen is a linear part of y, so its variance is known.
    const seen = (variance: number, s: number) => variance * (v ** 2 / (v ** 2 + s ** 2)) ** 2;
    const variance = schedule.slice(0, 8).reduce((last, s) => seen(last + s ** 2, s), 0);
    expect(out.reduce((sum, x) => sum + x * x, 0) / n / variance).toBeCloseTo(1, 1);
    expect(variance).toBeLessThan(v ** 2);
  });

  test('from a start in noise the ODE of Gaussian data leads where it must, and steps with more noise are left out', async () => {
    const schedule = karrasSchedule(129, { min: 0.002, max: 80 });
    const [x, si, level] = [0.8, 2, 5];
    const from = schedule.find((sigma) => sigma <= level)!;
    const seen: number[] = [];
    const scaled = (y: Float64Array, s: number) => {
      seen.push(s);
      return y.map((value) => si * value * ((v / si) ** 2 / ((v / si) ** 2 + s * s)));
    };
    const noise = 0.3;
    const [end] = await sample(scaled, [noise], { si }, { schedule, start: { x: [x], level } });
    // y goes from x / si + sigma noise to v / si of what its deviation was there.
    const wanted = si * (x / si + from * noise) * (v / si / Math.hypot(v / si, from));
    expect(Math.abs(end! / wanted - 1)).toBeLessThan(0.01);
    expect(Math.max(...seen)).toBe(from);
    seen.length = 0;
    // Below all levels the last step is left.
    await sample(scaled, [noise], { si }, { schedule, start: { x: [x], level: 1e-9 } });
    expect(seen).toEqual([schedule.at(-2)]);
  });

  test('a step border that throws ends it there', async () => {
    let calls = 0;
    const counting = (y: Float64Array, s: number) => {
      calls++;
      return denoise(y, s);
    };
    const onStep = (done: number) => {
      if (done === 3) throw new Error('enough');
    };
    await expect(sample(counting, [1], { si: 1 }, { schedule: karrasSchedule(10), onStep })).rejects.toThrow('enough');
    expect(calls).toBe(6);
  });
});

describe('guidance', () => {
  test('is the sum of the two differences', () => {
    const d = { nothing: [1], text: [10], all: [100] };
    const branches = guidanceBranches({ text: 3, image: 2 }, true);
    const combined = combine(
      branches.map(([, factor]) => factor),
      branches.map(([branch]) => d[branch]),
    );
    expect(combined[0]).toBeCloseTo(1 + 3 * (10 - 1) + 2 * (100 - 10), 9);
  });

  test('oscillates: full at first, then low and full in turn', () => {
    const full = { text: 15, image: 9 };
    const at = (n: number, oscillation?: { steady: number; low: number }) =>
      Array.from({ length: n }, (_, step) => guidanceAt({ step, sigma: 1 }, full, { oscillation }).text);
    expect(at(8, { steady: 3, low: 1 })).toEqual([15, 15, 15, 1, 15, 1, 15, 1]);
    expect(at(3, { steady: 0, low: 2 })).toEqual([2, 15, 2]);
    expect(at(3)).toEqual([15, 15, 15]);
    const oscillation = { steady: 0, low: 1 };
    expect(guidanceAt({ step: 0, sigma: 1 }, { text: 0.5, image: 4 }, { oscillation })).toEqual({
      text: 0.5,
      image: 1,
    });
  });

  test('oscillating, is at each step the constant guidance of its weights', () => {
    const d = { nothing: [1], text: [10], all: [100] };
    for (const hasImages of [true, false]) {
      const branches = guidanceBranches({ text: 3, image: 2 }, hasImages).map(([branch]) => branch);
      const results = branches.map((branch) => d[branch]);
      const at = (weights: { text: number; image: number }) =>
        combine(factorsOf(branches, weights, hasImages), results)[0];
      expect(at({ text: 3, image: 2 })).toBeCloseTo(hasImages ? 1 + 3 * 9 + 2 * 90 : 1 + 3 * 99, 9);
      expect(at({ text: 1, image: 1 })).toBeCloseTo(100, 9);
    }
  });

  test('that oscillates follows the ODE of its weights, step by step', async () => {
    // Two Gaussian clouds about m and 0 with one deviation: D is known for both, and linear in the weight.
    const [v, m] = [0.5, 2];
    const towards = (y: number, s: number, mean: number) => mean + ((y - mean) * v * v) / (v * v + s * s);
    const schedule = karrasSchedule(6);
    const oscillation = { steady: 2, low: 1 };
    const weights: number[] = [];
    const guided = (y: Float64Array, s: number, step: number) => {
      const g = guidanceAt({ step, sigma: s }, { text: 5, image: 5 }, { oscillation }).text;
      weights.push(g);
      return y.map((value) => towards(value, s, 0) + g * (towards(value, s, m) - towards(value, s, 0)));
    };
    const [end] = await sample(guided, [0.3], { si: 1 }, { schedule, method: 'euler' });
    expect(weights).toEqual([5, 5, 1, 5, 1, 5]);
    // D = a y + g (1 - a) m with a = v^2 / (v^2 + s^2): Euler's step in closed form.
    let y = 0.3 * schedule[0]!;
    for (const [i, g] of weights.entries()) {
      const [s, next] = [schedule[i]!, schedule[i + 1]!];
      const a = (v * v) / (v * v + s * s);
      y = y + ((next - s) / s) * ((1 - a) * y - g * (1 - a) * m);
    }
    expect(end).toBeCloseTo(y, 9);
  });

  test('of a modality ends at its noise level', () => {
    const above = { text: 2, image: 0.5 };
    const at = (sigma: number, weights = { text: 3, image: 4 }) => guidanceAt({ step: 0, sigma }, weights, { above });
    expect([10, 2, 1, 0.5, 0.1].map((sigma) => at(sigma))).toEqual([
      { text: 3, image: 4 },
      { text: 3, image: 4 },
      { text: 1, image: 4 },
      { text: 1, image: 4 },
      { text: 1, image: 1 },
    ]);
    expect(at(0.1, { text: 0, image: 0.5 })).toEqual({ text: 0, image: 0.5 });
    const oscillation = { steady: 0, low: 2 };
    expect(guidanceAt({ step: 0, sigma: 1 }, { text: 3, image: 4 }, { above, oscillation })).toEqual({
      text: 1,
      image: 2,
    });
  });

  test('a branch is computed until it counts for the last time', () => {
    const [full, images, plain] = [
      { text: 3, image: 4 },
      { text: 1, image: 4 },
      { text: 1, image: 1 },
    ];
    const every = ['nothing', 'text', 'all'];
    expect(branchesOfSteps([full, images, plain], true)).toEqual([every, ['text', 'all'], ['all']]);
    expect(branchesOfSteps([plain, full, plain, full, plain], true)).toEqual([every, every, every, every, ['all']]);
    expect(branchesOfSteps([full, plain], false)).toEqual([['nothing', 'all'], ['all']]);
  });

  test('computes only what counts', () => {
    expect(guidanceBranches({ text: 1, image: 1 }, true)).toEqual([['all', 1]]);
    expect(guidanceBranches({ text: 2, image: 2 }, true).map(([branch]) => branch)).toEqual(['nothing', 'all']);
    expect(guidanceBranches({ text: 2, image: 5 }, false)).toEqual([
      ['nothing', -1],
      ['all', 2],
    ]);
  });

  test('its factors sum to 1', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 20, noNaN: true }),
        fc.double({ min: 0, max: 20, noNaN: true }),
        fc.boolean(),
        (text, image, has) => {
          const sum = guidanceBranches({ text, image }, has).reduce((total, [, factor]) => total + factor, 0);
          expect(sum).toBeCloseTo(1, 6);
        },
      ),
    );
  });
});

test('dynamic thresholding leaves the range alone and brings the rest into it', () => {
  expect([...dynamicThreshold(Float64Array.of(-1, 0.5, 0.9))]).toEqual([-1, 0.5, 0.9]);
  const wide = dynamicThreshold(Float64Array.from({ length: 1000 }, (_, i) => (i - 500) / 100));
  expect(Math.max(...wide)).toBeLessThanOrEqual(1);
  expect(Math.min(...wide)).toBe(-1);
  expect(wide[750]).toBeCloseTo(2.5 / 4.98, 2);
});

describe('random numbers', () => {
  test('are those of Philox 4x32-10 (known answers of its authors)', () => {
    const hex = (numbers: Uint32Array) => [...numbers].map((n) => n.toString(16).padStart(8, '0'));
    expect(hex(philox([0, 0, 0, 0], [0, 0]))).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
    const ones = 0xffffffff;
    expect(hex(philox([ones, ones, ones, ones], [ones, ones]))).toEqual([
      '408f276d',
      '41c83b0e',
      'a20bc7c6',
      '6d5451fd',
    ]);
    expect(hex(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))).toEqual([
      'd16cfe09',
      '94fdcceb',
      '5001e420',
      '24126ea1',
    ]);
  });

  test('normals have mean 0, deviation 1 and no correlation between neighbours', () => {
    const numbers = new Random(7).normals(40_000);
    const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
    const variance = numbers.reduce((a, b) => a + (b - mean) ** 2, 0) / numbers.length;
    let neighbours = 0;
    for (let i = 1; i < numbers.length; i++) neighbours += (numbers[i]! * numbers[i - 1]!) / numbers.length;
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(variance - 1)).toBeLessThan(0.03);
    expect(Math.abs(neighbours)).toBeLessThan(0.02);
  });

  test('streams of one seed differ', () => {
    expect(new Random(1, 0).bits()).not.toBe(new Random(1, 1).bits());
  });

  test('noise levels are log-normal', () => {
    const random = new Random(3);
    const logs = Array.from({ length: 20_000 }, () =>
      Math.log(drawNoiseLevel(() => random.normal(), { mean: 0.5, std: 1.5 })),
    );
    const mean = logs.reduce((a, b) => a + b, 0) / logs.length;
    const deviation = Math.sqrt(logs.reduce((a, b) => a + (b - mean) ** 2, 0) / logs.length);
    expect(mean).toBeCloseTo(0.5, 1);
    expect(deviation).toBeCloseTo(1.5, 1);
  });
});

test('static thresholding clips, and leaves alone what is in the range', () => {
  expect([...staticThreshold(Float64Array.of(-3, -1, 0.5, 1.2))]).toEqual([-1, -1, 0.5, 1]);
});
