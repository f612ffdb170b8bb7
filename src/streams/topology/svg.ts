import { cutText } from '../../core/cut-text.js';
import type { FlowGraph, GraphNode } from './flow-graph.js';

const node = { height: 36, gap: 26, least: 112, most: 300 };
const margin = 28;
/** Between two columns, and around a segment. */
const column = { gap: 56, title: 34 };
const character = 7.4;
/** Characters of a note where a label has one. */
const noteDensity = 1.3;

interface Box {
  node: GraphNode;
  x: number;
  y: number;
  width: number;
}

/**
 * A graph as an SVG image: a column a pipeline, flowing down, a row a layer. It reads on light and dark backgrounds. All
 * text is escaped; no script, no reference to anything outside.
 */
export function svg(graph: FlowGraph): string {
  const { boxes, titles, width, bottom } = layout(graph);
  const apart = layoutApart(graph.apart, bottom, width);
  const fullWidth = Math.max(width, apart.width);
  const all = [...boxes.values()];
  const height = apart.bottom + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${fullWidth} ${height}" width="${fullWidth}" height="${height}" role="img" aria-label="The topology">`,
    `<style>${style}</style>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>',
    `<rect class="background" width="${fullWidth}" height="${height}"/>`,
    ...titles.map(({ text, x }) => label('title', text, x, margin)),
    ...segments(all),
    ...graph.edges.map(([from, to]) => edge(boxes.get(from)!, boxes.get(to)!)),
    ...[...all, ...apart.boxes].map(shape),
    ...(apart.boxes.length > 0 ? [label('note', 'written by steps, or by the runtime', apart.x, apart.top - 10)] : []),
    '</svg>\n',
  ].join('\n');
}

function layout({ nodes, edges }: FlowGraph) {
  const layers = layersOf(nodes, edges);
  const columns = [...new Set(nodes.map(({ pipeline }) => pipeline ?? ''))];
  const rows = new Map<string, GraphNode[]>();
  for (const each of nodes) {
    const place = `${each.pipeline ?? ''} ${layers.get(each.id)}`;
    rows.set(place, [...(rows.get(place) ?? []), each]);
  }
  const boxes = new Map<string, Box>();
  const titles: { text: string; x: number }[] = [];
  let left = margin;
  let bottom = 0;
  for (const name of columns) {
    const own = [...rows.entries()].filter(([place]) => place.startsWith(`${name} `)).map(([, row]) => row);
    const width = Math.max(...own.map(rowWidth));
    for (const row of own) {
      let x = left + (width - rowWidth(row)) / 2;
      const y = margin + column.title + layers.get(row[0]!.id)! * (node.height + node.gap);
      bottom = Math.max(bottom, y + node.height);
      for (const each of row) {
        boxes.set(each.id, { node: each, x, y, width: widthOf(each) });
        x += widthOf(each) + node.gap;
      }
    }
    titles.push({ text: name, x: left + width / 2 });
    left += width + column.gap;
  }
  return { boxes, titles, width: left - column.gap + margin, bottom };
}

function layoutApart(nodes: GraphNode[], above: number, width: number) {
  const top = above + (nodes.length > 0 ? 64 : 0);
  const total = rowWidth(nodes);
  const x = Math.max(margin, (width - total) / 2);
  let left = x;
  const boxes = nodes.map((each): Box => {
    const box = { node: each, x: left, y: top, width: widthOf(each) };
    left += box.width + node.gap;
    return box;
  });
  const bottom = nodes.length > 0 ? top + node.height : above;
  return { boxes, top, x: x + total / 2, bottom, width: total + 2 * margin };
}

/** The longest way to each node from where nothing flows in; an edge that closes a circle does not count. */
function layersOf(nodes: GraphNode[], edges: [string, string][]): Map<string, number> {
  const before = new Map<string, string[]>();
  for (const [from, to] of edges) before.set(to, [...(before.get(to) ?? []), from]);
  const layers = new Map<string, number>();
  const onTheWay = new Set<string>();
  const layer = (id: string): number => {
    const known = layers.get(id);
    if (known !== undefined) return known;
    if (onTheWay.has(id)) return -1;
    onTheWay.add(id);
    const found = Math.max(-1, ...(before.get(id) ?? []).map(layer)) + 1;
    onTheWay.delete(id);
    layers.set(id, found);
    return found;
  };
  for (const { id } of nodes) layer(id);
  return layers;
}

function segments(boxes: Box[]): string[] {
  const drawn: string[] = [];
  let run: Box[] = [];
  const close = () => {
    const [first, last] = [run[0], run.at(-1)];
    const name = first?.node.segment;
    if (first && last && name) {
      const width = Math.max(...run.map((box) => box.width)) + 28;
      const x = first.x + first.width / 2 - width / 2;
      const y = first.y - 11;
      const height = last.y + node.height + 11 - y;
      drawn.push(`<rect class="segment" x="${x}" y="${y}" width="${width}" height="${height}" rx="12"/>`);
      drawn.push(
        `<text class="segment-name" transform="translate(${x + width + 13} ${y + height / 2}) rotate(90)">${escaped(name)}</text>`,
      );
    }
    run = [];
  };
  for (const box of boxes) {
    const before = run.at(-1)?.node;
    if (before && (before.segment !== box.node.segment || before.pipeline !== box.node.pipeline)) close();
    run.push(box);
  }
  close();
  return drawn;
}

function edge(from: Box, to: Box): string {
  const [x1, y1] = [from.x + from.width / 2, from.y + node.height];
  const [x2, y2] = [to.x + to.width / 2, to.y - 2];
  const bend = Math.max(12, Math.abs(y2 - y1) / 2);
  return `<path class="edge" marker-end="url(#tip)" d="M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}"/>`;
}

function shape({ node: { kind, label: text, note }, x, y, width }: Box): string {
  const radius = kind === 'topic' ? node.height / 2 : kind === 'step' ? 6 : 2;
  const middle = x + width / 2;
  return [
    `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${node.height}" rx="${radius}"/>`,
    label('label', cut(text), middle, y + (note ? 16 : 23)),
    ...(note ? [label('note', cut(note, noteDensity), middle, y + 29)] : []),
  ].join('');
}

