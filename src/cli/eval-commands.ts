import { type Command, Option } from 'commander';
import { pixelScales } from '../evaluation/features/net-input.js';
import { conditions } from '../evaluation/tasks/grounding.js';
import type { AblationOptions, GroundingOptions, WorldOptions } from './commands/eval.js';
import type { FeatureOptions } from './commands/eval-features.js';
import type { Ucf101Options } from './commands/eval-ucf101.js';
import { modelName } from './model-name.js';
import { namedWeights, numbers, several, someConditions, weight, wholeNumber } from './option-values.js';
import type { Workspace } from './workspace.js';

interface Surroundings {
  within(work: (workspace: Workspace) => Promise<void>): Promise<void>;
  interruption(): AbortSignal;
  out: NodeJS.WritableStream;
}

/** `vimi eval ...`: each writes a table, JSON and picture pages into a folder. */
export function addEvalCommands(program: Command, { within, interruption, out }: Surroundings): void {
  const family = program.command('eval').description('measure a model; tables, JSON and pictures go to a folder');

  const onModel = (name: string, description: string) =>
    onWorld(name, description)
      .option('--model <name>', 'a preset or a weights file; that of the pipeline when left out', (name) =>
        modelName(name),
      )
      .option(
        '--steps <list>',
        'of the sampler, one or several: 8,20; the model’s own when left out',
        numbers(1, 1000, true),
      )
      .option('--guidance <list>', 'one or several; the model’s own when left out', numbers(0, 50, false));
  const onWorld = (name: string, description: string, example = '') =>
    family
      .command(name)
      .description(description)
      .option('--encoder <folder>', 'frozen language model (ONNX), for models that read words through one')
      .option('--pipeline <name>', 'whose steps serve the prompts', 'generate')
      .addOption(
        new Option('--backend <name>', 'of the model')
          .choices(['auto', 'tensorflow', 'webgpu', 'wasm'])
          .default('auto'),
      )
      .option('--threads <n>', 'of the tensorflow backend', wholeNumber(1))
      .option('--n <n>', 'videos a cell of the table', wholeNumber(1), 30)
      .option('--seed <n>', 'of clips and noise', wholeNumber(0, 0xffffffff), 1)
      .option('--at-once <n>', 'requests under way at once', wholeNumber(1, 64), 4)
      .option('--held-out <folder>', 'a world of subjects that training never showed in motion')
      .option('--seen <folder>', 'a world of subjects that it did show')
      .option('-o, --out <folder>', 'where the results go', `.vimi/eval/${name}`)
      .addHelpText(
        'after',
        `\nWorlds are folders that \`node examples/world/make.mjs\` made.\n\nExample:\n  vimi eval ${name} --held-out .cache/world-held-out --seen .cache/world --n 30${example}`,
      );

  onModel('grounding', 'does it draw what it is shown? look, motion, ground and size against the truth')
    .option('--conditions <list>', 'what stands before the prompt', someConditions, [...conditions])
    .option('--documents <media.jsonl>', 'further stills for live retrieval (may be repeated)', several)
    .action(({ documents = [], ...options }: Omit<GroundingOptions, 'documents'> & { documents?: string[] }) =>
      within(async (workspace) => {
        const { evalGrounding } = await import('./commands/eval.js');
        await evalGrounding(workspace, { ...options, documents, signal: interruption() }, out);
      }),
    );

  onModel('prediction', 'the rest of a clip from its first frame, against copying and extrapolating it').action(
    (options: WorldOptions) =>
      within(async (workspace) => {
        const { evalPrediction } = await import('./commands/eval.js');
        await evalPrediction(workspace, { ...options, signal: interruption() }, out);
      }),
  );

  onModel('subject', 'pictures in the place of nouns: one subject, two, and one in front of a picture').action(
    (options: WorldOptions) =>
      within(async (workspace) => {
        const { evalSubject } = await import('./commands/eval.js');
        await evalSubject(workspace, { ...options, signal: interruption() }, out);
      }),
  );

  onModel('coherence', 'does the subject stay itself while it moves?').action((options: WorldOptions) =>
    within(async (workspace) => {
      const { evalCoherence } = await import('./commands/eval.js');
      await evalCoherence(workspace, { ...options, signal: interruption() }, out);
    }),
  );

  onWorld(
    'ablation',
    'what each part of the recipe does: weights trained without it, and k retrieved documents for a prompt',
    ' \\\n    --weights "stage 1=stage-1.safetensors" --weights "stage 2=nano" --k 0,1,3',
  )
    .requiredOption(
      '--weights <name=model>',
      'a preset or a weights file with a name for the table; once for each, others are compared with the first',
      namedWeights,
    )
    .option('--steps <n>', 'of the sampler; each model’s own when left out', wholeNumber(1, 1000))
    .option('--guidance <n>', 'each model’s own when left out', weight)
    .option('--k <list>', 'documents retrieved live for a prompt, one or several', numbers(0, 16, true), [0, 1, 3])
    .option('--documents <media.jsonl>', 'further stills for live retrieval (may be repeated)', several)
    .action(({ documents = [], ...options }: Omit<AblationOptions, 'documents'> & { documents?: string[] }) =>
      within(async (workspace) => {
        const { evalAblation } = await import('./commands/eval.js');
        await evalAblation(workspace, { ...options, documents, signal: interruption() }, out);
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
      .requiredOption('--net <name>', 'the net that the features are of, as the report shall call it')
      .requiredOption('--generated <place>', 'features of the generated videos: .npy, or .json with a list of rows')
      .option('--real <place>', 'those of real ones')
      .option('--onnx <file>', 'the net itself: --generated and --real are then folders of videos or pictures')
      .addOption(
        new Option('--pixels <scale>', 'what the net wants to see of colours').choices(pixelScales).default('-1..1'),
      )
      .option(
        '--frames <n>',
        'of each video: those a net of videos leaves open, or rows of one of pictures',
        wholeNumber(1, 4096),
      )
      .option('--side <n>', 'pixels to each side, for a net that leaves them open', wholeNumber(1, 4096))
      .option('--output <name>', 'of the net; the first when left out')
      .option('--seed <n>', 'of the halves of the floor', wholeNumber(0, 0xffffffff), 1)
      .option('-o, --out <folder>', 'where the results go', `.vimi/eval/${name}`);
    if (name === 'is')
      command
        .option('--splits <n>', 'parts that are scored each by itself', wholeNumber(1), 10)
        .option('--logits', 'the features are logits, not probabilities', false);
    if (name === 'clipsim')
      command
        .option('--texts <file>', 'features of the texts, a row a video')
        .option('--text-onnx <folder>', 'the net that reads the texts: the .txt files beside the generated videos');
    command.action(async (options: FeatureOptions) => {
      const { evalFeatures } = await import('./commands/eval-features.js');
      const { splits = 1, logits = false } = options;
      await evalFeatures(name, { ...options, splits, logits, signal: interruption() }, out);
    });
  }

  family
    .command('ucf101')
    .description('the zero-shot protocol of UCF101: the requests for it, then FVD and Inception score of their videos')
    .option('--write-requests <n>', 'videos to ask for: events for `vimi publish requests`', wholeNumber(1, 1_000_000))
    .option('--classes <file>', 'a prompt a line, or a class’s name, a tab and its prompt')
    .option('--like <file>', 'CLASS/FILE a line: classes get their shares in it; all alike when left out')
    .option('--frames <n>', 'that the requests ask for', wholeNumber(1, 1024), 16)
    .option('--steps <n>', 'that they ask for; the model’s own when left out', wholeNumber(1, 1000))
    .option('--generated <folder>', 'the videos that came of them')
    .option('--real <folder>', 'those of UCF101')
    .option('--onnx <file>', 'I3D with the 400 logits of Kinetics; a file of another name is another net')
    .option('--net <name>', 'that net, as the report shall call it')
    .addOption(new Option('--pixels <scale>', 'what it wants to see of colours').choices(pixelScales).default('-1..1'))
    .option(
      '--inception <file>',
      'C3D with the 101 classes of UCF101, probabilities or logits, for the Inception score',
    )
    .addOption(new Option('--inception-pixels <scale>', 'what that one wants').choices(pixelScales).default('0..255'))
    .option('--seed <n>', 'of the requests’ noise, or of the halves of the floor', wholeNumber(0, 0xffffffff), 1)
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
      const { evalUcf101 } = await import('./commands/eval-ucf101.js');
      await evalUcf101({ ...options, signal: interruption() }, out);
    });
}
