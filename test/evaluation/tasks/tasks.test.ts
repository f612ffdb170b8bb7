import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InProcessPipeline } from '../../../src/app/in-process-pipeline.js';
import { systemClock } from '../../../src/core/clock.js';
import { fillCorpus, makeDocument, asReference as storeReference } from '../../../src/evaluation/documents.js';
import { drawOnce } from '../../../src/evaluation/draw-once.js';
import { backgroundColour, plain } from '../../../src/evaluation/metrics/background.js';
import { motionOf } from '../../../src/evaluation/metrics/motion.js';
import { movements as movementForms } from '../../../src/evaluation/metrics/movement.js';
import { worldFrames } from '../../../src/evaluation/metrics/world-frames.js';
import { Oracle } from '../../../src/evaluation/oracle.js';
import { type Cell, markdown, type Report } from '../../../src/evaluation/report.js';
import { evaluateAblation } from '../../../src/evaluation/tasks/ablation.js';
import { evaluateBases } from '../../../src/evaluation/tasks/bases.js';
import { evaluateCandidates } from '../../../src/evaluation/tasks/candidates.js';
import { evaluateChanges } from '../../../src/evaluation/tasks/changes.js';
import { evaluateCoherence } from '../../../src/evaluation/tasks/coherence.js';
import { conditions } from '../../../src/evaluation/tasks/conditions.js';
import { evaluateCopying } from '../../../src/evaluation/tasks/copying.js';
import { evaluateGrounding } from '../../../src/evaluation/tasks/grounding.js';
import { evaluateMotionStart } from '../../../src/evaluation/tasks/motion-start.js';
import { evaluateMovements } from '../../../src/evaluation/tasks/movements.js';
import { evaluatePrediction } from '../../../src/evaluation/tasks/prediction.js';
import { evaluateSubject } from '../../../src/evaluation/tasks/subject.js';
import { readWorld, type World } from '../../../src/evaluation/world-folder.js';
import { createEmbedder } from '../../../src/models/encoders/built-in/embedder.js';
import type { Denoiser, RgbImage } from '../../../src/models/ports.js';
import { operators } from '../../../src/operators/index.js';
import type { Corpus } from '../../../src/stores/corpus/corpus.js';
import { openCorpus } from '../../../src/stores/corpus/index/open-corpus.js';
import { noJobs } from '../../../src/stores/jobs/jobs.js';
import { memoryObjects } from '../../../src/stores/objects/memory.js';
import { noRemovals } from '../../../src/stores/removals/removals.js';
import { readTopology } from '../../../src/streams/topology/read-topology.js';
import { only, quietLog } from '../../operators/run-operator.js';
import { backgrounds, codeOf, drawFrame, posesOf, sprite, verb, videoOf, writeWorld } from '../synthetic-world.js';
import { copyingImages, copyingModel, inHalf, nearest } from './copying-model.js';

/*
 * The evaluations around a model of which it is known what they must find: it copies what it is shown. Prompts go through
 * the operators of the topology that ships, retrieval through a real index.
 */

const subjectCount = 12;
const patience = 240_000;
const signal = new AbortController().signal;

let folder: string;
let world: World;
let corpus: Corpus;
let serving: InProcessPipeline;
let servingOf: (denoiser: Denoiser, drawing?: object, searched?: Corpus) => InProcessPipeline;
const model = copyingModel(subjectCount);
const objects = memoryObjects();
const embedder = createEmbedder();

