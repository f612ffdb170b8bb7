import { flowGraph } from '../streams/topology/flow-graph.js';
import { mermaid } from '../streams/topology/mermaid.js';
import { svg } from '../streams/topology/svg.js';
import type { Topology } from '../streams/topology/topology.js';

export const graphFormats = ['mermaid', 'svg'] as const;
export type GraphFormat = (typeof graphFormats)[number];

/** The topology as an image: text for Mermaid, or an SVG file's text. Values from the environment stand by their names. */
export function graph(topology: Topology, format: GraphFormat): string {
  return { mermaid, svg }[format](flowGraph(topology));
}
