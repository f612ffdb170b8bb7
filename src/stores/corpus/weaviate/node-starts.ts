import type { WeaviateHttp } from './http.js';

/**
 * By node: where the cluster's log of commands (Raft) stood when the node was started. After a command has been added to the
 * log, whichever node starts shows another number than before. The engine tells nothing else that outlives a restart.
 */
export type NodeStarts = Record<string, number>;

/** Of the nodes that are ready: one that is just starting does not know its number yet. */
export async function nodeStarts(http: WeaviateHttp): Promise<NodeStarts> {
  const { json } = await http.call('GET', '/v1/cluster/statistics');
  const { statistics } = json as {
    statistics?: ({ name?: string; initialLastAppliedIndex?: number; ready?: boolean } | null)[];
  };
  const starts: NodeStarts = {};
  for (const node of statistics ?? [])
    if (node?.name && node.ready) starts[node.name] = node.initialLastAppliedIndex ?? 0;
  return starts;
}

/** A node was started again. */
export function isStartedAgain(before: NodeStarts, now: NodeStarts): boolean {
  return Object.entries(now).some(([node, start]) => node in before && before[node] !== start);
}
