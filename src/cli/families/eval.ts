import { type Command, Option } from 'commander';
import { modelName } from '../../app/model-name.js';
import { VimiError } from '../../core/errors.js';
import { pixelScales } from '../../evaluation/features/net-input.js';
import { conditions } from '../../evaluation/tasks/conditions.js';
import { servingBackends } from '../../models/backends/names.js';
import type { AblationOptions, GroundingOptions, WorldOptions } from '../commands/eval.js';
import type { FeatureOptions } from '../commands/eval-features.js';
import type { MsrvttOptions, OpenS2vOptions } from '../commands/eval-personalization.js';
import type { EvalRetrievalOptions } from '../commands/eval-retrieval.js';
import type { Ucf101Options } from '../commands/eval-ucf101.js';
import { namedWeights, numbers, several, someConditions, weight, wholeNumber } from '../option-values.js';
import type { Shell } from '../shell.js';

/** `vimi eval ...`: each writes a table, JSON and image pages into a folder. */
export function addEvalCommands(program: Command, { within, interruption, out }: Shell): void {
  const family = program.command('eval').description('measure a model; writes tables, JSON and images to a folder');

  const onModel = (name: string, description: string) =>
    onWorld(name, description)
      .option('--model <name>', 'a preset or a weights file (default: the model of the pipeline)', (name) =>
        modelName(name),
      )
      .option(
        '--steps <list>',
        'sampler steps, one or several: 8,20 (default: the model’s own)',
        numbers(1, 1000, true),
      )
      .option('--guidance <list>', 'guidance, one or several (default: the model’s own)', numbers(0, 50, false));
  const onWorld = (name: string, description: string, example = '') =>
    family
      .command(name)
      .description(description)
      .option('--encoder <folder>', 'frozen language model (ONNX), for models that need one')
      .option('--pipeline <name>', 'pipeline whose steps serve the prompts', 'generate')
      .addOption(new Option('--backend <name>', 'backend of the model').choices(servingBackends).default('auto'))
      .option('--threads <n>', 'threads of the tensorflow backend', wholeNumber(1))
      .option('--n <n>', 'videos for each cell of the table', wholeNumber(1), 30)
      .option('--seed <n>', 'seed of clips and noise', wholeNumber(0, 0xffffffff), 1)
      .option('--at-once <n>', 'requests in flight', wholeNumber(1, 64), 4)
      .option('--held-out <folder>', 'world with subjects that training never showed in motion')
      .option('--seen <folder>', 'world with subjects that training showed')
      .option('-o, --out <folder>', 'folder for the results', `.vimi/eval/${name}`)
      .addHelpText(
        'after',
        `\nWorlds are folders that \`node examples/world/make.mjs\` made.\n\nExample:\n  vimi eval ${name} --held-out .cache/world-held-out --seen .cache/world --n 30${example}`,
      );

  onModel('grounding', 'does it draw what it is shown? appearance, motion, background and size against the truth')
    .option('--conditions <list>', 'contexts to compare', someConditions, [...conditions])
    .option('--documents <media.jsonl>', 'more stills for live retrieval (may be repeated)', several)
    .option(
      '--wrong-contexts <list>',
      'per cent of the prompts that get a wrong context, for the curve of quality; needs the conditions true and wrong',
      numbers(0, 100, false),
      [0, 25, 50, 75, 100],
    )
    .action(({ documents = [], ...options }: Omit<GroundingOptions, 'documents'> & { documents?: string[] }) =>
      within(async (workspace) => {
        const { evalGrounding } = await import('../commands/eval.js');
        await evalGrounding(workspace, { ...options, documents, signal: interruption('stopping') }, out);
      }),
    );

  onModel('prediction', 'the rest of a clip from its first frame, compared with copying and extrapolating it').action(
    (options: WorldOptions) =>
      within(async (workspace) => {
        const { evalPrediction } = await import('../commands/eval.js');
        await evalPrediction(workspace, { ...options, signal: interruption('stopping') }, out);
      }),
  );

  onModel('subject', 'images in the place of nouns: one subject or two, on a colour or before a background image')
    .option('--live', 'the caption in words, and the images that retrieval finds among all of the world', false)
    .action((options: WorldOptions & { live: boolean }) =>
      within(async (workspace) => {
        const { evalSubject } = await import('../commands/eval.js');
        await evalSubject(workspace, { ...options, signal: interruption('stopping') }, out);
      }),
    );

  onModel('coherence', 'does the subject stay itself while it moves?').action((options: WorldOptions) =>
    within(async (workspace) => {
      const { evalCoherence } = await import('../commands/eval.js');
      await evalCoherence(workspace, { ...options, signal: interruption('stopping') }, out);
    }),
  );

  onModel('candidates', 'what choosing among drafts gains and costs')
    .option('--counts <list>', 'candidates, one or several; 1: no drafts', numbers(1, 8, true), [1, 2, 4, 8])
    .action((options: WorldOptions & { counts: number[] }) =>
      within(async (workspace) => {
        const { evalCandidates } = await import('../commands/eval.js');
        await evalCandidates(workspace, { ...options, signal: interruption('stopping') }, out);
      }),
    );

  onModel('bases', 'the same prompts with one base of documents and with another: does the video follow the base?')
    .requiredOption(
      '--other <folder>',
      'world with the same subjects in another style, whose images are the other base',
    )
    .action(({ heldOut, ...options }: WorldOptions & { other: string }) =>
      within(async (workspace) => {
        if (heldOut === undefined)
          throw new VimiError('USAGE', 'The first base is missing', { expected: '--held-out FOLDER beside --other' });
        const { evalBases } = await import('../commands/eval.js');
        await evalBases(workspace, { ...options, heldOut, signal: interruption('stopping') }, out);
      }),
    );

  onModel('motion-start', 'motion and coherence when a video starts from a retrieved clip in noise, and when not')
    .option('--levels <list>', 'noise levels to start from, one or several', numbers(0.01, 1000, false), [10, 3])
    .action((options: WorldOptions & { levels: number[] }) =>
      within(async (workspace) => {
        const { evalMotionStart } = await import('../commands/eval.js');
        await evalMotionStart(workspace, { ...options, signal: interruption('stopping') }, out);
      }),
    );

  onModel(
    'movements',
    'movements that no training showed: with a clip that shows them, without one, with another',
  ).action((options: WorldOptions) =>
    within(async (workspace) => {
      const { evalMovements } = await import('../commands/eval.js');
      await evalMovements(workspace, { ...options, signal: interruption('stopping') }, out);
    }),
  );

  onModel(
    'changes',
    'what pasting cannot do: another appearance than the image shows, and a fence before the subject',
  ).action((options: WorldOptions) =>
    within(async (workspace) => {
      const { evalChanges } = await import('../commands/eval.js');
      await evalChanges(workspace, { ...options, signal: interruption('stopping') }, out);
    }),
  );

  onModel('copying', 'does the video stand where and how its reference image stands? 0: no; 1: it copies it').action(
    (options: WorldOptions) =>
      within(async (workspace) => {
        const { evalCopying } = await import('../commands/eval.js');
        await evalCopying(workspace, { ...options, signal: interruption('stopping') }, out);
      }),
  );

  onWorld(
    'ablation',
    'the effect of each part of the recipe: weights trained without it, and k retrieved documents for a prompt',
    ' \\\n    --weights "stage 1=stage-1.safetensors" --weights "stage 2=nano" --k 0,1,3',
  )
    .requiredOption(
      '--weights <name=model>',
      'a preset or a weights file, with a name for the table; may be repeated, others are compared with the first',
      namedWeights,
    )
    .option('--steps <n>', 'sampler steps (default: each model’s own)', wholeNumber(1, 1000))
    .option('--guidance <n>', 'guidance (default: each model’s own)', weight)
    .option('--k <list>', 'documents retrieved live for a prompt, one or several', numbers(0, 16, true), [0, 1, 3])
    .option('--documents <media.jsonl>', 'more stills for live retrieval (may be repeated)', several)
    .action(({ documents = [], ...options }: Omit<AblationOptions, 'documents'> & { documents?: string[] }) =>
      within(async (workspace) => {
        const { evalAblation } = await import('../commands/eval.js');
        await evalAblation(workspace, { ...options, documents, signal: interruption('stopping') }, out);
      }),
    );

  family
    .command('retrieval')
    .description('what each stage of retrieval finds of what people said fits a prompt, and what it takes')
    .argument('<labels.jsonl...>', 'labelled prompts, one JSON object a line')
    .option('--captions <file.jsonl>', 'search these captions instead of the corpus (may be repeated)', several)
    .option('--pipeline <name>', 'pipeline whose step retrieve is measured', 'generate')
    .option('--k <list>', 'places at which recall is measured, one or several', numbers(1, 100, true), [1, 3, 10])
    .addOption(
      new Option('--kind <kind>', 'images, or clips as motion examples').choices(['image', 'clip']).default('image'),
    )
    .option('-o, --out <folder>', 'folder for the results', '.vimi/eval/retrieval')
    .addHelpText(
      'after',
      `
A line: {"prompt": "a fox in the snow", "fits": ["a fox", {"caption": "a red fox", "grade": 2}], "misfits": ["a fire"]}
or one judged pair: {"prompt": "a fox in the snow", "caption": "a fox", "fits": true}
Documents are named by their captions or ids.

Example:
  vimi eval retrieval labels.jsonl
  vimi eval retrieval labels.jsonl --captions captions.jsonl`,
    )
    .action(
      (
        labels: string[],
        { captions = [], ...options }: Omit<EvalRetrievalOptions, 'signal' | 'captions'> & { captions?: string[] },
      ) =>
        within(async (workspace) => {
          const { evalRetrieval } = await import('../commands/eval-retrieval.js');
          await evalRetrieval(workspace, labels, { ...options, captions, signal: interruption('stopping') }, out);
        }),
    );

  for (const [name, description] of [
    ['fvd', 'Fréchet distance of generated and real features; it is called FVD only on the 400 logits of I3D'],
    ['is', 'Inception score of class probabilities'],
    ['clipsim', 'similarity of videos and their texts'],
  ] as const) {
    const command = family
      .command(name)
      .description(description)
      .requiredOption('--net <name>', 'name of the net of the features, for the report')
      .requiredOption('--generated <place>', 'features of the generated videos: .npy, or .json with a list of rows')
      .option('--real <place>', 'features of real videos')
      .option('--onnx <file>', 'run this net: --generated and --real are then folders of videos or images')
      .addOption(
        new Option('--pixels <scale>', 'range of colours that the net expects').choices(pixelScales).default('-1..1'),
      )
      .option(
        '--frames <n>',
        'frames of each video, if a net for videos does not fix them, or for a net for images',
        wholeNumber(1, 4096),
      )
      .option('--side <n>', 'pixels of each side, if the net does not fix them', wholeNumber(1, 4096))
      .option('--output <name>', 'output of the net (default: the first)')
      .option('--seed <n>', 'seed of the random halves', wholeNumber(0, 0xffffffff), 1)
      .option('-o, --out <folder>', 'folder for the results', `.vimi/eval/${name}`);
    if (name === 'is')
      command
        .option('--splits <n>', 'number of parts that are scored separately', wholeNumber(1), 10)
        .option('--logits', 'the features are logits, not probabilities', false);
    if (name === 'clipsim')
      command
        .option('--texts <file>', 'features of the texts, one row for each video')
        .option('--text-onnx <folder>', 'net for the texts, which are the .txt files beside the generated videos');
    command.action(async (options: FeatureOptions) => {
      const { evalFeatures } = await import('../commands/eval-features.js');
      const { splits = 1, logits = false } = options;
      await evalFeatures(name, { ...options, splits, logits, signal: interruption('stopping') }, out);
    });
  }

  const onSamples = (name: string, description: string) =>
    family
      .command(name)
      .description(description)
      .option('--images <folder>', 'where the paths of the lists begin', '.')
      .option('--write-requests', 'write the requests to --out, for `vimi publish requests`')
      .option('--collect <folder>', 'copy the videos of this folder to --out, under the names of their samples')
      .option('--frames <n>', 'frames that the requests ask for (default: the model’s own)', wholeNumber(1, 1024))
      .option('--steps <n>', 'sampler steps that they ask for (default: the model’s own)', wholeNumber(1, 1000))
      .option('--seed <n>', 'seed of the noise of the first request', wholeNumber(0, 0xffffffff), 1)
      .option('-o, --out <place>', 'file for the requests, folder for videos or results', `.vimi/eval/${name}`);

  onSamples(
    'msrvtt-personalization',
    'MSRVTT-Personalization: write its requests, then score what your nets say of their videos',
  )
    .requiredOption('--names <file>', 'subject_mode_videos.txt, as the script of the benchmark writes it')
    .requiredOption('--prompts <file>', 'subject_mode_prompts.txt')
    .requiredOption('--references <file>', 'subject_mode_word_tag_single_subject_image.txt')
    .option('--generated <folder>', 'the videos under their samples’ names, for the score that needs no net')
    .option('--texts <file>', 'CLIP features of the prompts, one row for each sample')
    .option('--frame-features <file>', 'CLIP features of the generated frames, sample by sample')
    .option('--real <file>', 'the same of the real frames')
    .option('--crops <file>', 'DINO features of the subject in each frame; a row of zeros where none was found')
    .option('--subjects <file>', 'the same of the images that show the subject')
    .option('--face-crops <file>', 'ArcFace features of the face in each frame')
    .option('--faces <file>', 'the same of the images that show the face')
    .option('--flow <file>', 'dynamic degree of each video by RAFT, one number for each sample')
    .option('--clip-net <name>', 'name of the first net, for the report', 'unknown')
    .option('--dino-net <name>', 'name of the second', 'unknown')
    .option('--face-net <name>', 'name of the third', 'unknown')
    .option('--flow-net <name>', 'name of the fourth', 'unknown')
    .action(async (options: Omit<MsrvttOptions, 'signal'>) => {
      const { evalMsrvtt } = await import('../commands/eval-personalization.js');
      await evalMsrvtt({ ...options, signal: interruption('stopping') }, out);
    });

  onSamples('opens2v', 'OpenS2V-Eval: write its requests, name their videos, and average what its scripts say of them')
    .requiredOption('--samples <file>', 'Open-Domain_Eval.json, Human-Domain_Eval.json or Single-Domain_Eval.json')
    .option('--scores <file>', 'JSON that a script of the benchmark wrote (may be repeated)', several)
    .action(async (options: Omit<OpenS2vOptions, 'signal'>) => {
      const { evalOpenS2v } = await import('../commands/eval-personalization.js');
      await evalOpenS2v({ ...options, signal: interruption('stopping') }, out);
    });

  family
    .command('ucf101')
    .description(
      'the zero-shot protocol of UCF101: write its requests, then measure FVD and Inception score of their videos',
    )
    .option('--write-requests <n>', 'write this many requests, for `vimi publish requests`', wholeNumber(1, 1_000_000))
    .option('--classes <file>', 'one prompt a line, or the name of a class, a tab and its prompt')
    .option('--like <file>', 'one CLASS/FILE a line: classes get their shares in this list (default: equal shares)')
    .option('--frames <n>', 'frames that the requests ask for', wholeNumber(1, 1024), 16)
    .option('--steps <n>', 'sampler steps that they ask for (default: the model’s own)', wholeNumber(1, 1000))
    .option('--generated <folder>', 'the generated videos')
    .option('--real <folder>', 'the videos of UCF101')
    .option('--onnx <file>', 'I3D with the 400 logits of Kinetics; a file of another name is another net')
    .option('--net <name>', 'name of that net, for the report')
    .addOption(new Option('--pixels <scale>', 'range of colours that it expects').choices(pixelScales).default('-1..1'))
    .option(
      '--inception <file>',
      'C3D with the 101 classes of UCF101, probabilities or logits, for the Inception score',
    )
    .addOption(
      new Option('--inception-pixels <scale>', 'range of colours that the Inception net expects')
        .choices(pixelScales)
        .default('0..255'),
    )
    .option('--seed <n>', 'seed of the noise of the requests, or of the random halves', wholeNumber(0, 0xffffffff), 1)
    .option('-o, --out <place>', 'a file for the requests (stdout when left out), or a folder for the results')
    .addHelpText(
      'after',
      `
Examples:
  vimi eval ucf101 --write-requests 10000 --classes classes.txt --out requests.jsonl
  vimi publish requests < requests.jsonl && vimi run --pipeline generate --drain
  vimi eval ucf101 --generated .vimi/objects/videos --real UCF-101 --onnx i3d.onnx --inception c3d.onnx`,
    )
    .action(async (options: Omit<Ucf101Options, 'signal'>) => {
      const { evalUcf101 } = await import('../commands/eval-ucf101.js');
      await evalUcf101({ ...options, signal: interruption('stopping') }, out);
    });
}
