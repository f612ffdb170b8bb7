import type { EventEmitter } from 'node:events';
import type { Argument, Command, Help, Option } from 'commander';
import { markdownTable } from '../../core/markdown-table.js';
import { createProgram } from '../program.js';
import { fenced } from './markdown.js';

/** For whoever types commands: each command with its arguments and options, as `--help` tells them. */
export function commandsPage(): string {
  const { program } = createProgram();
  const help = program.createHelp();
  const groups = new Map<string, Command[]>();
  for (const command of shown(help, program)) {
    const group = command.helpGroup().replace(/:$/, '');
    groups.set(group, [...(groups.get(group) ?? []), command]);
  }
  return `${[
    '# Commands',
    'Every command of `vimi`, as `vimi COMMAND --help` explains it. Generated from the code. Exit codes: [Operate](../guides/operate.md#run-and-stop).',
    '## Options before every command',
    optionTable(help.visibleOptions(program)),
    ...[...groups].flatMap(([group, commands]) => [
      `## ${group}`,
      ...commands.flatMap((command) => leaves(help, command)).flatMap((leaf) => commandPart(help, leaf)),
    ]),
  ].join('\n\n')}\n`;
}

function shown(help: Help, parent: Command): Command[] {
  return help.visibleCommands(parent).filter((command) => command.name() !== 'help');
}

/** A command, or what a group consists of. */
function leaves(help: Help, command: Command): Command[] {
  const under = shown(help, command);
  return under.length === 0 ? [command] : under.flatMap((one) => leaves(help, one));
}

function commandPart(help: Help, command: Command): string[] {
  const options = help.visibleOptions(command).filter(({ long }) => long !== '--help');
  const args = help.visibleArguments(command);
  const usage = [pathOf(command), ...args.map(inUsage)];
  return [
    `### ${pathOf(command).replace(/^vimi /, '')}`,
    sentence(help.commandDescription(command)),
    fenced('text', [...usage, ...(options.length > 0 ? ['[options]'] : [])].join(' ')),
    ...(args.length > 0
      ? [
          markdownTable(
            ['Argument', 'Meaning'],
            args.map((argument) => [`\`${help.argumentTerm(argument)}\``, help.argumentDescription(argument)]),
          ),
        ]
      : []),
    ...(options.length > 0 ? [optionTable(options)] : []),
    ...more(command),
  ];
}

/** What `--help` says behind the options: words, and examples. */
function more(command: Command): string[] {
  let text = '';
  // Commander keeps it as listeners, which its types leave out.
  (command as unknown as EventEmitter).emit('afterHelp', {
    ...{ error: false, command },
    write: (part: string) => {
      text += part;
    },
  });
  const [words = '', examples] = text.split(/^Examples?:$/m);
  const lines =
    examples
      ?.split('\n')
      .map((line) => line.trim())
      .filter(Boolean) ?? [];
  return [
    ...words
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean),
    ...(lines.length > 0 ? [fenced('text', lines.join('\n'))] : []),
  ];
}

function inUsage(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionTable(options: readonly Option[]): string {
  return markdownTable(
    ['Option', 'Meaning', 'Values', 'Default', 'Environment'],
    options.map((option) => [
      `\`${option.flags}\``,
      option.description,
      option.argChoices?.map((choice) => `\`${choice}\``).join(', ') ?? '',
      defaultOf(option),
      option.envVar ? `\`${option.envVar}\`` : '',
    ]),
  );
}

/** `--no-x` switches off what is on by itself, and `false` is what a switch is anyway. */
function defaultOf({ defaultValue, negate }: Option): string {
  if (negate || defaultValue === undefined || defaultValue === false) return '';
  return `\`${Array.isArray(defaultValue) ? defaultValue.join(',') : defaultValue}\``;
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
