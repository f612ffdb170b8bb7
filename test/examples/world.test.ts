import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isBackgroundHeldOut, readBackground, readBackgrounds } from '../../examples/world/backgrounds.mjs';
import { asItIs, changes, writeSprite } from '../../examples/world/changes.mjs';
import { colours, stands } from '../../examples/world/colours.mjs';
import { posts } from '../../examples/world/fence.mjs';
import { motions, places, worldSide } from '../../examples/world/motions.mjs';
import { ffmpeg, writeMp4 } from '../../examples/world/mp4.mjs';
import { seeded, shuffled } from '../../examples/world/random.mjs';
import { captionOf, plain, poses, render } from '../../examples/world/scene.mjs';
import { readSprite } from '../../examples/world/sprite.mjs';
import { addStill, arts, isHeldOut, readEntities } from '../../examples/world/subjects.mjs';
import { reworded, wordings } from '../../examples/world/wordings.mjs';

const fox = 'examples/media/images/fox.png';

describe('random', () => {
  it('follows from its name', () => {
    const draw = (...name: (string | number)[]) => Array.from({ length: 4 }, seeded(...name));
    expect(draw('a', 1)).toEqual(draw('a', 1));
    expect(draw('a', 1)).not.toEqual(draw('a', 2));
  });

  it('shuffles without loss', () => {
    const list = Array.from({ length: 50 }, (_, i) => i);
    const mixed = shuffled(seeded('shuffle'), list);
    expect(mixed).not.toEqual(list);
    expect([...mixed].sort((a, b) => a - b)).toEqual(list);
  });
});

describe('changes', () => {
  it('paint a subject in their colour, and leave its form', async () => {
    const sprite = await readSprite(fox);
    for (const [name, { look }] of Object.entries(changes)) {
      if (!look) continue;
      const { width, height, pixels } = look(sprite);
      expect([width, height]).toEqual([sprite.width, sprite.height]);
      const alpha = (of: Float32Array) => of.filter((_, i) => i % 4 === 3).reduce((sum, v) => sum + v, 0);
      expect(alpha(pixels)).toBeCloseTo(alpha(sprite.pixels), 3);
      const mean = [0, 1, 2].map((c) => pixels.filter((_, i) => i % 4 === c).reduce((sum, v) => sum + v, 0));
      const paint = colours[name.replace('painted ', '')];
      if (paint) expect(mean.indexOf(Math.max(...mean)), name).toBe(paint.indexOf(Math.max(...paint)));
    }
    const grey = changes['in grey']!.look!(sprite).pixels;
    for (let p = 0; p < grey.length; p += 4) expect(grey[p]).toBeCloseTo(grey[p + 2]!, 3);
    expect(Object.keys(changes)).not.toContain(asItIs);
  });

  it('are read from their files as they were written', async () => {
    const sprite = changes['upside down']!.look!(await readSprite(fox));
    const file = join(mkdtempSync(join(tmpdir(), 'vimi-world-')), 'fox.png');
    await writeSprite(sprite, file);
    const back = await readSprite(file);
    expect([back.width, back.height]).toEqual([sprite.width, sprite.height]);
    const off = back.pixels.reduce((most, v, i) => Math.max(most, Math.abs(v - sprite.pixels[i]!)), 0);
    expect(off).toBeLessThan(2);
    rmSync(join(file, '..'), { recursive: true });
  });

  it('say so in the caption; a fence stands before the subject', async () => {
    const sprite = await readSprite(fox);
    const actor = { phrase: 'a fox', motion: 'still', place: 'whole', change: 'painted green' } as const;
    const scene = { actors: [actor], background: { colour: 'blue' }, fence: 'red' };
    expect(captionOf(scene)).toBe('a fox painted green stays still behind a red fence on a blue background');
    const at = poses(actor, 1, seeded('fence'));
    const clip = render([{ sprite, at }], plain('blue', 64), 64, 'red');
    for (const [from, to] of posts)
      for (let y = 0; y < 64; y++)
        for (let x = 2 * from; x < 2 * to; x++)
          expect([...clip.slice((y * 64 + x) * 3, (y * 64 + x) * 3 + 3)]).toEqual(colours.red);
  });
});

