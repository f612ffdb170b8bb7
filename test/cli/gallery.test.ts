import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type GalleryEntry, gallery, galleryPage } from '../../src/cli/gallery.js';

const dir = mkdtempSync(join(tmpdir(), 'vimi-gallery-'));
afterAll(() => rmSync(dir, { recursive: true }));

const sha256 = 'a'.repeat(64);
const entry: GalleryEntry = {
  job: 'demo-1',
  promptText: 'a mushroom moves right on a blue background',
  composed: {
    task: 'text-to-video',
    instruction: 'Make a video of the text, after the examples.',
    parts: [
      { text: 'a mushroom' },
      { image: { key: 'images/m.png', size: 9, sha256, media_type: 'image/png' }, role: 'reference' },
      { text: 'a mushroom moves right on a blue background' },
      { image: { key: 'images/u.png', size: 9, sha256: 'b'.repeat(64), media_type: 'image/png' }, role: 'subject' },
    ],
  },
  context: [{ caption: 'a mushroom', image: 'context/mushroom.png', score: 0.03278, sha256 }],
  video: 'videos/demo-1.mp4',
  model: 'nano',
  backend: 'wasm',
  seed: 7,
  seconds: 12.345,
};
const page = (change: Partial<GalleryEntry> = {}) => galleryPage([{ ...entry, ...change }], { documents: 1183 });

