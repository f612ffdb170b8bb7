#!/usr/bin/env node
import { CommanderError } from 'commander';
import { asVimiError, VimiError } from '../core/errors.js';
import { exitCodes, isStop, reportError } from './exit.js';
import { createProgram } from './program.js';

process.stderr.on('error', () => {});
// A reader that has seen enough (`vimi read samples | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed),
);

const { program, shell } = createProgram();
try {
  await program.parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exitCode = thrown.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  else if (isStop(thrown, shell.interrupted()) || (thrown instanceof VimiError && thrown.code === 'CANCELLED'))
    process.exitCode = exitCodes.interrupted;
  else process.exitCode = reportError(asVimiError(thrown));
} finally {
  await shell.close();
}