const documentOf = (code: string) => makeDocument(world.stills.get(code)!, { objects, embedder });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vimi-evaluation-'));
  const half = (motion: string, place: string) => posesOf(motion, 8).map((pose) => inHalf(pose, place));
  await writeWorld(join(folder, 'world'), subjectCount, [
    { subjects: [{ k: 1, motion: 'left' }], background: 'white' },
    { subjects: [{ k: 4, motion: 'grow' }], background: 'black' },
    { subjects: [{ k: 9, motion: 'circle' }], background: 'grey' },
    {
      subjects: [
        { k: 2, motion: 'right', place: 'top', poses: half('right', 'top') },
        { k: 7, motion: 'left', place: 'bottom', poses: half('left', 'bottom') },
      ],
      background: 'white',
    },
  ]);
  world = await readWorld(join(folder, 'world'));
  corpus = await openCorpus({ folder: join(folder, 'index'), embedder, log: quietLog });
  const documents = await Promise.all([...world.stills.keys()].map(documentOf));
  await fillCorpus(
    corpus,
    documents.map(({ document }) => document),
    () => {},
  );
  const file = fileURLToPath(new URL('../../../topology.yaml', import.meta.url));
  const env = { KAFKA_BROKERS: 'none', S3_ENDPOINT: 'http://none', S3_ACCESS_KEY: 'none', S3_SECRET_KEY: 'none' };
  const topology = await readTopology(file, { env, operators });
  const pipeline = topology.pipelines.find(({ name }) => name === 'generate')!;
  const withDrawing = (drawing: object) => ({
    ...pipeline,
    steps: pipeline.steps.map((step) =>
      step.operator.name === 'denoise' ? { ...step, config: { ...step.config, ...drawing } } : step,
    ),
  });
  servingOf = (denoiser, drawing = {}, searched = corpus) =>
    new InProcessPipeline(withDrawing(drawing), {
      ...{
        objects,
        corpus: searched,
        embedder,
        clock: systemClock,
        log: quietLog,
        workDir: folder,
        mediaRoots: [],
        mediaHosts: [],
        topologyFolder: '.',
      },
      models: only(drawOnce(denoiser)),
      ...{ pipeline: 'generate', jobs: noJobs, removals: noRemovals, announce: async () => {} },
    });
  serving = servingOf(model);
}, patience);
afterAll(async () => {
  await serving.close();
  await corpus.close();
  await rm(folder, { recursive: true, force: true });
});

async function setting() {
  return {
    ...{ serving, model: await model.describe(), n: 3, seed: 1, steps: [undefined], guidance: [undefined] },
    ...{ atOnce: 2, signal, onProgress: () => {}, worlds: [{ name: 'small', world }] },
  };
}

/** The mean in a row's column. */
function cell({ tables }: Report, table: number, row: RegExp, column: string): number {
  const { columns, rows } = tables[table]!;
  const found = rows.find((cells) => row.test(cells.filter((one) => typeof one === 'string').join(' ')));
  const value = found?.[columns.indexOf(column)] as Exclude<Cell, string | number>;
  return 'share' in value ? value.share.mean : value.value.mean;
}

test(
  'grounding: a model that copies is right with the true context, misled by a wrong one, and blind without',
  async () => {
    const oracle = await Oracle.of([world], signal);
    const report = await evaluateGrounding({
      ...(await setting()),
      oracle,
      conditions,
      documentOf,
      documents: subjectCount,
      wrongContexts: [0, 67, 100],
    });
    expect(cell(report, 0, /true clips/, 'appearance rank-1')).toBe(1);
    expect(cell(report, 0, /true clips/, 'motion: all')).toBe(1);
    expect(cell(report, 0, /small true$/, 'appearance rank-1')).toBe(1);
    expect(cell(report, 0, /small live/, 'appearance rank-1')).toBe(1);
    expect(cell(report, 0, /small live$/, 'document found')).toBe(1);
    expect(cell(report, 0, /small true$/, 'document found')).toBeNaN();
    expect(cell(report, 0, /small wrong/, 'appearance rank-1')).toBe(0);
    expect(cell(report, 0, /small none/, 'appearance rank-1')).toBe(0);
    for (const condition of conditions) {
      expect(cell(report, 0, new RegExp(`small ${condition}$`), 'motion: all')).toBe(1);
      expect(cell(report, 0, new RegExp(`small ${condition}$`), 'background')).toBe(1);
    }
    // The baseline knows what it is given, and of what is asked the verb and the background.
    for (const [condition, look] of [
      ['true', 1],
      ['live', 1],
      ['wrong', 0],
    ] as const) {
      const row = new RegExp(`small ${condition}, pasted`);
      expect(cell(report, 0, row, 'appearance rank-1')).toBe(look);
      expect(cell(report, 0, row, 'motion: all')).toBe(1);
      expect(cell(report, 0, row, 'background')).toBe(1);
    }
    for (const row of [/true clips/, /small true$/]) {
      expect(cell(report, 1, row, 'sharpness, odd of even')).toBeGreaterThan(0.8);
      expect(cell(report, 1, row, 'likeness, odd')).toBeGreaterThan(0.9);
    }
    // Who only copies loses the subject with the context, and nothing else: 0, 2 and 3 of 3 clips have a wrong one.
    for (const by of ['the model', 'pasted without a net'])
      for (const [share, look] of [
        ['0 %', 1],
        ['67 %', 1 / 3],
        ['100 %', 0],
      ] as const) {
        const row = new RegExp(`^${by} ${share}`);
        expect(cell(report, 2, row, 'appearance rank-1'), `${by}, ${share}`).toBeCloseTo(look, 9);
        expect(cell(report, 2, row, 'all four'), `${by}, ${share}`).toBeCloseTo(look, 9);
        expect(cell(report, 2, row, 'motion'), `${by}, ${share}`).toBe(1);
      }
    expect(cell(report, 2, /^the model no context/, 'appearance rank-1')).toBe(0);
    expect(cell(report, 2, /^the model 67 %/, 'motion, against no context')).toBe(0);
    // Whose document is missing is drawn as without context: retrieval takes no other for it.
    expect(cell(report, 5, /small/, 'another document')).toBe(0);
    expect(cell(report, 3, /^the model 67 %/, 'appearance rank-1')).toBeCloseTo(1 / 3, 9);
    expect(cell(report, 3, /^the model 100 %/, 'motion, against no context')).toBe(0);
    expect(cell(report, 4, /small/, 'in the prompt')).toBe(1);
    for (const by of ['the model', 'pasted without a net'])
      expect(cell(report, 6, new RegExp(`small ${by}`), 'appearance rank-1')).toBe(1);
    // What retrieval found is what was given: those videos were not drawn again.
    expect(report.records).toHaveLength(15);
    expect(model.inputs).toHaveLength(9);
    expect(report.sheets.map(({ name }) => name).sort()).toEqual(conditions.map((name) => `small-${name}`).sort());
    expect(report.sheets[0]!.rows[0]!.images).toHaveLength(1 + 8 + 8);
    expect(markdown(report, { seed: 1 })).toContain('| small | true | 4 | 1 | 3 | 100 % [29, 100] |');
  },
  patience,
);

