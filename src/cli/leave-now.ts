import { exitCodes } from './exit.js';

/**
 * Ends this process at once. `process.exit` waits for the threads that read files, and one that waits for a file server
 * that is gone waits for ever; so the process dies of an interrupt, which a shell reports as 130 too. Only the first
 * process of a container does not: for it the kernel ignores what nobody handles.
 */
export function leaveNow(): never {
  process.removeAllListeners('SIGINT');
  process.kill(process.pid, 'SIGINT');
  process.exit(exitCodes.interrupted);
}
