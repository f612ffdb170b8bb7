import { type Command, Option } from 'commander';
import { modelName, presetName } from '../../app/model-name.js';
import { trainingBackends } from '../../models/backends/names.js';
import { exportTo, planTrain, trainOn } from '../commands.js';
import { deviceList, several, wholeNumber } from '../option-values.js';
import type { Shell } from '../shell.js';

/** Train a model, and export it. */
export function addModelsCommands(program: Command, { interruption, out, within }: Shell): void {
  program.commandsGroup('Models:');
  program
    .command('train')
    .description('train a model on shards; continues an interrupted run')
    .argument('[shard...]', 'WebDataset tars (default: all sealed shards of the topology)')
    .option('--preset <name>', 'preset of the network', (name) => presetName(name), 'nano')
    .option('--steps <n>', 'optimizer steps', wholeNumber(1), 1000)
    .option('--seed <n>', 'seed of all random numbers', wholeNumber(0), 1)
    .option('--out <folder>', 'folder for checkpoint, log, progress images and weights', '.vimi/training')
    .option(
      '--store <prefix>',
      'store the run in the object store too, at each checkpoint; another machine continues it from there',
    )
    .option('--recipe <file>', 'JSON; what it leaves out keeps the default of preset and stage')
    .addOption(
      new Option('--stage <n>', '1: conditioned pretraining; 2: the three tasks, from the weights of stage 1').choices([
        '1',
        '2',
      ]),
    )
    .option('--from <weights>', 'weights to start from: a file, or the name of a shipped model', (name) =>
      modelName(name),
    )
    .option('--encoder <folder>', 'frozen language model (ONNX), for presets that need one')
    .option('--held-out <shard>', 'shard for the probes in the log (may be repeated)', several)
    .option('--plan', 'only print parameters, computation, memory, and time on this machine')
    .addOption(new Option('--backend <name>').choices(trainingBackends))
    .option('--threads <n>', 'threads of the tensorflow backend, in each process', wholeNumber(1))
    .option(
      '--devices <list>',
      'share each batch among GPUs (0,1: their CUDA indices) or CPU processes (cpu,cpu)',
      deviceList,
    )
    .addHelpText(
      'after',
      '\nExamples:\n  vimi train --plan --preset snap-500m --steps 550000\n  vimi train --steps 2000 --out .vimi/training\n  vimi train --devices 0,1,2,3 --out .vimi/training\n  vimi train --stage 2 --from nano --steps 500 --out .vimi/stage-2',
    )
    .action(async (shards: string[], { heldOut = [], stage, plan, ...rest }) => {
      const options = { signal: interruption(), heldOut, ...(stage && { stage: stage === '2' ? 2 : 1 }), ...rest };
      if (plan) await planTrain(options, out);
      else await within((workspace) => trainOn(shards, workspace, options, out));
    });

  program
    .command('export')
    .description('write a trained model as files that other programs run: graphs with weights, manifest, example, card')
    .argument('<model>', 'a shipped model, or a weights file', (name) => modelName(name))
    .argument('<folder>', 'folder to write to')
    .addOption(new Option('--format <name>', 'what to write').choices(['onnx']).default('onnx'))
    .addHelpText('after', '\nExample:\n  vimi export nano nano-onnx')
    .action((model: string, folder: string) => exportTo(model, folder, out));
}
