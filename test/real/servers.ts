import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    servers: Record<string, string>;
  }
}

/** Starts the servers, or fails; tests ask `inject('servers')` where they are. They are left running. */
export default function setup(project: TestProject): void {
  execFileSync(process.execPath, ['infra/servers.mjs', 'up'], { stdio: ['ignore', 'inherit', 'inherit'] });
  const folder = process.env.VIMI_INFRA ?? fileURLToPath(new URL('../../.cache/infra', import.meta.url));
  project.provide('servers', parseEnv(readFileSync(`${folder}/env`, 'utf8')) as Record<string, string>);
}