test(
  'changes: a model that copies moves its subject right, and changes nothing; true clips are all as asked',
  async () => {
    await writeWorld(join(folder, 'changes'), subjectCount, [
      { subjects: [{ k: 1, motion: 'left' }], background: 'white' },
      { subjects: [{ k: 4, motion: 'down' }], background: 'black' },
      { subjects: [{ k: 9, motion: 'left' }], background: 'grey' },
      { subjects: [{ k: 3, motion: 'right', change: 'upside down' }], background: 'grey' },
      { subjects: [{ k: 5, motion: 'up', change: 'as a miniature' }], background: 'white' },
      { subjects: [{ k: 8, motion: 'right' }], background: 'grey', fence: 'black' },
    ]);
    const changes = await readWorld(join(folder, 'changes'));
    const report = await evaluateChanges({
      ...{ ...(await setting()), worlds: [{ name: 'small', world: changes }], documentOf },
      oracle: await Oracle.of([changes], signal),
    });
    for (const [kind, n] of [
      ['appearance', 2],
      ['fence', 1],
    ] as const) {
      expect(report.records.filter((row) => row.kind === kind && row.drawnBy === 'the model')).toHaveLength(n);
      const row = (by: string) => new RegExp(`small ${kind} ${by}`);
      expect(cell(report, 0, row('true'), 'all'), kind).toBe(1);
      for (const by of ['the model', 'pasted']) {
        expect(cell(report, 0, row(by), 'as asked'), `${kind}, ${by}`).toBe(0);
        expect(cell(report, 0, row(by), 'motion'), `${kind}, ${by}`).toBe(1);
        expect(cell(report, 0, row(by), 'background'), `${kind}, ${by}`).toBe(1);
        expect(cell(report, 0, row(by), 'all'), `${kind}, ${by}`).toBe(0);
      }
    }
    expect(cell(report, 0, /small fence the model/, 'appearance rank-1')).toBe(1);
  },
  patience,
);

test(
  'prediction: copying the first frame is the measure of 100 %, and text alone draws another subject',
  async () => {
    const report = await evaluatePrediction({ ...(await setting()), oracle: await Oracle.of([world], signal) });
    expect(cell(report, 0, /copy/, 'MSE against copying')).toBe(1);
    expect(cell(report, 0, /copy/, 'motion: all')).toBe(0);
    expect(cell(report, 0, /model, first frame/, 'motion: all')).toBe(1);
    expect(cell(report, 0, /pasted without a net/, 'motion: all')).toBe(1);
    expect(cell(report, 0, /pasted without a net/, 'MSE against copying')).toBeLessThan(0.5);
    const last = model.inputs.filter(({ prompt }) => prompt.task === 'prediction').at(-1)!;
    expect(last.prompt.parts.map((part) => ('text' in part ? 'text' : part.role))).toEqual(['text', 'first-frame']);
  },
  patience,
);

