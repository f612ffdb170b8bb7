import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { z } from 'zod';
import type { Operator } from '../../../flow/operator.js';
import { topologySchema } from '../../../streams/topology/json-schema.js';
import { alertRules } from '../alerts/alert-files.js';
import { dashboard } from '../dashboard.js';
import { chartValues } from './values.js';

const folder = 'infra/helm/vimi';
const generated = ' Generated from src/cli/docs/chart/values.ts: npm run docs';

/** What the Helm chart takes from the code: its values, their schema, and the files that its templates pass on. */
export function chartFiles(operators: readonly Operator[], version: string, topologyText: string): [string, string][] {
  return [
    [`${folder}/Chart.yaml`, chart(version)],
    [`${folder}/values.yaml`, valuesFile()],
    [`${folder}/values.schema.json`, `${JSON.stringify(valuesSchema(operators), forGo)}\n`],
    [`${folder}/files/topology.yaml`, topologyText.replace(/^# yaml-language-server.*\n#\n/, '')],
    [`${folder}/files/alerts.yaml`, alertRules()],
    [`${folder}/files/dashboard.json`, dashboard()],
  ];
}

function chart(version: string): string {
  return `# Generated from src/cli/docs/chart: npm run docs
apiVersion: v2
name: vimi
description: Grounded video generation as a stream
type: application
version: ${version}
appVersion: "${version}"
kubeVersion: ">=1.30.0-0"
`;
}

/** `topology` is checked by the schema of topology.yaml itself. */
function valuesSchema(operators: readonly Operator[]): object {
  const { $schema, ...values } = z.toJSONSchema(chartValues, { io: 'input', target: 'draft-07' });
  const { $schema: _, title, definitions, ...topology } = topologySchema(operators);
  return {
    $schema,
    title: 'Values of the Helm chart of vimi',
    ...values,
    properties: {
      ...values.properties,
      topology: { anyOf: [{ type: 'object', maxProperties: 0 }, topology] },
      // Helm gives it to every chart that another one includes.
      global: { type: 'object' },
    },
    definitions,
  };
}

/** Helm's regular expressions are Go's, where repeats of repeats may come to 1000 at most: the outer one loses its bound. */
function forGo(key: string, value: unknown): unknown {
  return key === 'pattern' && typeof value === 'string' ? value.replace(/\)\{0,\d+\}/g, ')*') : value;
}

/** The defaults, each under what is said of it. */
function valuesFile(): string {
  const document = parseDocument(JSON.stringify(chartValues.parse({})));
  document.commentBefore = generated;
  inBlocks(document.contents as YAMLMap, chartValues);
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  return `${text}\n# The topology itself, as in topology.yaml. Empty: the one of this chart, files/topology.yaml.\ntopology: {}\n`;
}

function inBlocks(map: YAMLMap, schema: z.ZodType): void {
  map.flow = map.items.length === 0;
  for (const { key, value } of map.items as Pair[]) {
    const settings = bare(schema);
    const field =
      settings instanceof z.ZodObject
        ? (settings.shape[String((key as { value: unknown }).value)] as z.ZodType)
        : undefined;
    if (isScalar(key)) {
      key.type = 'PLAIN';
      const said = field?.description;
      if (said) key.commentBefore = ` ${said}`;
    }
    if (isMap(value)) inBlocks(value, field ?? z.unknown());
    else if (isScalar(value) && typeof value.value === 'string' && value.value !== '')
      value.type = plain(value.value) ? 'PLAIN' : 'QUOTE_DOUBLE';
  }
}

/** Without what only says a default. */
function bare(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
    ? bare(schema.unwrap() as z.ZodType)
    : schema;
}

/** A text that YAML takes for a text. */
const plain = (text: string) => /^[A-Za-z][\w./:-]*$/.test(text) && !/^(true|false|null|yes|no|on|off)$/i.test(text);
