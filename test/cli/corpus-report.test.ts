import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Workspace } from '../../src/app/workspace.js';
import { corpusReport } from '../../src/cli/commands/corpus-report.js';
import { figure } from '../../src/cli/report-page.js';
import { histogram } from '../../src/media/drawing/histogram.js';
import { testFolder } from '../media/make-media.js';
import { patience } from '../support/patience.js';
import { makeMedia, project, takeIn, written } from './small-corpus.js';

const folder = await testFolder();
let workspace: Workspace;
let html: string;

const report = async () => {
  const file = join(folder, 'report.html');
  const told = JSON.parse(await written((out) => corpusReport(workspace, { out: file, images: 3, json: true }, out)));
  return { told, html: await readFile(file, 'utf8') };
};

beforeAll(async () => {
  workspace = await project(join(folder, 'first'), '{ max_letterbox: 0.2 }');
  await takeIn(workspace, await makeMedia(folder));
  ({ html } = await report());
}, patience(120));
afterAll(() => workspace.close());

describe('vimi corpus report', { timeout: patience(120) }, () => {
  it('writes a page that fetches nothing and runs nothing', () => {
    expect(html).toContain("default-src 'none'");
    expect(html).not.toMatch(
      /<(script|link|iframe|object|embed|base)\b|\bsrc="(?!data:image\/webp;base64,)|@import|url\(/i,
    );
    for (const [address] of html.matchAll(/https?:[^"' <]+/g)) expect(address).toBe('http://www.w3.org/2000/svg');
  });

  it('shows of each score how it is spread, and images on both sides of each limit', async () => {
    for (const score of ['motion', 'sharpness', 'brightness', 'contrast', 'black', 'frozen', 'letterbox'])
      expect(html).toMatch(new RegExp(`<h2>${score}</h2><svg`));
    expect(html).toContain('motion: 2 kept, 2 outside its limits, 1 dropped for another reason');
    expect(html).toContain('min_motion 0.015 drops 2; nearest to the limit:');
    expect(html).toMatch(/max_letterbox 0\.2 drops 1; .*<b>0\.333<\/b> letterboxed<br>film\.mp4/);
    expect(html).toContain('min_sharpness is not set; these would go first');
    const [, first] = /src="data:image\/webp;base64,([^"]+)"/.exec(html)!;
    const { width, height } = await sharp(Buffer.from(first!, 'base64')).metadata();
    expect([Math.max(width, height), Math.min(width, height)]).toEqual([112, 84]);
  });

  it('says how many images are gone from the object store', async () => {
    const { told } = await report();
    expect(told).toMatchObject({ clips: 7, images_missing: 0 });
    await rm(join(folder, 'first/.vimi/objects/images'), { recursive: true });
    const { told: after } = await report();
    expect(after).toMatchObject({ images: 0, images_missing: told.images });
  });

  it('takes whatever a stranger wrote as text', () => {
    const hostile = '"><script>alert(1)</script>';
    expect(figure({ image: null, alt: hostile, words: [hostile, hostile] })).not.toContain('<script');
    expect(figure({ image: 'data:x', alt: hostile, words: [] })).not.toContain('<script');
    expect(histogram({ title: hostile, groups: [] })).not.toContain('<script');
  });

  it('draws a bar for each number, stacked, and a mark where it was asked for', () => {
    const counted = (...values: [number, number][]) => values.map(([value, times]) => ({ value, times }));
    const svg = histogram({
      title: 'a score',
      groups: [
        { colour: '#111111', values: counted([0, 2], [10, 1], [Number.NaN, 1]) },
        { colour: '#222222', values: counted([0, 1], [5, 1]) },
      ],
      marks: [{ x: 5, text: 'min_score 5' }],
    });
    const bars = [
      ...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="[\d.]+" height="([\d.]+)" fill="(#\d+)"/g),
    ].map(([, x, y, height, fill]) => [Number(x), Number(y), Number(height), fill]);
    expect(bars).toEqual([
      [0.5, 50, 100, '#111111'],
      [0.5, 0, 50, '#222222'],
      [300.5, 100, 50, '#222222'],
      [585.5, 100, 50, '#111111'],
    ]);
    expect(svg).toMatch(/<path d="M300 -8V150".*min_score 5/);
  });
});