describe('motions', () => {
  const each = Object.keys(motions).flatMap((motion) =>
    Array.from({ length: 50 }, (_, seed) => ({
      motion,
      at: poses({ motion, place: 'whole' }, 16, seeded(motion, seed)),
    })),
  );

  it('are ten, and keep the subject inside the world', () => {
    expect(Object.keys(motions)).toHaveLength(10);
    for (const { motion, at } of each)
      for (const { x, y, size, angle } of at) {
        const half = angle === 0 ? size / 2 : size * Math.SQRT1_2;
        for (const v of [x - half, y - half]) expect(v, motion).toBeGreaterThanOrEqual(-1e-9);
        for (const v of [x + half, y + half]) expect(v, motion).toBeLessThanOrEqual(worldSide + 1e-9);
      }
  });

  it('keep two subjects in the halves that the caption gives them', () => {
    const halves = { left: 'sides', right: 'sides', top: 'bands', bottom: 'bands' } as const;
    for (const [name, half] of Object.entries(halves)) {
      const { left, top, width, height } = places[name as keyof typeof halves];
      for (const [motion, { halves }] of Object.entries(motions)) {
        if (!halves?.includes(half)) continue;
        for (let seed = 0; seed < 50; seed++)
          for (const { x, y, size, angle } of poses(
            { motion, place: name as keyof typeof places },
            16,
            seeded(motion, seed),
          )) {
            const reach = (angle === 0 ? size / 2 : size * Math.SQRT1_2) - 1e-9;
            expect(x - reach, `${motion} ${name}`).toBeGreaterThanOrEqual(left);
            expect(x + reach, `${motion} ${name}`).toBeLessThanOrEqual(left + width);
            expect(y - reach, `${motion} ${name}`).toBeGreaterThanOrEqual(top);
            expect(y + reach, `${motion} ${name}`).toBeLessThanOrEqual(top + height);
          }
      }
    }
  });

  it.each([
    ['left', -1, 0],
    ['right', 1, 0],
    ['up', 0, -1],
    ['down', 0, 1],
  ])('%s goes straight that way for at least 12 units', (name, dx, dy) => {
    for (const { at } of each.filter(({ motion }) => motion === name)) {
      const [first, last] = [at[0]!, at[15]!];
      const [x, y] = [last.x - first.x, last.y - first.y];
      expect(x * dx + y * dy).toBeGreaterThanOrEqual(12);
      expect(Math.abs(x * dy) + Math.abs(y * dx)).toBe(0);
    }
  });

  it('bounce touches the floor twice and rises at least 12 units', () => {
    for (const { at } of each.filter(({ motion }) => motion === 'bounce')) {
      const floor = worldSide - at[0]!.size / 2;
      expect(at.filter(({ y }) => Math.abs(y - floor) < 1e-6)).toHaveLength(2);
      expect(floor - Math.min(...at.map(({ y }) => y))).toBeGreaterThanOrEqual(12 - 1e-9);
    }
  });

  it('grow, shrink, spin, circle and still do what they say', () => {
    for (const { motion, at } of each) {
      const [first, last] = [at[0]!, at[15]!];
      if (motion === 'grow') expect(last.size).toBeGreaterThan(first.size * 1.9);
      if (motion === 'shrink') expect(last.size).toBeLessThan(first.size / 1.9);
      if (motion === 'spin') expect(last.angle).toBeCloseTo((2 * Math.PI * 15) / 16);
      if (motion === 'still') expect(last).toEqual(first);
      if (motion !== 'circle') continue;
      const centre = { x: (at[0]!.x + at[8]!.x) / 2, y: (at[0]!.y + at[8]!.y) / 2 };
      const radii = at.map(({ x, y }) => Math.hypot(x - centre.x, y - centre.y));
      for (const radius of radii) expect(radius).toBeCloseTo(radii[0]!);
    }
  });
});

