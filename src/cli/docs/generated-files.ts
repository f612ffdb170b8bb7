import { type SchemaName, schemas } from '../../events/schemas.js';
import type { Operator } from '../../operators/operator.js';
import type { Topology } from '../../streams/topology/topology.js';
import { graph } from '../graph.js';
import { asyncapi, jsonSchema } from './asyncapi.js';
import { errorsPage } from './errors-page.js';
import { metricsPage } from './metrics-page.js';
import { operatorIndex, operatorPage } from './operator-pages.js';
import { topicsPage } from './topics-page.js';

/** Folders that hold generated files alone: what else lies in them is stale. */
export const generatedFolders = ['docs/schemas', 'docs/operators'];

/** Every generated file of the documentation, by its path from the top of the project. */
export function generatedFiles(
  topology: Topology,
  operators: readonly Operator[],
  version: string,
): Map<string, string> {
  const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
  return new Map([
    ...(Object.keys(schemas) as SchemaName[]).map((schema): [string, string] => [
      `docs/schemas/${schema}.schema.json`,
      json(jsonSchema(schema, 'draft-2020-12')),
    ]),
    ['docs/asyncapi.json', json(asyncapi(topology, version))],
    ['docs/topics.md', topicsPage(topology)],
    ['docs/metrics.md', metricsPage()],
    ['docs/errors.md', errorsPage()],
    ['docs/pipelines.svg', graph(topology, 'svg')],
    ['docs/operators/README.md', operatorIndex(operators)],
    ...operators.map((operator): [string, string] => [`docs/operators/${operator.name}.md`, operatorPage(operator)]),
  ]);
}
