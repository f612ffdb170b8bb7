import { rename, writeFile } from 'node:fs/promises';
import { arch, availableParallelism, platform, release, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { version } from '../../core/version.js';
import { packTar } from '../../media/tar.js';
import { render } from '../../streams/topology/render.js';
import type { Topology } from '../../streams/topology/topology.js';
import type { Finding } from '../findings.js';
import { processUrl } from '../process-at.js';

/** A run answers at once, or is not asked any longer. Milliseconds. */
const askMs = 3_000;
/** Of an answer of a run; more is cut off. */
const mostBytes = 5_000_000;

export interface BundleOptions {
  findings: Finding[];
  /** Missing: the topology has mistakes, which the findings tell. */
  topology: Topology | undefined;
  /** HOST:PORT of a run. */
  at: string;
  env: Record<string, string | undefined>;
}

/**
 * Writes what a bug report needs as a gzipped tar, and gives the names within: versions, findings, the topology as it takes effect
 * (values of the environment and secrets by their names), metrics and readiness of the run. No prompt, caption,
 * medium, key, nor value of a variable is in it.
 */
export async function writeBundle(path: string, options: BundleOptions): Promise<string[]> {
  const members = Object.entries(await contents(options)).map(([name, text]) => ({
    name: `vimi-bundle/${name}`,
    bytes: Buffer.from(text),
  }));
  const unfinished = `${path}.part`;
  await writeFile(unfinished, await promisify(gzip)(await packTar(members)), { mode: 0o600 });
  await rename(unfinished, path);
  return members.map(({ name }) => name);
}

async function contents({ findings, topology, at, env }: BundleOptions): Promise<Record<string, string>> {
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  const [metrics, ready] = await Promise.all([asked(at, '/metrics'), asked(at, '/ready')]);
  return {
    'versions.json': json({
      vimi: version,
      node: process.versions.node,
      platform: `${platform()} ${arch()} ${release()}`,
      cores: availableParallelism(),
      memory_gib: Math.round(totalmem() / 2 ** 30),
    }),
    'findings.json': json(findings),
    // Which are set, never what they say.
    'variables.json': json(
      Object.keys(env)
        .filter((name) => /^(VIMI|OTEL|KAFKA|S3|WEAVIATE|NODE)_/.test(name))
        .sort(),
    ),
    ...(topology && { 'topology.yaml': render(topology, 'yaml') }),
    'metrics.txt': metrics,
    'ready.txt': ready,
  };
}

async function asked(at: string, path: string): Promise<string> {
  try {
    const answer = await fetch(processUrl(at, path), { signal: AbortSignal.timeout(askMs), redirect: 'manual' });
    return (await answer.text()).slice(0, mostBytes);
  } catch (thrown) {
    const { message, cause } = thrown as Error;
    return `no answer from ${at}: ${cause instanceof Error ? cause.message : message}\n`;
  }
}