test(
  'subject: two subjects, each in its place; exchanged they are wrong',
  async () => {
    const oracle = await Oracle.of([world], signal);
    const report = await evaluateSubject({ ...(await setting()), oracle });
    const both = 'all appearances right, in their places';
    for (const images of ['one subject', 'two subjects'])
      for (const how of ['true clips', '4 steps, guidance 1'])
        expect(cell(report, 0, new RegExp(`${images} ${how}`), both), `${images}, ${how}`).toBe(1);
    // Who copies follows its images; in the places of the true clip each would be mistaken for the other.
    expect(cell(report, 0, /two subjects, exchanged 4 steps/, both)).toBe(1);
    expect(cell(report, 0, /two subjects, exchanged 4 steps/, 'mistaken, each')).toBe(0);
    const { prompt } = model.inputs.find(
      ({ prompt: { parts } }) => parts.filter((part) => 'pixels' in part).length > 1,
    )!;
    expect(prompt.task).toBe('subject-driven');
    expect(prompt.parts.map((part) => ('text' in part ? part.text : part.role))).toEqual([
      ...['a', 'subject', 'moves right at the top and a', 'subject'],
      'moves left at the bottom on a white background',
    ]);
    const pair = world.clips[3]!;
    const [first, second] = pair.actors;
    const exchanged = {
      ...pair,
      actors: [
        { ...first!, subject: second!.subject },
        { ...second!, subject: first!.subject },
      ],
    };
    const wrong = { ...world, clips: [exchanged] };
    const misjudged = await evaluateSubject({
      ...(await setting()),
      oracle,
      worlds: [{ name: 'wrong', world: wrong }],
    });
    expect(cell(misjudged, 0, /two subjects true clips/, both)).toBe(0);
    expect(cell(misjudged, 0, /two subjects true clips/, 'mistaken, each')).toBe(1);
  },
  patience,
);

test(
  'coherence: a subject that only moves keeps its appearance; frames of several videos in turn do not',
  async () => {
    const report = await evaluateCoherence({ ...(await setting()), documentOf });
    expect(cell(report, 0, /guidance 1$/, 'kept to the next frame')).toBeGreaterThan(0.9);
    expect(cell(report, 0, /in turn/, 'kept to the next frame')).toBeLessThan(0.8);
    expect(cell(report, 0, /true clips/, 'kept over half a clip')).toBeGreaterThan(0.8);
  },
  patience,
);

test(
  'bases: whoever copies follows the base that retrieval searches',
  async () => {
    // The same names, each with the image of the next subject.
    const stills = [...world.stills.values()];
    const swapped = stills.map(({ code, caption, source }, i) => ({
      ...{ code, caption, source, file: stills[(i + 1) % stills.length]!.file },
    }));
    const other = { ...world, stills: new Map(swapped.map((still) => [still.code, still])) };
    const otherDocument = (code: string) => makeDocument(other.stills.get(code)!, { objects, embedder });
    const otherCorpus = await openCorpus({ folder: join(folder, 'other'), embedder, log: quietLog });
    const documents = await Promise.all([...other.stills.keys()].map(otherDocument));
    await fillCorpus(
      otherCorpus,
      documents.map(({ document }) => document),
      () => {},
    );
    const from = servingOf(model, {}, otherCorpus);
    const { serving: _, worlds: __, ...rest } = await setting();
    const report = await evaluateBases({
      ...rest,
      bases: [
        { name: 'own', world, serving, documentOf, oracle: await Oracle.of([world], signal) },
        {
          name: 'swapped',
          world: other,
          serving: from,
          documentOf: otherDocument,
          oracle: await Oracle.of([other], signal),
        },
      ],
    });
    for (const base of ['own', 'swapped'])
      for (const by of ['the model', 'pasted without a net'])
        for (const column of ['document found', 'follows the base', 'appearance rank-1', 'motion', 'background'])
          expect(cell(report, 0, new RegExp(`^${base} ${by}`), column), `${base}, ${by}, ${column}`).toBe(1);
    await from.close();
    await otherCorpus.close();
  },
  patience,
);

