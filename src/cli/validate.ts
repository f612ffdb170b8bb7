import type { Workspace } from '../app/workspace.js';
import { counted } from '../core/counted.js';
import type { Operator } from '../flow/operator.js';
import { operators as ownList } from '../operators/index.js';
import { mistakeLine } from '../streams/topology/mistake.js';
import { checkTopologyFile } from '../streams/topology/read-topology.js';
import { exitCodes } from './exit.js';
import { type Finding, printFindings } from './findings.js';

export interface ValidateOptions {
  profile?: string;
  /** PATH=VALUE. */
  set?: readonly string[];
  /** One object { file, mistakes } instead of lines. */
  json?: boolean;
  out: NodeJS.WritableStream;
  env?: Record<string, string | undefined>;
  operators?: readonly Operator[];
  /** Also asks the servers, folders and models that the topology names, in a workspace that looks only. */
  connect?(firstContactMs: number): Promise<Workspace>;
  /** Warnings fail, too. */
  denyWarnings?: boolean;
}

/**
 * Checks a topology and prints every mistake as compilers do: `file:line:column error message`. Gives the exit code.
 * TOPOLOGY_NOT_FOUND when there is no such file. With `connect` a checklist of what the topology names follows.
 */
export async function validate(
  file: string,
  { profile, set, json, out, env = process.env, operators = ownList, connect, denyWarnings = false }: ValidateOptions,
): Promise<number> {
  const { topology, mistakes } = await checkTopologyFile(file, { profile, set, env, operators });
  const findings = topology && connect ? await findingsOf(connect) : undefined;
  if (json) out.write(`${JSON.stringify({ file, mistakes, ...(findings && { findings }) })}\n`);
  else if (topology) {
    const counts = `${counted(topology.pipelines.length, 'pipeline')}, ${counted(topology.topics.size, 'topic')}`;
    out.write(`${file}: no mistakes (${counts}, profile ${topology.profile.name})\n`);
  } else out.write(`${mistakes.map(mistakeLine).join('\n')}\n\n${counted(mistakes.length, 'mistake')}\n`);
  if (!topology) return exitCodes.usage;
  if (!findings) return exitCodes.ok;
  if (!json) printFindings(findings, out);
  const fails = (state: Finding['state']) => state === 'bad' || (denyWarnings && state === 'warning');
  return findings.some(({ state }) => fails(state)) ? exitCodes.failed : exitCodes.ok;
}

async function findingsOf(connect: (firstContactMs: number) => Promise<Workspace>): Promise<Finding[]> {
  const { examineParts, firstContactMs } = await import('./commands/doctor.js');
  const workspace = await connect(firstContactMs);
  try {
    return await examineParts(workspace);
  } finally {
    await workspace.close();
  }
}