describe('scenes', () => {
  it('are captioned in plain English', () => {
    const fox = { phrase: 'a fox', motion: 'left', place: 'whole' } as const;
    const owl = { phrase: 'an owl', motion: 'still', place: 'whole' } as const;
    const caption = (scene: Parameters<typeof captionOf>[0]) => expect(captionOf(scene));
    caption({ actors: [fox], background: { colour: 'blue' } }).toBe('a fox moves left on a blue background');
    caption({ actors: [owl], background: { colour: 'orange' } }).toBe('an owl stays still on an orange background');
    caption({ actors: [fox], background: { image: 'the bay of Dugibor' } }).toBe(
      'a fox moves left in front of the bay of Dugibor',
    );
    const pair = [
      { ...fox, place: 'top' },
      { ...owl, place: 'bottom' },
    ] as const;
    caption({ actors: [...pair], background: { colour: 'red' } }).toBe(
      'a fox moves left at the top and an owl stays still at the bottom, on a red background',
    );
  });

  it('draw the sprite where its pose says, whatever the resolution, and the background elsewhere', async () => {
    const sprite = await readSprite(fox);
    for (const side of [32, 128]) {
      const clip = render([{ sprite, at: [{ x: 22, y: 9, size: 16, angle: 0 }] }], plain('blue', side), side);
      const [cx, cy, mass] = centroid(clip, side, plain('blue', side));
      const unit = side / worldSide;
      expect(cx / unit).toBeCloseTo(22, 0);
      expect(cy / unit).toBeCloseTo(9, 0);
      expect(mass / unit / unit).toBeGreaterThan(100);
      expect([...clip.slice(0, 3)]).toEqual(colours.blue);
    }
  });

  it('turn a sprite by a quarter as sharp and exact as its pixels moved', async () => {
    const sprite = { width: 2, height: 1, pixels: new Float32Array([255, 0, 0, 1, 0, 255, 0, 1]) };
    const [upright, turned] = [0, Math.PI / 2].map((angle) =>
      render([{ sprite, at: [{ x: 16, y: 16, size: 16, angle }] }], plain('black', 32), 32),
    );
    const at = (clip: Uint8ClampedArray, x: number, y: number) => [
      ...clip.slice((y * 32 + x) * 3, (y * 32 + x) * 3 + 3),
    ];
    // Clockwise: what was to the right is now below.
    for (const [x, y] of [
      [-7, 0],
      [3, 1],
      [5, -2],
    ] as const)
      expect(at(turned!, 16 - y - 1, 16 + x)).toEqual(at(upright!, 16 + x, 16 + y));
  });

  it('leave out backgrounds on which the subject would not be seen', () => {
    const flat = (rgb: readonly number[]) => ({ width: 1, height: 1, pixels: new Float32Array([...rgb, 1]) });
    for (const [name, rgb] of Object.entries(colours)) {
      expect(stands(flat(rgb), rgb), name).toBe(false);
      for (const [other, background] of Object.entries(colours))
        if (other !== name) expect(stands(flat(rgb), background), `${name} on ${other}`).toBe(true);
    }
  });
});

describe('wordings', () => {
  const { trained, new: unseen } = wordings;
  const forms = ({ verbs }: typeof trained) =>
    Object.values(verbs).flatMap((some) => some.flatMap((verb) => [...verb]));

  it('say each motion, and no form of one set is a form of the other', () => {
    for (const wording of [trained, unseen]) {
      expect(Object.keys(wording.verbs).sort()).toEqual(Object.keys(motions).sort());
      expect(Object.keys(wording.whereabouts).sort()).toEqual(Object.keys(places).sort());
      expect(new Set(forms(wording)).size).toBe(forms(wording).length);
    }
    const plainForms = Object.values(motions).map(({ verb }) => verb);
    for (const form of forms(unseen)) expect([...forms(trained), ...plainForms]).not.toContain(form);
    for (const background of unseen.backgrounds) expect(trained.backgrounds).not.toContain(background);
    for (const [place, some] of Object.entries(unseen.whereabouts))
      if (place !== 'whole') for (const where of some) expect(trained.whereabouts[place]).not.toContain(where);
    const sentencesOf = ({ sentences }: typeof trained) =>
      sentences.map((sentence) => sentence([{ subject: 'S', verb: ['V', 'VING'], where: '' }], ' and ', 'B'));
    for (const sentence of sentencesOf(unseen)) expect(sentencesOf(trained)).not.toContain(sentence);
  });

  it('keep what the clip shows: subjects, places, colours, changes, fences, and a movement of its own', () => {
    for (const wording of [trained, unseen])
      for (let n = 0; n < 100; n++) {
        const fox = { phrase: 'a fox', motion: 'left', place: 'top', change: 'painted red' } as const;
        const owl = { phrase: 'an owl', motion: 'still', place: 'bottom' } as const;
        const two = reworded(seeded(n), wording, { actors: [fox, owl], background: { colour: 'orange' } });
        expect(two).toMatch(/a fox painted red .*(?:left|leftwards).* an owl .*(?:still|mov|stay|stand)/);
        expect(two).toMatch(/\b(?:an|plain) orange\b/);
        const own = { phrase: 'a fox', motion: 'wander', place: 'whole', verb: 'wanders' } as const;
        const background = { image: 'the bay of Dugibor' };
        const told = reworded(seeded(n), wording, { actors: [own], background, fence: 'red' });
        expect(told).toContain('wanders');
        expect(told).toContain('behind a red fence');
        expect(told).toContain('in front of the bay of Dugibor');
      }
  });
});

