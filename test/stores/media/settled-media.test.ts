import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SettledMedia, type SettledMedium } from '../../../src/stores/media/settled-media.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-settled-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const medium = (uri: string, event = uri) => ({ uri, event, outcome: 'delivered' }) as SettledMedium;

describe('the outcomes of one command', () => {
  it('come by address, however many there are, and can be read again while more come', () => {
    const media = new SettledMedia(join(folder, 'many.sqlite'));
    const uris = Array.from({ length: 1001 }, (_, n) => `/media/${String((n * 7919) % 1001).padStart(4, '0')}.png`);
    for (const uri of uris) media.add(medium(uri));
    for (const _ of [1, 2]) expect([...media.all()].map(({ uri }) => uri)).toEqual([...uris].sort());
    media.add(medium('/media/0000.png', 'again'));
    expect([...media.all()].slice(0, 2)).toEqual([medium('/media/0000.png'), medium('/media/0000.png', 'again')]);
    expect(media.size).toBe(1002);
    media.close();
  });

  it('are none where nothing came', () => {
    const media = new SettledMedia(join(folder, 'none.sqlite'));
    expect([...media.all()]).toEqual([]);
    media.close();
  });
});