test(
  'motion-start: the model gets the clip that moves as asked, and one that does not; without a verb the clip alone says how',
  async () => {
    const oracle = await Oracle.of([world], signal);
    // Moves as the clip does that it starts from, whatever the words say, and without a clip as they say.
    const follower: Denoiser = {
      ...model,
      generate: (input, options) => {
        if (!input.start) return model.generate(input, options);
        const { frames, width, height, data } = input.start.video;
        expect([frames, width, height]).toEqual([8, 32, 32]);
        const shown = worldFrames({ frames, width, height, data });
        const motion = motionOf(shown, plain(backgroundColour(shown))) as 'left';
        const follow = (text: string) =>
          text.replace(/(moves left|grows|circles) /, '').replace(/ on a/, ` ${verb(motion)} on a`);
        const parts = input.prompt.parts.map((part) => ('text' in part ? { text: follow(part.text) } : part));
        return model.generate({ ...input, prompt: { ...input.prompt, parts } }, options);
      },
    };
    const [served, fromClip] = [servingOf(follower), servingOf(follower, { motion_start: 10 })];
    // One more clip for each motion, of another subject.
    const { clips } = world;
    const twins = clips
      .slice(0, 3)
      .map((clip, i) => ({ ...clip, number: 10 + i, actors: [{ ...clip.actors[0]!, subject: codeOf(i) }] }));
    const report = await evaluateMotionStart({
      ...{ ...(await setting()), serving: served, oracle, documentOf, levels: [10] },
      worlds: [{ name: 'small', world: { ...world, clips: [...clips, ...twins] } }],
      servingAt: () => fromClip,
      store: async (mp4) => ({
        ...(await objects.put(`clips/${mp4.length}.mp4`, mp4, { mediaType: 'video/mp4' })),
        ...{ frames: 8, fps: 8, seconds: 1 },
      }),
    });
    await served.close();
    const of = (how: string, column: string) => cell(report, 0, new RegExp(`small ${how}`), column);
    expect(of('the caption, from noise alone', 'motion of the caption')).toBe(1);
    expect(of('no verb, from noise alone', 'motion of the caption')).toBe(0);
    expect(of('no verb, from a clip of its motion at 10', 'motion of the caption')).toBe(1);
    expect(of('no verb, from a clip of its motion at 10', 'motion of the start')).toBe(1);
    expect(of('the caption, from a clip of another motion at 10', 'motion of the start')).toBe(1);
    expect(of('the caption, from a clip of another motion at 10', 'motion of the caption')).toBe(0);
    expect(report.records).toHaveLength(3 * 5);
  },
  patience,
);

test(
  'movements: a model that follows the clip moves as the clip does, and as the words say only where the clip does',
  async () => {
    // In the middle of what it is shown, whatever the words say.
    const follower: Denoiser = {
      ...model,
      describe: async () => ({ ...(await model.describe()), path: 8 }),
      generate: async (input) => {
        const { path } = input.prompt;
        const image = input.prompt.parts.flatMap((part) => ('pixels' in part ? [part.pixels] : []))[0]!;
        const shown = sprite(nearest(image, subjectCount));
        const frames = Array.from({ length: 8 }, (_, t) => {
          const [x, y] = path ? [32 * path[2 * t]!, 32 * path[2 * t + 1]!] : [16, 16];
          return drawFrame([{ sprite: shown, pose: { x, y, size: 12, angle: 0 } }], backgrounds.grey);
        });
        return { video: videoOf(frames), seconds: 0 };
      },
    };
    const at = (name: string) =>
      Array.from({ length: 8 }, (_, t) => {
        const { x, y } = movementForms[name]!(t, 8);
        return { x: 16 + 8 * x, y: 16 + 8 * y, size: 12, angle: 0 };
      });
    const clipOf = (k: number, motion: string) => ({
      subjects: [{ k, motion, poses: at(motion) }],
      background: 'grey' as const,
    });
    await writeWorld(join(folder, 'movements'), subjectCount, [
      ...[clipOf(1, 'zigzag'), clipOf(4, 'zigzag'), clipOf(9, 'shake'), clipOf(2, 'shake')],
    ]);
    const moving = await readWorld(join(folder, 'movements'));
    const served = servingOf(follower);
    const oracle = await Oracle.of([moving], signal);
    const evaluated = (worlds: { name: string; world: World }[]) =>
      setting().then((usual) =>
        evaluateMovements({
          ...{ ...usual, serving: served, oracle, documentOf, n: 4, worlds },
          store: async (mp4) => ({
            ...(await objects.put(`clips/movement-${mp4.length}.mp4`, mp4, { mediaType: 'video/mp4' })),
            ...{ frames: 8, fps: 8, seconds: 1 },
          }),
        }),
      );
    const report = await evaluated([{ name: 'moving', world: moving }]);
    await expect(evaluated([{ name: 'small', world }])).rejects.toMatchObject({ code: 'MEDIA_NOT_FOUND' });
    await served.close();
    const of = (context: string, column: string) => cell(report, 0, new RegExp(`moving ${context}$`), column);
    expect(of('true clips', 'movement of the caption')).toBe(1);
    expect(of('no clip', 'movement of the caption')).toBe(0);
    expect(of('a clip of its movement', 'movement of the caption')).toBe(1);
    expect(of('a clip of another movement', 'movement of the caption')).toBe(0);
    expect(of('a clip of another movement', 'movement of the clip')).toBe(1);
    expect(of('a clip of its movement', 'appearance rank-1')).toBe(1);
  },
  patience,
);

