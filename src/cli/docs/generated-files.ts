import { type SchemaName, schemas } from '../../events/schemas.js';
import type { Operator } from '../../flow/operator.js';
import { testFileSchema, topologySchema } from '../../streams/topology/json-schema.js';
import { schemaFile, testSchemaFile } from '../../streams/topology/schema-line.js';
import type { Topology } from '../../streams/topology/topology.js';
import { graph } from '../graph.js';
import { alertRules, alertsPage, alertTests } from './alerts/alert-files.js';
import { asyncapi, jsonSchema } from './asyncapi.js';
import { chartFiles } from './chart/chart-files.js';
import { commandsPage } from './commands-page.js';
import { dashboard } from './dashboard.js';
import { errorsPage } from './errors-page.js';
import { httpPage, type OpenApi } from './http-page.js';
import { metricsPage } from './metrics-page.js';
import { operatorIndex, operatorPage } from './operator-pages.js';
import { topicsPage } from './topics-page.js';
import { topologyPage } from './topology-page.js';

/** Folders that hold generated files alone: what else lies in them is stale. */
export const generatedFolders = ['docs/reference/schemas', 'docs/reference/operators'];

/** Every generated file of the documentation and of the Helm chart, by its path from the top of the project. */
export function generatedFiles(
  topology: Topology,
  operators: readonly Operator[],
  version: string,
  topologyText: string,
  openapi: OpenApi,
): Map<string, string> {
  const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;
  return new Map([
    ...(Object.keys(schemas) as SchemaName[]).map((schema): [string, string] => [
      `docs/reference/schemas/${schema}.schema.json`,
      json(jsonSchema(schema, 'draft-2020-12')),
    ]),
    [schemaFile, json(topologySchema(operators))],
    [testSchemaFile, json(testFileSchema())],
    ['docs/reference/asyncapi.json', json(asyncapi(topology, version))],
    ['docs/reference/openapi.json', json(openapi)],
    ['docs/reference/http.md', httpPage(openapi)],
    ['docs/reference/topics.md', topicsPage(topology)],
    ['docs/reference/topology.md', topologyPage()],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/commands.md', commandsPage()],
    ['docs/reference/errors.md', errorsPage()],
    ['docs/reference/alerts.md', alertsPage()],
    ['infra/prometheus/alerts.yaml', alertRules()],
    ['infra/prometheus/alerts.test.yaml', alertTests()],
    ['infra/grafana/dashboards/vimi.json', dashboard()],
    ...chartFiles(operators, version, topologyText),
    ['docs/reference/pipelines.svg', graph(topology, 'svg')],
    ['docs/reference/operators/README.md', operatorIndex(operators)],
    ...operators.map((operator): [string, string] => [
      `docs/reference/operators/${operator.name}.md`,
      operatorPage(operator),
    ]),
  ]);
}
