import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';
import { VimiError } from '../../src/core/errors.js';

/* Every command that the documentation shows is one that there is, also where nothing runs it: infra/docs-commands.mjs runs most blocks. */

const top = join(import.meta.dirname, '../..');
/** Folders that hold pages: of the whole tree, others make and remove parts while this reads it. */
const folders = ['docs', 'examples', 'infra', 'weights', 'bench'];
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...folders.flatMap((folder) =>
    readdirSync(join(top, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  ),
].filter((path) => path.endsWith('.md') && !/(^|\/)(node_modules|dist|\.site|\.cache|\.vimi)\//.test(path));

interface Shown {
  /** `page:line` */
  at: string;
  text: string;
}

/** Blocks of `sh`, shown or hidden, whether they are run or not. */
function blocksOf(page: string): Shown[] {
  const text = readFileSync(join(top, page), 'utf8');
  const found = text.matchAll(/^ *(?:```sh\b[^\n]*\n(.*?)^ *```|<!-- sh\b[^\n]*\n(.*?)^ *-->)$/gms);
  return [...found].map((one) => ({ at: `${page}:${lineOf(text, one.index)}`, text: one[1] ?? one[2]! }));
}

/** Commands within sentences and tables. They may leave out what they need. */
function mentionsOf(page: string): Shown[] {
  const text = readFileSync(join(top, page), 'utf8').replace(/^ *```.*?^ *```|<!--.*?-->/gms, (block) =>
    block.replace(/[^\n]/g, ' '),
  );
  return [...text.matchAll(/(?<!`)`((?:npx )?vimi [^`]+)`(?!`)/g)].map((one) => ({
    at: `${page}:${lineOf(text, one.index)}`,
    text: one[1]!.replaceAll('\\|', '|'),
  }));
}

const lineOf = (text: string, index: number) => text.slice(0, index).split('\n').length;

/** The words of each simple command of a script. What the shell would expand stays as it stands. */
function commandsIn(script: string): string[][] {
  const text = script.replace(/<<-?\s*(['"]?)(\w+)\1(.*)\n.*?^\s*\2$/gms, '$3').replaceAll('\\\n', ' ');
  const commands: string[][] = [[]];
  let word: string | undefined;
  const end = () => {
    if (word !== undefined) commands.at(-1)!.push(word);
    word = undefined;
  };
  const token =
    /\$\(((?:[^()]|\([^()]*\))*)\)|'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|(?<![^\s;|&(])#[^\n]*|\d?[<>]+(?:&\d|&?\s*[^\s;|&()]+)?|([\n;|&()])|([ \t]+)|([^\s'"\\;|&()<>$]+|\$)/gs;
  for (const [, inner, single, double, escaped, border, blank, plain] of text.matchAll(token)) {
    if (inner !== undefined) commands.unshift(...commandsIn(inner));
    const more = inner === undefined ? (single ?? double ?? escaped ?? plain) : '$()';
    for (const [, nested] of (double ?? '').matchAll(/\$\(([^()]*)\)/g)) commands.unshift(...commandsIn(nested!));
    if (more !== undefined) word = (word ?? '') + more;
    else end();
    if (border !== undefined) commands.push([]);
    if (blank !== undefined) end();
  }
  end();
  return commands.filter((words) => words.length > 0);
}

/** What stands behind `vimi` in the commands of a script that call it. */
const calls = (script: string) =>
  commandsIn(script).flatMap((words) => {
    const [name, ...args] = words.slice(
      words.findIndex((word) => !/^([{!]|do|then|else|if|while|until|time|npx|[A-Z_]+=.*)$/.test(word)),
    );
    return name === 'vimi' || name?.endsWith('dist/cli/vimi.js') ? [args] : [];
  });

function* withAll(command: Command): Generator<Command> {
  yield command;
  for (const one of command.commands) yield* withAll(one);
}

/** Why the command line refuses this, without doing what it asks for. */
function refusal(args: readonly string[], lenient: readonly string[] = []): string | undefined {
  const { program } = createProgram();
  for (const command of withAll(program)) {
    command.configureOutput({ writeErr() {}, writeOut() {}, outputError() {} });
    if (command.commands.length === 0) command.action(() => {});
  }
  try {
    program.parse(args, { from: 'user' });
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError || thrown instanceof VimiError)) throw thrown;
    const { code, message } = thrown;
    const isOption = ['commander.unknownCommand', 'commander.unknownOption'].includes(code);
    // What the shell would put there may be right.
    if (!isOption && args.some((word) => word.includes('$'))) return undefined;
    const isAsked = thrown instanceof CommanderError && thrown.exitCode === 0;
    return isAsked || message.includes("'...'") || lenient.includes(code) ? undefined : message;
  }
}

const refused = (shown: Shown[], lenient?: readonly string[]) =>
  shown.flatMap(({ at, text }) =>
    calls(text).flatMap((args) => {
      const why = refusal(args, lenient);
      return why === undefined ? [] : [`${at}: vimi ${args.join(' ')}: ${why}`];
    }),
  );

describe('commands that the documentation shows', () => {
  it('in blocks have names, arguments and options that there are', () => {
    const blocks = pages.flatMap(blocksOf);
    expect(blocks.flatMap(({ text }) => calls(text)).length).toBeGreaterThan(150);
    expect(refused(blocks)).toEqual([]);
  });

  it('in sentences have names and options that there are', () => {
    const mentions = pages.flatMap(mentionsOf);
    expect(mentions.length).toBeGreaterThan(150);
    const incomplete = ['missingArgument', 'missingMandatoryOptionValue', 'optionMissingArgument', 'help'];
    expect(
      refused(
        mentions,
        incomplete.map((code) => `commander.${code}`),
      ),
    ).toEqual([]);
  });

  it('in blocks are valid for bash', () => {
    const broken = pages.flatMap((page) => {
      const input = blocksOf(page).map(({ text }) => text);
      const { status, stderr } = spawnSync('bash', ['-n'], { input: input.join('\n'), encoding: 'utf8' });
      return status === 0 ? [] : [`${page}: ${stderr}`];
    });
    expect(broken).toEqual([]);
  });

  it.each([
    ['npx vimi corpus serach fox', "unknown command 'serach'"],
    ['echo x | npx vimi publish requests --rwa', "unknown option '--rwa'"],
    ['if ! VIMI_PROFILE=cluster vimi topics aply; then exit; fi', "unknown command 'aply'"],
    ['ID=$(npx vimi jobs list --jsno | head -1)', "unknown option '--jsno'"],
    ['npx vimi jobs show', "missing required argument 'id'"],
    ['npx vimi jobs list --limit many # all', 'argument'],
  ])('%s would be noticed', (line, why) => {
    expect(refused([{ at: 'page', text: line }])).toEqual([expect.stringContaining(why)]);
  });
});
