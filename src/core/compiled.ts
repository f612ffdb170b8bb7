import { fileURLToPath } from 'node:url';

/**
 * The compiled file of a worker or child process. Threads and processes run JavaScript; under vitest the caller is a
 * TypeScript file in src, whose compiled twin lies in dist.
 */
export function compiled(caller: string, relative: string): string {
  const path = fileURLToPath(new URL(relative, caller));
  return caller.endsWith('.ts') ? path.replace(/([\\/])src([\\/])(?!.*[\\/]src[\\/])/, '$1dist$2') : path;
}
