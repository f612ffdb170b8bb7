/*
 * Builds dist anew for `npm ci`, `npm pack` and installs from git. `npx vimi` in a clone makes npm prepare the clone, too: what
 * is built stays then, since another command may be running from it.
 */
import { execSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';

if (process.env.npm_command !== 'exec' || !existsSync('dist/cli/vimi.js')) {
  rmSync('dist', { recursive: true, force: true });
  execSync('npm run build', { stdio: 'inherit' });
  await import('./without-maps.mjs');
}
