import { resolve } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { graph } from '../../../src/cli/graph.js';
import { operators } from '../../../src/operators/index.js';
import { checkTopology, readTopology } from '../../../src/streams/topology/read-topology.js';
import { testOperators } from './operators.js';

// vimi itself reads no SVG.
sharp.unblock({ operation: ['VipsForeignLoadSvg'] });

const shipped = resolve(import.meta.dirname, '../../../topology.yaml');
const options = { env: {}, operators };

/** The middle of each box that carries a label, and its size. */
function boxes(image: string): { label: string; x: number; y: number; width: number; height: number }[] {
  const rule =
    /<rect class="(?:topic|step|objects)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" rx="\d+"\/><text class="label"[^>]*>([^<]*)</g;
  return [...image.matchAll(rule)].map(([, x, y, width, height, label]) => ({
    label: label!,
    x: Number(x),
    y: Number(y),
    width: Number(width),
    height: Number(height),
  }));
}

describe('the graph of the topology that ships', () => {
  const ground = ['embed', 'retrieve', 'compose'];
  const grow = [
    ...['fetch', 'recognise', 'probe', 'split', 'filter', 'caption', ...ground, 'deduplicate', 'index', 'shard'],
    'samples/{shard}-{digest}.tar',
  ];

  it('has every step and topic in its image, none upon another, all inside', async () => {
    const image = graph(await readTopology(shipped, options), 'svg');
    const drawn = boxes(image);
    expect(drawn.map(({ label }) => label).sort()).toEqual(
      [
        ...['requests', 'admit', ...ground, 'denoise', 'encode', 'videos/{job}-{digest}.mp4', 'videos'],
        ...['media', ...grow, 'backfill', ...grow],
        ...['samples', 'outcomes', 'clips', 'corpus', 'jobs', 'rejects', 'removals', 'passes', 'webhooks'],
      ].sort(),
    );
    const { width = 0, height = 0 } = await sharp(Buffer.from(image)).metadata();
    for (const [index, a] of drawn.entries()) {
      expect(a.x + a.width, a.label).toBeLessThan(width);
      expect(a.y + a.height, a.label).toBeLessThan(height);
      for (const b of drawn.slice(index + 1)) {
        const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
        expect(apart, `${a.label} and ${b.label}`).toBe(true);
      }
    }
    expect(image.match(/class="segment"/g)).toHaveLength(3);
    expect(image.match(/class="edge"/g)).toHaveLength(36);
  });

  it('has the same edges in Mermaid', async () => {
    const text = graph(await readTopology(shipped, options), 'mermaid');
    expect(text).toMatch(/^flowchart TB\n/);
    expect(text.match(/ --> /g)).toHaveLength(36);
    expect(text.match(/subgraph/g)).toHaveLength(6);
    expect(text.match(/^ +end$/gm)).toHaveLength(6);
  });
});

describe('a graph of hostile text', () => {
  const topology = (to: string) =>
    checkTopology(
      `topics: { a: { schema: generation.requested }, b: { schema: video.completed }, r: { schema: event.rejected }, jobs: { schema: job.changed } }
pipelines:
  p: { from: a, steps: [admit, embed, retrieve, compose, denoise, encode], to: [{ objects: "\${X}/{job}" }, { topic: b }] }
  q: { from: b, steps: [{ use: s }], to: [] }
segments: { s: [filter] }
`,
      { file: 't.yaml', env: { X: to }, operators: testOperators.map((operator) => ({ ...operator, needs: [] })) },
    );

  it('escapes it, and shows no value from the environment', async () => {
    const { topology: checked } = await topology('secret-place');
    checked!.outline[0]!.name = '<script>&"\'\u0000';
    for (const format of ['svg', 'mermaid'] as const) {
      const drawn = graph(checked!, format);
      expect(drawn).not.toContain('<script');
      expect(drawn).not.toContain('secret-place');
      expect(drawn).not.toContain('\u0000');
    }
    const { format } = await sharp(Buffer.from(graph(checked!, 'svg'))).metadata();
    expect(format).toBe('svg');
  });

  it('draws pipelines that feed each other in a circle', async () => {
    const { topology: checked } = await topology('x');
    checked!.outline[1]!.to = [{ topic: 'a' }];
    expect(boxes(graph(checked!, 'svg')).filter(({ label }) => label === 'a')).toHaveLength(1);
  });
});