describe('gallery', () => {
  it('writes one page that shows the prompt, what was retrieved, what the model read, the video and the facts', async () => {
    const file = await gallery([entry], join(dir, 'new/folder'), { documents: 1183, contactSheet: 'sheet.png' });
    expect(readdirSync(join(dir, 'new/folder'))).toEqual(['index.html']);
    const html = readFileSync(file, 'utf8');
    for (const shown of [
      '<h2>a mushroom moves right on a blue background</h2>',
      '<img src="./context/mushroom.png" alt="">',
      '0.0328',
      '<video src="./videos/demo-1.mp4" loop muted',
      'image-rendering: pixelated',
      'Make a video of the text, after the examples.',
      '<img src="./context/mushroom.png" alt="reference image"',
      'subject image bbbbbbbb',
      '<dd>nano</dd>',
      '<dd>wasm</dd>',
      '<dd>7</dd>',
      '12.3 s',
      '1 prompt, grounded in a corpus of 1,183 documents',
      '<img src="./sheet.png"',
      'prefers-color-scheme: dark',
    ])
      expect(html).toContain(shown);
    expect(misnested(html)).toEqual([]);
  });

  it('shows motion examples as films, and apart what the model was not given', () => {
    const clip = { key: 'clips/m.mp4', size: 9, sha256: 'c'.repeat(64), media_type: 'video/mp4' };
    const hostile = '<img src=x>"';
    const motion = { clip: { ...clip, frames: 16, fps: 8, seconds: 2 }, caption: hostile, role: 'motion' as const };
    const composed = { ...entry.composed, parts: [motion, ...entry.composed.parts] };
    const shown = { caption: hostile, image: 'm.webp', score: 0.03, clip: 'm.mp4' };
    const html = page({ composed, unread: [0], context: [...entry.context, shown] });
    expect(html).toContain('<video src="./m.mp4" poster="./m.webp" loop');
    const [read, unread] = ['composed', 'none'].map(
      (name) => new RegExp(`<p class="${name}">(.*)</p>`).exec(html)![1]!,
    );
    expect(read).not.toContain('motion');
    expect(unread).toMatch(/^given, and not read by nano: <code>motion clip/);
    expect(html).not.toContain('<img src=x');
    expect(misnested(html)).toEqual([]);
    expect(() => page({ context: [{ ...shown, clip: '../m.mp4' }] })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });

  it('shows what strangers wrote as text, in elements and in attributes', () => {
    const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>&amp;\u0000`;
    const html = page({
      promptText: hostile,
      job: hostile,
      model: hostile,
      backend: hostile,
      context: [{ caption: hostile, image: 'a.png', score: 1, sha256 }],
      composed: { ...entry.composed, instruction: hostile, parts: [{ text: hostile }, ...entry.composed.parts] },
    });
    expect(html).not.toMatch(/<script|<img src=x/);
    expect(html).not.toContain('\u0000');
    expect(misnested(html)).toEqual([]);
    // Read back, it is what was written, less the character that no page may hold.
    expect(unescaped(/<h2>(.*?)<\/h2>/.exec(html)![1]!)).toBe(hostile.replace('\u0000', '\u{fffd}'));
    expect(unescaped(/aria-label="(.*?)"/.exec(html)![1]!)).toContain('onerror=alert(2)>&amp;');
    expect(elements(html).filter(({ attributes }) => / on\w+=/.test(attributes))).toEqual([]);
  });

  it('forbids what it does not need, should a stranger get markup into it [safety S15]', () => {
    const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(page())![1]!;
    const rules = Object.fromEntries(policy.split(/;\s*/).map((rule) => rule.split(/ (.*)/) as [string, string]));
    for (const what of ['script-src', 'object-src', 'base-uri', 'form-action']) expect(rules[what]).toBe("'none'");
    // Before everything that it forbids.
    expect(page().indexOf('Content-Security-Policy')).toBeLessThan(page().indexOf('<title>'));
  });

  it('needs no foreign host and no script', () => {
    const addresses = [...page().matchAll(/(?:src|href)="([^"]*)"|url\(([^)]*)\)/g)].map(
      (found) => found[1] ?? found[2],
    );
    expect(addresses.length).toBeGreaterThan(2);
    for (const address of addresses) expect(address).toMatch(/^\.\//);
    expect(elements(page()).map(({ name }) => name)).not.toContain('script');
  });

  it.each(['../secret.png', '/etc/passwd', 'a/../../b.png', 'a\\b.png', '', 'a//b.png'])(
    'refuses the file name %j',
    (name) => {
      expect(() => page({ video: name })).toThrow(expect.objectContaining({ code: 'USAGE' }));
      expect(() => page({ context: [{ caption: 'x', image: name, score: 1 }] })).toThrow(
        expect.objectContaining({ code: 'USAGE' }),
      );
    },
  );

  it('leaves no file name a scheme, a query or markup', () => {
    expect(page({ video: 'javascript:alert(1)' })).toContain('src="./javascript%3Aalert(1)"');
    expect(page({ video: `odd name?#"'&.mp4` })).toContain('src="./odd%20name%3F%23%22&#39;%26.mp4"');
  });

  it('says when nothing was retrieved and nothing was asked', () => {
    expect(page({ context: [] })).toContain('nothing that fitted');
    const none = galleryPage([], { documents: 1 });
    expect(none).toContain('0 prompts, grounded in a corpus of 1 document<');
    expect(misnested(none)).toEqual([]);
  });
});

const voidElements = new Set(['meta', 'img']);

function elements(html: string) {
  const body = html.replace(/<style>[\s\S]*?<\/style>/, '').replace('<!doctype html>', '');
  return [...body.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*)>/g)].map(([, slash, name, attributes]) => ({
    name: name!,
    closes: slash === '/',
    attributes: attributes!.replace(/"[^"]*"/g, '""'),
  }));
}

/** Tags that close what is not open, or that stay open; and any bare < or > that no tag accounts for. */
function misnested(html: string): string[] {
  const wrong: string[] = [];
  const open: string[] = [];
  for (const { name, closes } of elements(html)) {
    if (voidElements.has(name)) continue;
    if (!closes) open.push(name);
    else if (open.pop() !== name) wrong.push(`</${name}>`);
  }
  const bare = html
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace('<!doctype html>', '')
    .replace(/<\/?[a-z][a-z0-9]*(?:"[^"]*"|[^">])*>/g, '');
  return [...wrong, ...open, ...(bare.match(/[<>]/g) ?? [])];
}

const unescaped = (html: string) => html.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