describe('subjects', () => {
  it('are some 820, about 15 % of them held out, whole families at a time', async () => {
    const entities = await readEntities();
    const held = entities.filter(({ code }) => isHeldOut(code));
    expect(held.length / entities.length).toBeGreaterThan(0.1);
    expect(held.length / entities.length).toBeLessThan(0.2);
    const outcomes = new Map<string, Set<boolean>>();
    for (const { code } of entities) {
      const base = code.split('-')[0]!;
      outcomes.set(base, (outcomes.get(base) ?? new Set()).add(isHeldOut(code)));
    }
    for (const [base, outcome] of outcomes) expect(outcome.size, base).toBe(1);
    expect(new Set(entities.map(({ phrase }) => phrase)).size).toBe(entities.length);
  });
});

it('stills of a second style come from its folder, with its source and licence', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-art-'));
  try {
    mkdirSync(join(folder, 'img/twitter/64'), { recursive: true });
    copyFileSync(fox, join(folder, 'img/twitter/64/1f98a.png'));
    const entity = { code: '1f98a', name: 'fox', phrase: 'a fox', group: 'animals' as const };
    expect(await addStill(folder, entity, folder, arts.twitter)).toEqual({
      ...{ uri: join(folder, 'fox.png'), caption: 'a fox', source: 'twemoji:1f98a', licence: 'CC-BY-4.0' },
    });
    await expect(addStill(folder, entity, folder)).rejects.toThrow('img/google/64');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('backgrounds', () => {
  it('are some 200 images of one name each, no two alike, some of them held out', async () => {
    const backgrounds = await readBackgrounds();
    expect(new Set(backgrounds.map(({ phrase }) => phrase)).size).toBe(backgrounds.length);
    const held = backgrounds.filter(isBackgroundHeldOut).length / backgrounds.length;
    expect(held).toBeGreaterThan(0.1);
    expect(held).toBeLessThan(0.25);
    const drawn = backgrounds.filter(({ code }) => !code);
    const images = await Promise.all(drawn.map((background) => readBackground('', background, 16)));
    expect(new Set(images.map(String)).size).toBe(drawn.length);
    expect(await readBackground('', drawn[0]!, 16)).toEqual(images[0]);
  });
});

describe('its README', () => {
  it('says how many there are', async () => {
    const text = readFileSync('examples/world/README.md', 'utf8');
    const [entities, backgrounds] = [await readEntities(), await readBackgrounds()];
    const held = [entities.filter(({ code }) => isHeldOut(code)), backgrounds.filter(isBackgroundHeldOut)];
    expect(text).toContain(`${entities.length} subjects (`);
    expect(text).toContain(`${backgrounds.length} images for backgrounds`);
    expect(text).toContain(`${held[0]!.length} subjects and ${held[1]!.length} images`);
    // Of a held-out world all; emoji that fill their square are subjects and images.
    const stills = new Set([
      ...entities.map(({ code }) => code),
      ...backgrounds.map(({ code, phrase }) => code ?? phrase),
    ]);
    expect(text).toContain(`all ${stills.size} stills, 240 clips of the ${held[0]!.length} held-out subjects`);
  });
});

describe('make', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vimi-world-'));
  const sprites = join(dir, 'package');

  beforeAll(async () => {
    // The art itself is not in the repository: one fox stands for every subject.
    mkdirSync(join(sprites, 'img/google/64'), { recursive: true });
    for (const { code } of await readEntities()) copyFileSync(fox, join(sprites, 'img/google/64', `${code}.png`));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const make = (place: string, ...more: string[]) => {
    mkdirSync(join(dir, place));
    const args = [resolve('examples/world/make.mjs'), '--sprites', sprites, '--out', 'world', ...more];
    execFileSync(process.execPath, args, { cwd: join(dir, place), stdio: 'pipe' });
    return join(dir, place, 'world');
  };
  interface Told {
    subject?: string;
    motion?: string;
    colour?: string;
    poses?: number[][];
    subjects: { entity: string; phrase: string; motion: string; place: keyof typeof places; poses: number[][] }[];
    background: { colour: string } | { image: string };
  }
  const truth = (world: string) =>
    readFileSync(join(world, 'truth.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Told);

  it('makes the same bytes from the same seed, others from another, and the beginning of a longer world', () => {
    const hashes = (world: string) =>
      readdirSync(join(world, 'clips')).map((f) => `${f} ${hash(readFileSync(join(world, 'clips', f)))}`);
    const first = make('first', '--clips', '5');
    const again = make('again', '--clips', '5');
    expect(hashes(again)).toEqual(hashes(first));
    expect(readFileSync(join(again, 'media.jsonl'))).toEqual(readFileSync(join(first, 'media.jsonl')));
    expect(hashes(make('longer', '--clips', '8')).slice(0, 10)).toEqual(hashes(first));
    expect(hashes(make('other', '--clips', '5', '--seed', '2'))).not.toEqual(hashes(first));
    // The same clips in other words: each MP4 is the same, and no caption.
    const said = hashes(make('said', '--clips', '5', '--reworded', '1', '--wording', 'new'));
    expect(said.filter((line) => hashes(first).includes(line)).map((line) => line.slice(5, 9))).toEqual(
      Array(5).fill('.mp4'),
    );

    const sources = readFileSync(join(first, 'media.jsonl'), 'utf8').match(/noto:[\da-f-]+/g)!;
    expect(sources.length).toBeGreaterThan(600);
    const shown = truth(first).flatMap(({ subjects }) => subjects.map(({ entity }) => entity));
    for (const code of [...sources.map((source) => source.slice('noto:'.length)), ...shown])
      expect(isHeldOut(code), code).toBe(false);
  });

  it('shows held-out subjects and backgrounds only when asked, and what the truth says is on the frames', async () => {
    const world = make('held', '--clips', '12', '--two', '0.3', '--images', '0.2', '--three', '0.3', '--held-out');
    const told = truth(world);
    expect(told.flatMap(({ subjects }) => subjects).filter(({ entity }) => !isHeldOut(entity))).toEqual([]);
    expect(new Set(told.map(({ subjects, background }) => `${subjects.length} ${Object.keys(background)}`)).size).toBe(
      4,
    );
    const backgrounds = await readBackgrounds();
    for (const [n, { subjects, background, colour, poses }] of told.entries()) {
      if (subjects.length === 1 && 'colour' in background)
        expect({ colour, poses }).toEqual({ colour: background.colour, poses: subjects[0]!.poses });
      const raw = execFileSync(ffmpeg, decode(join(world, 'clips', `${String(n).padStart(5, '0')}.mp4`)));
      expect(raw).toHaveLength(16 * 64 * 64 * 3);
      const shown = 'image' in background && backgrounds.find(({ phrase }) => phrase === background.image)!;
      if (shown) expect(isBackgroundHeldOut(shown), shown.phrase).toBe(true);
      const pixels = shown
        ? await readBackground(sprites, shown, 64)
        : plain('colour' in background ? background.colour : '', 64);
      for (const { place, poses } of subjects)
        for (const [f, [x, y]] of poses.entries()) {
          const [cx, cy] = centroid(raw.subarray(f * 12288, (f + 1) * 12288), 64, pixels, places[place]);
          expect(Math.hypot(cx / 2 - x!, cy / 2 - y!), `clip ${n}, frame ${f}`).toBeLessThan(shown ? 5 : 1.5);
        }
    }
  });

  it('keeps the colours of a subject when a clip is read at half its side', async () => {
    const sprite = await readSprite(fox);
    const errors = [32, 64].map(async (side) => {
      const at = [{ x: 16, y: 16, size: 18, angle: 0 }];
      const mp4 = join(dir, `${side}.mp4`);
      await writeMp4(mp4, render([{ sprite, at }], plain('blue', side), side), { side, fps: 8, crf: 10 });
      const halved = ['-vf', 'scale=32:32:flags=area+full_chroma_int+full_chroma_inp'];
      const raw = execFileSync(ffmpeg, [...decode(mp4).slice(0, 4), ...halved, ...decode(mp4).slice(4)]);
      const meant = render([{ sprite, at }], plain('blue', 32), 32);
      return meant.reduce((sum, v, i) => sum + Math.abs(v - raw[i]!), 0) / meant.length;
    });
    const [small, large] = await Promise.all(errors);
    expect(large).toBeLessThan(2);
    expect(small).toBeGreaterThan(2 * large!);
  });

  it('says how it is used when it is used wrongly', () => {
    expect(() => execFileSync(process.execPath, ['examples/world/make.mjs'], { stdio: 'pipe' })).toThrow(/Usage: node/);
  });
});

describe('fluent', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vimi-fluent-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const side = 40;

  /** A disc that goes from the left to the right, or stands, one frame each 100 ms. */
  async function animation(file: string, frames: number) {
    const data = Buffer.alloc(frames * side * side * 4);
    for (let p = 0; p < frames * side * side; p++) {
      const [x, y, frame] = [p % side, Math.floor(p / side) % side, Math.floor(p / side / side)];
      const centre = 10 + (20 * frame) / Math.max(1, frames - 1);
      if (Math.hypot(x - centre, y - 20) < 8) data.set([250, 120, 20, 255], p * 4);
    }
    const raw = { width: side, height: frames * side, channels: 4, pageHeight: side } as const;
    const delay = Array(frames).fill(100);
    await sharp(data, { raw })
      .webp({ lossless: true, delay, loop: 0 })
      .toFile(join(dir, 'package/assets', file));
  }

  it('makes a clip of each whole second, an image with a name, and keeps the held-out ones apart', async () => {
    mkdirSync(join(dir, 'package/assets'), { recursive: true });
    const entities = await readEntities();
    const [seen, held] = [false, true].map((out) => entities.find(({ code }) => isHeldOut(code) === out)!);
    await animation(`${seen!.code.replace('-fe0f', '')}.webp`, 25);
    await animation(`${held!.code}.webp`, 12);
    await animation(`${entities.find(({ code }) => !isHeldOut(code) && code !== seen!.code)!.code}.webp`, 1);
    await animation('1f3c3-1f3fb.webp', 12); // a skin tone
    const make = (place: string, ...more: string[]) => {
      const args = [resolve('examples/world/fluent.mjs'), '--animations', 'package', '--out', place, ...more];
      execFileSync(process.execPath, args, { cwd: dir, stdio: 'pipe' });
      const lines = readFileSync(join(dir, place, 'media.jsonl'), 'utf8')
        .trimEnd()
        .split('\n');
      return lines.map((line) => JSON.parse(line) as { uri: string; caption: string; source: string });
    };
    const [still, ...clips] = make('world');
    expect(still).toMatchObject({ caption: seen!.phrase, source: `fluent:${seen!.code.replace('-fe0f', '')}` });
    expect(clips.map(({ caption }) => caption.replace(/ an? \w+ background$/, ''))).toEqual(
      Array(2).fill(`${seen!.phrase}, animated, on`),
    );
    const [first, last] = clips.map(({ uri }) => {
      const raw = execFileSync(ffmpeg, decode(join(dir, uri)));
      expect(raw).toHaveLength(16 * 64 * 64 * 3);
      const colour = /(\w+) background/.exec(clips.find((clip) => clip.uri === uri)!.caption)![1]!;
      const xs = [0, 15].map((f) => centroid(raw.subarray(f * 12288, (f + 1) * 12288), 64, plain(colour, 64))[0]);
      return xs as [number, number];
    });
    // It goes on from second to second.
    expect(first![1] - first![0]).toBeGreaterThan(5);
    expect(last![0]).toBeGreaterThan(first![1] - 2);
    expect(last![1] - last![0]).toBeGreaterThan(5);

    expect(make('other', '--held-out').map(({ caption }) => caption.split(',')[0])).toEqual([
      held!.phrase,
      held!.phrase,
    ]);
  });
});

const decode = (file: string) => ['-loglevel', 'error', '-i', file, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'];

const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Where, within a place, the pixels lie that differ from the background: mean x, mean y, and how many. */
function centroid(
  frame: Uint8Array | Uint8ClampedArray,
  side: number,
  background: Float32Array,
  { left, top, width, height } = places.whole,
) {
  const unit = side / worldSide;
  let [x, y, n] = [0, 0, 0];
  for (let row = top * unit; row < (top + height) * unit; row++)
    for (let column = left * unit; column < (left + width) * unit; column++) {
      const at = (row * side + column) * 3;
      if (Math.hypot(...[0, 1, 2].map((c) => background[at + c]! - frame[at + c]!)) < 40) continue;
      x += column + 0.5;
      y += row + 0.5;
      n++;
    }
  return [x / n, y / n, n] as const;
}
