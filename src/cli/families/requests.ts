import { type Command, Option } from 'commander';
import { generate, getVideo, publish, read, reproduceVideo } from '../commands.js';
import { exitCodes } from '../exit.js';
import { offsetOrEnd, scoreLimit, several, standIn, weight, wholeNumber } from '../option-values.js';
import type { Shell } from '../shell.js';

/** `generate`, and what goes in and comes out as events. */
export function addRequestsCommands(program: Command, { interruption, out, within }: Shell): void {
  program.commandsGroup('Requests and videos:');
  program
    .command('generate')
    .description('publish a request, serve it if no other process does, and wait for the video')
    .argument('<prompt>', 'what the video shows')
    .option('-i, --image <file>', 'image of the prompt (may be repeated)', several)
    .option('--subject <words=file>', 'image that stands for these words of the prompt (may be repeated)', standIn)
    .option('--background <words=file>', 'the same for a background (may be repeated)', standIn)
    .option('--clip <file>', 'clip of the prompt that shows a motion (may be repeated)', several)
    .addOption(
      new Option('--role <role>', 'role of the images that --image names').choices([
        'subject',
        'background',
        'first-frame',
      ]),
    )
    .addOption(
      new Option('--task <task>', 'task (default: inferred from the images)').choices([
        'text-to-video',
        'subject-driven',
        'prediction',
      ]),
    )
    .option('--seed <n>', 'seed of the noise', wholeNumber(0, 0xffffffff))
    .option(
      '--candidates <n>',
      'draw so many drafts and finish the one that fits the images of the prompt best',
      wholeNumber(1, 64),
    )
    .option('--steps <n>', 'sampler steps', wholeNumber(1))
    .option('--guidance <weight>', 'weight of classifier-free guidance; 1: none', weight)
    .option('--frames <n>', 'number of frames', wholeNumber(1))
    .option('-k <n>', 'documents to retrieve', wholeNumber(0, 16))
    .option('--motions <n>', 'clips to retrieve as motion examples', wholeNumber(0, 4))
    .option('--pin <document>', 'id of a document that comes first in the context (may be repeated)', several)
    .option('--exclude <document>', 'id of a document that is not retrieved (may be repeated)', several)
    .option('--licence <id>', 'only documents with this SPDX identifier (may be repeated)', several)
    .option(
      '--score <name=min..max>',
      'only documents with this score within limits, such as nsfw=..0.1 (may be repeated)',
      scoreLimit,
    )
    .option('--no-retrieval', 'use the prompt alone')
    .option('--pipeline <name>', 'pipeline that serves the request (default: the first that reads requests)')
    .option('-o, --out <file>', 'copy the MP4 to this file')
    .option('--json', 'print the video event as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  vimi generate "a mushroom moves left on a blue background"\n  vimi generate "it spins" --image fox.png --seed 7 --out fox.mp4\n  vimi generate "a fox moves left and a bear moves right" --subject fox=fox.png --subject bear=bear.png',
    )
    .action((prompt: string, { image: images = [], clip: clips = [], licence: licences, score: scores, ...options }) =>
      within((workspace) => {
        const { subject: subjects = [], background: backgrounds = [], ...others } = options;
        const asked = { images, subjects, backgrounds, clips, licences, scores, ...others };
        return generate(workspace, prompt, { ...asked, signal: interruption('cancelling the request') }, out);
      }),
    );

  program
    .command('publish')
    .description('publish events from standard input, one JSON object a line: the data alone, or a whole CloudEvent')
    .argument('<topic>')
    .option(
      '--key <key>',
      'key of every event. Events of one key keep their order; without a key they are spread over the partitions',
    )
    .option(
      '--tombstone',
      'publish a record without a value, which removes what a compacted topic keeps under --key',
      false,
    )
    .option('--raw', 'publish the lines without checking them')
    .option('--json', 'print the place and id of each event as JSON')
    .addHelpText('after', '\nExample:\n  echo \'{"prompt": "a fox moves left"}\' | vimi publish requests')
    .action((topic: string, options) => within((workspace) => publish(workspace, topic, process.stdin, options, out)));

  program
    .command('read')
    .description('print the events of a topic')
    .argument('<topic>')
    .option('--json', 'one JSON object a line')
    .option('-f, --follow', 'wait for more events')
    .option('--from <offset>', 'first offset of each partition; end: only new events', offsetOrEnd)
    .option('-n, --limit <n>', 'print at most this many events', wholeNumber(1))
    .addHelpText(
      'after',
      '\nExamples:\n  vimi read videos --json | jq .data.object\n  vimi read outcomes --follow --from end',
    )
    .action((topic: string, options) =>
      within(async (workspace) => {
        const printed = await read(workspace, topic, options, out, interruption('stopping'));
        if (printed === 0 && !options.follow) process.stderr.write(`no events on ${topic}\n`);
      }),
    );

  program
    .command('videos')
    .description('fetch finished videos')
    .command('get')
    .description('copy the newest video of a request to a file')
    .argument('<id>', 'id of the request, from `vimi publish` or `vimi jobs list`')
    .option('-o, --out <file>', 'file to write (default: the name of the object, in this folder)')
    .option('--json', 'print the video event as JSON')
    .addHelpText('after', '\nExample:\n  vimi videos get requests-3-42 --out fox.mp4')
    .action((id: string, options) => within((workspace) => getVideo(workspace, id, options, out)));

  program
    .command('reproduce')
    .description('make a video again from the record in its MP4, and compare the bytes; exit code 1 if they differ')
    .argument('<video>', 'an MP4 of vimi, or the id of a request whose video is in the object store')
    .option('--pipeline <name>', 'pipeline that draws it (default: the first that reads requests)')
    .option('-o, --out <file>', 'write the new MP4 to this file')
    .option('--json', 'print the comparison as JSON')
    .addHelpText('after', '\nExample:\n  vimi reproduce fox.mp4')
    .action((video: string, options) =>
      within(async (workspace) => {
        const isSame = await reproduceVideo(workspace, video, { ...options, signal: interruption('stopping') }, out);
        if (!isSame) process.exitCode = exitCodes.failed;
      }),
    );
}
