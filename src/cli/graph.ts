import { type FlowGraph, flowGraph } from '../streams/topology/flow-graph.js';
import { mermaid } from '../streams/topology/mermaid.js';
import { svg } from '../streams/topology/svg.js';
import type { Topology } from '../streams/topology/topology.js';

export const graphFormats = ['mermaid', 'svg', 'json'] as const;
export type GraphFormat = (typeof graphFormats)[number];

const json = (graph: FlowGraph) => `${JSON.stringify(graph, null, 2)}\n`;

/** The topology as text for Mermaid, an SVG file's text, or nodes and edges as JSON. Values from the environment stand by their names. */
export function graph(topology: Topology, format: GraphFormat): string {
  return { mermaid, svg, json }[format](flowGraph(topology));
}
