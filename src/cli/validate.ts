import { counted } from '../core/counted.js';
import type { Operator } from '../flow/operator.js';
import { operators as ownList } from '../operators/index.js';
import { mistakeLine } from '../streams/topology/mistake.js';
import { checkTopologyFile } from '../streams/topology/read-topology.js';
import { exitCodes } from './exit.js';

export interface ValidateOptions {
  profile?: string;
  /** PATH=VALUE. */
  set?: readonly string[];
  /** One object { file, mistakes } instead of lines. */
  json?: boolean;
  out: NodeJS.WritableStream;
  env?: Record<string, string | undefined>;
  operators?: readonly Operator[];
}

/**
 * Checks a topology and prints every mistake as compilers do: `file:line:column error message`. Gives the exit code.
 * TOPOLOGY_NOT_FOUND when there is no such file.
 */
export async function validate(
  file: string,
  { profile, set, json, out, env = process.env, operators = ownList }: ValidateOptions,
): Promise<number> {
  const { topology, mistakes } = await checkTopologyFile(file, { profile, set, env, operators });
  if (json) out.write(`${JSON.stringify({ file, mistakes })}\n`);
  else if (topology) {
    const counts = `${counted(topology.pipelines.length, 'pipeline')}, ${counted(topology.topics.size, 'topic')}`;
    out.write(`${file}: no mistakes (${counts}, profile ${topology.profile.name})\n`);
  } else out.write(`${mistakes.map(mistakeLine).join('\n')}\n\n${counted(mistakes.length, 'mistake')}\n`);
  return topology ? exitCodes.ok : exitCodes.usage;
}
