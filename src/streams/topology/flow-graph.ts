import type { Topology } from './topology.js';

export interface GraphNode {
  id: string;
  kind: 'topic' | 'step' | 'objects';
  label: string;
  /** A topic's schemas, or what happens here. */
  note?: string;
  /** The pipeline that it belongs to; a topic belongs to the first that names it, or to none. */
  pipeline?: string;
  segment?: string;
}

export interface FlowGraph {
  nodes: GraphNode[];
  /** Ids, from and to. */
  edges: [string, string][];
  /** Topics that no pipeline reads or ends in: written by steps, or by the runtime. */
  apart: GraphNode[];
}

/** A topology as nodes and edges, to be drawn. */
export function flowGraph({ topics, outline }: Topology): FlowGraph {
  const nodes: GraphNode[] = [];
  const edges: [string, string][] = [];
  const drawn = new Map<string, GraphNode>();
  const add = (node: Omit<GraphNode, 'id'>): GraphNode => {
    const added = { ...node, id: `n${nodes.length}` };
    nodes.push(added);
    return added;
  };
  const topicNode = (label: string): Omit<GraphNode, 'id'> => ({
    kind: 'topic',
    label,
    note: topics.get(label)?.schemas.join(', '),
  });
  const topic = (label: string, pipeline: string): GraphNode => {
    const known = drawn.get(label) ?? add({ ...topicNode(label), pipeline });
    drawn.set(label, known);
    return known;
  };
  for (const { name: pipeline, from } of outline) topic(from, pipeline);
  for (const { name: pipeline, from, steps, to } of outline) {
    let last = topic(from, pipeline);
    for (const { name, segment } of steps) {
      const step = add({ kind: 'step', label: name, pipeline, ...(segment && { segment }) });
      edges.push([last.id, step.id]);
      last = step;
    }
    for (const sink of to) {
      const node =
        'topic' in sink ? topic(sink.topic, pipeline) : add({ kind: 'objects', label: sink.objects, pipeline });
      edges.push([last.id, node.id]);
    }
  }
  const apart = [...topics.keys()]
    .filter((name) => !drawn.has(name))
    .map((name, index) => ({ ...topicNode(name), id: `a${index}` }));
  return { nodes, edges, apart };
}
