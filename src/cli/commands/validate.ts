import type { Operator } from '../../operators/operator.js';
import { mistakeLine } from '../../streams/topology/mistake.js';
import { checkTopologyFile } from '../../streams/topology/read-topology.js';
import { exitCodes } from '../exit.js';

export interface ValidateOptions {
  profile?: string;
  json?: boolean;
  env: Record<string, string | undefined>;
  operators: readonly Operator[];
}

/**
 * Checks a topology and prints every mistake as compilers do, `file:line:column error message`; with `json`, one object
 * { file, mistakes }. Gives the exit code. TOPOLOGY_NOT_FOUND when there is no such file.
 */
export async function validate(
  file: string,
  { json, ...options }: ValidateOptions,
  out: NodeJS.WritableStream,
): Promise<number> {
  const { topology, mistakes } = await checkTopologyFile(file, options);
  if (json) out.write(`${JSON.stringify({ file, mistakes })}\n`);
  else if (topology) {
    const { profile, pipelines, topics } = topology;
    out.write(
      `${file}: no mistakes (${counted(pipelines.length, 'pipeline')}, ${counted(topics.size, 'topic')}, profile ${profile.name})\n`,
    );
  } else out.write(`${mistakes.map(mistakeLine).join('\n')}\n\n${counted(mistakes.length, 'mistake')}\n`);
  return topology ? exitCodes.ok : exitCodes.usage;
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}