test(
  'candidates: of a model that is right with one seed alone, more drafts find it, and cost as much more',
  async () => {
    const oracle = await Oracle.of([world], signal);
    const { n: _, ...rest } = await setting();
    // Every fourth seed draws what the image shows; the others, and a fifth of their steps, a subject of nobody.
    const lucky: Denoiser = {
      ...model,
      generate: async (input, options) => {
        const parts = input.prompt.parts.filter((part) => input.seed % 4 === 3 || 'text' in part);
        const { video } = await model.generate({ ...input, prompt: { ...input.prompt, parts } }, options);
        return { video, seconds: input.draft ?? input.steps };
      },
    };
    const served = servingOf(lucky);
    const report = await evaluateCandidates({
      ...{ ...rest, serving: served, n: 3, seed: 0, oracle, documentOf, counts: [1, 2, 4] },
    });
    await served.close();
    const [one, two, four] = [1, 2, 4].map((count) => report.tables[0]!.rows.find((cells) => cells[1] === count)!);
    const of = (row: Cell[], column: string) => {
      const found = row[report.tables[0]!.columns.indexOf(column)]!;
      return typeof found !== 'object' ? found : 'share' in found ? found.share.mean : found.value.mean;
    };
    for (const row of [one!, two!]) expect(of(row, 'appearance rank-1')).toBe(0);
    expect(of(four!, 'appearance rank-1')).toBe(1);
    expect(of(four!, 'appearance, difference')).toBe(1);
    // Of 4 steps a draft has 2: 4 + 4 * 2 against 4.
    expect(of(four!, 'times the cost')).toBe('3.0');
    expect(report.records.filter(({ candidates }) => candidates === 4).map(({ seed: one }) => one)).toEqual([3, 7, 11]);
  },
  patience,
);

test(
  'copying: whoever cuts the subject out copies its turn and nothing else; whoever lays the image in as it is copies all',
  async () => {
    const oracle = await Oracle.of([world], signal);
    const { n: _, ...rest } = await setting();
    const asReference = (document: Parameters<typeof storeReference>[1], image: RgbImage) =>
      storeReference(objects, document, image);
    // The three clips again and again, so that correlations have something to go by.
    const plain = world.clips.slice(0, 2);
    const many = Array.from({ length: 12 }, (_, i) => ({ ...plain[i % 2]!, number: i }));
    const worlds = [{ name: 'small', world: { ...world, clips: many } }];
    const copier = copyingImages();
    const served = servingOf(copier);
    const report = await evaluateCopying({
      ...{ ...rest, n: 12, worlds, oracle, documentOf, asReference },
      ...{ serving: served, model: await copier.describe() },
    });
    await served.close();
    const of = (by: string, column: string) => cell(report, 0, new RegExp(`small ${by}`), column);
    for (const column of ['place, across', 'place, down', 'size', 'turn'])
      expect(of('the model', column), column).toBeGreaterThan(0.9);
    expect(of('pasted', 'turn')).toBeGreaterThan(0.9);
    for (const column of ['place, across', 'place, down', 'size'])
      expect(Math.abs(of('pasted', column)), column).toBeLessThan(0.75);
  },
  patience,
);

