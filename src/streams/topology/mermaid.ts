import type { FlowGraph, GraphNode } from './flow-graph.js';

/** A graph as a Mermaid flowchart: a box a pipeline, a box within it a segment. */
export function mermaid({ nodes, edges, apart }: FlowGraph): string {
  const lines = ['flowchart TB'];
  const pipelines = new Set(nodes.flatMap(({ kind, pipeline }) => (kind === 'step' && pipeline ? [pipeline] : [])));
  for (const node of [...nodes, ...apart]) if (node.kind !== 'step') lines.push(`  ${shape(node)}`);
  let boxes = 0;
  for (const pipeline of pipelines) {
    lines.push(`  subgraph g${boxes++}["${escaped(pipeline)}"]`);
    let open: string | undefined;
    for (const node of nodes) {
      if (node.kind !== 'step' || node.pipeline !== pipeline) continue;
      if (open !== node.segment) {
        if (open) lines.push('    end');
        if (node.segment) lines.push(`    subgraph g${boxes++}["${escaped(node.segment)}"]`);
        open = node.segment;
      }
      lines.push(`${open ? '      ' : '    '}${shape(node)}`);
    }
    if (open) lines.push('    end');
    lines.push('  end');
  }
  for (const [from, to] of edges) lines.push(`  ${from} --> ${to}`);
  return `${lines.join('\n')}\n`;
}

function shape({ id, kind, label, note }: GraphNode): string {
  const text = `"${escaped(label)}${note ? `<br/><small>${escaped(note)}</small>` : ''}"`;
  if (kind === 'topic') return `${id}[(${text})]`;
  return kind === 'objects' ? `${id}[/${text}/]` : `${id}[${text}]`;
}

/** Mermaid writes characters as #code; within quotes. */
function escaped(text: string): string {
  return text.replace(/[^\w .,/:@=+-]/gu, (character) => `#${character.codePointAt(0)};`);
}
