import type { PipelineRow } from '../../app/looks/rows.js';
import type { FlowGraph } from '../../streams/topology/flow-graph.js';
import type { Topology } from '../../streams/topology/topology.js';
import { rate, time } from './figures.js';

/**
 * A graph with what happens in it instead of schemas: of each step its rate, the events in it and their time; of each topic that a pipeline
 * reads, the events that wait.
 */
export function withLiveNotes(graph: FlowGraph, outline: Topology['outline'], rows: readonly PipelineRow[]): FlowGraph {
  const rowOf = new Map(rows.map((row) => [row.pipeline, row]));
  const nodes = graph.nodes.map(({ note: _, ...node }) => {
    const note = node.kind === 'topic' ? waitingIn(node.label) : node.kind === 'step' ? stepNote(node) : undefined;
    return note === undefined ? node : { ...node, note };
  });
  return { ...graph, nodes };

  function stepNote({ pipeline = '', label }: { pipeline?: string; label: string }): string | undefined {
    const step = rowOf.get(pipeline)?.steps.find((one) => one.step === label);
    if (!step) return undefined;
    const p99 = step.p99 === null ? [] : [`p99 ${time(step.p99)}`];
    return [rate(step.rate), `${step.in_flight} in flight`, ...p99].join(', ');
  }

  /** Of all pipelines that read it here. */
  function waitingIn(topic: string): string | undefined {
    const readers = outline.flatMap(({ name, from }) => (from === topic ? (rowOf.get(name) ?? []) : []));
    if (readers.length === 0) return undefined;
    const waits = readers.map((row) => (row.waiting === null ? null : Math.max(0, row.waiting - row.in_flight)));
    const paused = readers.some((row) => row.paused.length > 0) ? ', paused' : '';
    if (waits.includes(null)) return `waiting unknown${paused}`;
    return `${waits.reduce((sum: number, wait) => sum + wait!, 0)} waiting${paused}`;
  }
}
