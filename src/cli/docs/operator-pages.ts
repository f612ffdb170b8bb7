import { z } from 'zod';
import { markdownTable } from '../../core/markdown-table.js';
import type { Operator } from '../../flow/operator.js';
import { fenced, fieldRows } from './markdown.js';

/** One page an operator, from its spec. */
export function operatorPage(operator: Operator): string {
  const { name, summary, contract, config, example, needs, optional, adds, product, codes, counters } = operator;
  const settings = fieldRows(z.toJSONSchema(config, { io: 'input', target: 'draft-2020-12' }));
  const list = (fields: readonly string[]) => fields.map((field) => `\`${field}\``).join(', ') || 'nothing';
  return `${[
    `# ${name}`,
    summary,
    fenced('yaml', example),
    markdownTable(
      ['', ''],
      [
        ['**In**', contract.in],
        ['**Out**', contract.out],
        ['**Drops**', contract.drops],
        ['**Fails**', contract.fails],
        ['**Memory**', contract.memory],
      ],
    ),
    '## Settings',
    settings.length > 0 ? markdownTable(['Name', 'Values', 'Default', 'Meaning'], settings) : 'None.',
    ...meanings(
      '## Own error codes',
      ['Code', 'What to do'],
      mapped(codes, ({ remedy }) => remedy),
    ),
    ...meanings('## Counters', ['`vimi_operator_count_total{counter}`', 'What is counted'], counters),
    '## Place in a pipeline',
    `It needs ${list(needs)} from the steps before it${optional.length > 0 ? `, reads ${list(optional)} where there` : ''}, and adds ${list(adds)}.${
      product
        ? ` Its products are \`${product.schema}\`; an object's name may hold ${product.fields.map((field) => `\`{${field}}\``).join(', ')}.`
        : ''
    }`,
  ].join('\n\n')}\n`;
}

function meanings(title: string, head: [string, string], rows: Readonly<Record<string, string>>): string[] {
  const entries = Object.entries(rows).map(([name, text]) => [`\`${name}\``, text]);
  return entries.length > 0 ? [title, markdownTable(head, entries)] : [];
}

function mapped<T>(record: Readonly<Record<string, T>>, text: (value: T) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, text(value)]));
}

export function operatorIndex(operators: readonly Operator[]): string {
  const rows = operators.map(({ name, summary }) => [`[${name}](${name}.md)`, summary]);
  return `# Operators\n\nEvery step that topology.yaml can name. These pages are generated from the specs of the operators.\n\n${markdownTable(['Step', 'What it does'], rows)}\n`;
}
