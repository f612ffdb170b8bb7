import { z } from 'zod';
import type { Operator } from '../../operators/operator.js';
import { fenced, fieldRows, table } from './markdown.js';

/** One page an operator, from its spec. */
export function operatorPage({ name, summary, contract, config, example, needs, adds, product }: Operator): string {
  const settings = fieldRows(z.toJSONSchema(config, { io: 'input', target: 'draft-2020-12' }));
  const list = (fields: readonly string[]) => fields.map((field) => `\`${field}\``).join(', ') || 'nothing';
  return `${[
    `# ${name}`,
    summary,
    fenced('yaml', example),
    table(
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
    settings.length > 0 ? table(['Name', 'Values', 'Default', 'Meaning'], settings) : 'None.',
    '## Place in a pipeline',
    `It needs ${list(needs)} from the steps before it, and adds ${list(adds)}.${
      product
        ? ` Its products are \`${product.schema}\`; an object's name may hold ${product.fields.map((field) => `\`{${field}}\``).join(', ')}.`
        : ''
    }`,
  ].join('\n\n')}\n`;
}

export function operatorIndex(operators: readonly Operator[]): string {
  const rows = operators.map(({ name, summary }) => [`[${name}](${name}.md)`, summary]);
  return `# Operators\n\nEvery step that topology.yaml can name. These pages are generated from the operators themselves.\n\n${table(['Step', 'What it does'], rows)}\n`;
}