function label(kind: string, text: string, x: number, y: number): string {
  return `<text class="${kind}" x="${x}" y="${y}">${escaped(text)}</text>`;
}

function rowWidth(row: GraphNode[]): number {
  return row.reduce((sum, each) => sum + widthOf(each), 0) + Math.max(0, row.length - 1) * node.gap;
}

function widthOf({ label: text, note = '' }: GraphNode): number {
  const wanted = Math.max(text.length, note.length / noteDensity) * character + 32;
  return Math.round(Math.min(node.most, Math.max(node.least, wanted)));
}

function cut(text: string, density = 1): string {
  const most = Math.floor(((node.most - 32) / character) * density);
  return text.length > most ? `${cutText(text, most - 1)}…` : text;
}

function escaped(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML allows none of them.
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '').replace(/[&<>"']/g, (found) => entities[found]!);
}

const style = `
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;text-anchor:middle;fill:#1f2328}
.title{font-size:15px;font-weight:600}
.note{font-size:10.5px;fill:#59636e}
.segment-name{font-size:11px;fill:#8250df;letter-spacing:.08em}
.background{fill:#ffffff}
.topic{fill:#ddf4ff;stroke:#0969da}
.step{fill:#f6f8fa;stroke:#59636e}
.objects{fill:#fff8c5;stroke:#9a6700}
.segment{fill:#fbefff;stroke:#8250df;stroke-dasharray:5 4}
.edge{fill:none;stroke:#59636e;stroke-width:1.4}
.tip{fill:#59636e}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.note{fill:#9198a1}
.segment-name{fill:#be8fff}
.background{fill:#0d1117}
.topic{fill:#0c2d6b;stroke:#4493f8}
.step{fill:#212830;stroke:#9198a1}
.objects{fill:#3b2e00;stroke:#d29922}
.segment{fill:#1e1533;stroke:#ab7df8}
.edge{stroke:#9198a1}
.tip{fill:#9198a1}
}
`;
