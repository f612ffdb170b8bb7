import { setTimeout as sleep } from 'node:timers/promises';
import { rowsOf } from '../app/looks/rows.js';
import { type FlowGraph, flowGraph } from '../streams/topology/flow-graph.js';
import { mermaid } from '../streams/topology/mermaid.js';
import { svg } from '../streams/topology/svg.js';
import type { Topology } from '../streams/topology/topology.js';
import { withLiveNotes } from './top/live-notes.js';
import { lookAt } from './top/look-at.js';

export const graphFormats = ['mermaid', 'svg', 'json'] as const;
export type GraphFormat = (typeof graphFormats)[number];

const json = (graph: FlowGraph) => `${JSON.stringify(graph, null, 2)}\n`;

/** The topology as text for Mermaid, an SVG file's text, or nodes and edges as JSON. Values from the environment stand by their names. */
export function graph(topology: Topology, format: GraphFormat): string {
  return drawn(flowGraph(topology), format);
}

/** Between the two looks that rates come from. */
const betweenMs = 1_000;

/** The same, with what happens in it at this moment, by the metrics of the process at this address. USAGE: none answers there. */
export async function liveGraph(
  topology: Topology,
  format: GraphFormat,
  { at, signal }: { at: string; signal: AbortSignal },
): Promise<string> {
  const before = await lookAt(at, signal);
  await sleep(betweenMs, undefined, { signal });
  const rows = rowsOf([{ before, now: await lookAt(at, signal) }]);
  return drawn(withLiveNotes(flowGraph(topology), topology.outline, rows), format);
}

function drawn(graph: FlowGraph, format: GraphFormat): string {
  return { mermaid, svg, json }[format](graph);
}
