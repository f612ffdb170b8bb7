import { Command, type CommanderError } from 'commander';
import { beforeEach, expect, it } from 'vitest';
import { listing } from '../../src/cli/listing.js';

let listed: number;
let program: Command;
beforeEach(() => {
  listed = 0;
  program = new Command('vimi').exitOverride().configureOutput({ writeErr: () => {} });
  const rejects = program.command('rejects');
  listing(rejects)
    .option('--json')
    .action(() => {
      listed++;
    });
  rejects.command('replay').action(() => {});
});

const said = (args: string[]) => {
  try {
    program.parse(args, { from: 'user' });
    return '';
  } catch (thrown) {
    return (thrown as CommanderError).message;
  }
};

it('[kind 11] is what the name of a group alone means', () => {
  expect([said(['rejects']), said(['rejects', 'list']), said(['rejects', '--json'])]).toEqual(['', '', '']);
  expect(listed).toBe(3);
});

it.each([
  [['rejects', 'show', '12'], "error: unknown command 'show': expected list, replay"],
  [['rejects', 'replya'], "error: unknown command 'replya' (did you mean 'replay'?): expected list, replay"],
  [['rejects', 'list', '12'], "error: list takes no argument '12'"],
])('[kind 11] %j is told as what it is, and lists nothing', (args, message) => {
  expect(said(args)).toBe(message);
  expect(listed).toBe(0);
});