test(
  'ablation: weights that look at images need documents, weights that do not are no better with them',
  async () => {
    const blind: Denoiser = {
      ...model,
      generate: (input, options) => {
        const parts = input.prompt.parts.filter((part) => 'text' in part);
        return model.generate({ ...input, prompt: { ...input.prompt, parts } }, options);
      },
    };
    const short: Denoiser = {
      ...model,
      describe: async () => {
        const { defaults, ...rest } = await model.describe();
        return { ...rest, defaults: { ...defaults, frames: 4, fps: 4 } };
      },
    };
    const denoisers: Record<string, Denoiser> = { sees: model, blind, short };
    const opened: string[] = [];
    const { seed, atOnce, onProgress, worlds } = await setting();
    const n = 2;
    const report = await evaluateAblation({
      ...{ n, seed, atOnce, onProgress, worlds, signal, documents: subjectCount, ks: [1, 3, 0] },
      oracle: await Oracle.of([world], signal),
      weights: Object.keys(denoisers),
      async withWeights(name, work) {
        opened.push(name);
        const asked = servingOf(denoisers[name]!);
        const result = await work({ serving: asked, model: await denoisers[name]!.describe() });
        await asked.close();
        return result;
      },
    });
    expect(opened).toEqual(['sees', 'blind', 'short']);
    const at = (table: number, start: (string | number)[], column: string) => {
      const { columns, rows } = report.tables[table]!;
      const row = rows.find((cells) => start.every((one, i) => cells[i] === one))!;
      const value = row[columns.indexOf(column)]!;
      if (typeof value !== 'object') return value;
      const { mean, n: pairs } = 'share' in value ? value.share : value.value;
      return pairs === 0 ? null : mean;
    };
    const look = 'appearance rank-1';
    const [shown, predicted] = ['subject-driven: appearance rank-1', 'prediction: error against copying'];
    const found = (name: string, k: number, column: string) => at(0, ['small', name, k], column);
    expect(at(0, ['small', 'true clips: the ceiling'], look)).toBe(1);
    for (const [name, right] of [
      ['sees', 1],
      ['blind', 0],
      ['short', 1],
    ] as const) {
      expect(found(name, 1, look), name).toBe(right);
      expect(found(name, 0, look), name).toBe(0);
      expect(found(name, 1, shown), name).toBe(right);
      expect(found(name, 0, shown), name).toBeNull();
      for (const k of [0, 1, 3]) {
        expect(found(name, k, 'in the prompt')).toBe(Math.min(1, k));
        expect(found(name, k, 'background')).toBe(1);
      }
    }
    // One thing is another at a time: the weights at the same k, or k on the same weights.
    expect(report.tables[1]!.rows).toHaveLength(2 * 3 + 3 * 2);
    expect(at(1, ['small', 'blind', 1, 'sees'], look)).toBe(-1);
    expect(at(1, ['small', 'blind', 0, 'sees'], look)).toBe(0);
    expect(at(1, ['small', 'sees', 0, 'k = 1'], look)).toBe(-1);
    expect(at(1, ['small', 'blind', 1, 'sees'], shown)).toBe(-1);
    // Errors of fewer frames are no pairs of these.
    const [blindly, seeing] = ['blind', 'sees'].map((name) => Number(found(name, 1, predicted)));
    expect(blindly).not.toBe(seeing);
    expect(at(1, ['small', 'blind', 1, 'sees'], predicted)).toBeCloseTo(blindly! - seeing!, 12);
    expect(at(1, ['small', 'short', 1, 'sees'], predicted)).toBeNull();
    expect(at(1, ['small', 'short', 1, 'sees'], look)).toBe(0);
    // A caption names one subject, so the pipeline takes no second document: who reads the table is told.
    expect(report.notes.some((note) => note.startsWith('k = 3 put the same'))).toBe(true);
    // Every weights: two clips, thrice from text, once each of the other tasks, of the same clips with the same noise.
    expect(report.records).toHaveLength(3 * n * 5);
    for (const name of opened)
      expect(
        report.records
          .filter(({ weights, k }) => weights === name && k === 1)
          .map(({ clip, seed: one }) => [clip, one]),
      ).toEqual(
        report.records.filter(({ weights, k }) => weights === 'sees' && k === 0).map((row) => [row.clip, row.seed]),
      );
    expect(report.sheets.map(({ name, rows }) => [name, rows.length])).toEqual([['small', n * (1 + 9)]]);
  },
  patience,
);
