import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { written } from '../../app/topology-tests/compare.js';
import { runTopologyTest, type TestedEvent, type TestResult } from '../../app/topology-tests/run-topology-test.js';
import { didYouMean } from '../../core/did-you-mean.js';
import { VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import { operators } from '../../operators/index.js';
import { readTestFile, readTopology } from '../../streams/topology/read-topology.js';
import type { TopologyTest } from '../../streams/topology/tests.js';
import type { Topology } from '../../streams/topology/topology.js';

export interface TestOptions {
  /** Only these tests. */
  name?: string[];
  /** One object a test. */
  json?: boolean;
  log: Log;
  env?: Record<string, string | undefined>;
}

/**
 * Runs the tests of a topology and of the files beside it that are named after it (`topology.test.yaml`,
 * `topology.media.test.yaml`), or of one such file. Prints each, and of one that fails what differs and where, and each of
 * its events after each step. False: some failed. USAGE where there is no test.
 */
export async function testTopology(file: string, options: TestOptions, out: NodeJS.WritableStream): Promise<boolean> {
  const { env = process.env, log, json, name: wanted } = options;
  const one = /^([^.]+)\.(?:.+\.)?test\.ya?ml$/.exec(basename(file));
  const topologyFile = one ? join(dirname(file), `${one[1]}.yaml`) : file;
  const topology = await readTopology(topologyFile, { env, operators, profile: null });
  const files = one ? [file] : besides(file);
  const all = [...(one ? [] : topology.tests), ...files.flatMap((path) => readTestFile(path, topology, env))];
  const tests = chosen(all, wanted, file);
  const here = process.cwd();
  let failed = 0;
  try {
    // Relative names of media start at the current folder: at the topology, wherever its tests are run from.
    process.chdir(topology.folder);
    for (const test of tests) {
      const result = await runTopologyTest(test, topology, log);
      if (result.differences.length > 0) failed++;
      out.write(json ? `${JSON.stringify(asJson(result))}\n` : asText(result, topology));
    }
  } finally {
    process.chdir(here);
  }
  if (!json) out.write(`\n${tests.length - failed} passed, ${failed} failed\n`);
  return failed === 0;
}

function besides(file: string): string[] {
  const folder = dirname(file);
  const stem = basename(file).replace(/\.ya?ml$/, '');
  return readdirSync(resolve(folder))
    .filter((name) => name.startsWith(`${stem}.`) && /\.test\.ya?ml$/.test(name))
    .sort()
    .map((name) => (folder === '.' ? name : join(folder, name)));
}

function chosen(tests: TopologyTest[], wanted: string[] | undefined, file: string): TopologyTest[] {
  const names = tests.map(({ name }) => name);
  if (tests.length === 0)
    throw new VimiError('USAGE', 'No tests were found', {
      expected: "a section 'tests' in the topology, or in a file beside it such as topology.test.yaml",
      where: file,
    });
  for (const name of wanted ?? [])
    if (!names.includes(name))
      throw new VimiError('USAGE', `There is no test '${name}'${didYouMean(name, names)}`, {
        expected: names.map((one) => `'${one}'`).join(', '),
        where: file,
      });
  return wanted ? tests.filter(({ name }) => wanted.includes(name)) : tests;
}

function asText({ test, differences, events, seconds }: TestResult, topology: Topology): string {
  if (differences.length === 0) return `ok    ${test.name} (${seconds.toFixed(1)} s)\n`;
  return [
    `FAIL  ${test.name} (${seconds.toFixed(1)} s)`,
    ...differences.flatMap(({ path, line, column, expected, got }) => [
      `  ${test.file}:${line}:${column} ${path}`,
      `    - expected ${expected}`,
      `    + got      ${got}`,
    ]),
    ...events.flatMap((event) => eventLines(event, topology)),
    '',
  ].join('\n');
}

function eventLines({ pipeline, number, id, steps, outcome }: TestedEvent, { pipelines }: Topology): string[] {
  const names = pipelines.find(({ name }) => name === pipeline)?.steps.map(({ name }) => name) ?? [];
  const width = Math.max(...names.map((name) => name.length), 'outcome'.length);
  const line = (name: string, text: string) => `    ${name.padEnd(width)}  ${text}`;
  return [
    `  event ${number} of ${pipeline} (${id}), after each step:`,
    ...steps.map(({ step, part, fields }) => {
      const added = Object.entries(fields).map(([name, value]) => `${name}: ${written(value)}`);
      return line(step, `${part && `part ${part}: `}${added.join('\n'.padEnd(width + 7)) || 'as before'}`);
    }),
    line('outcome', outcomeText(outcome)),
  ];
}

function outcomeText(finished: TestedEvent['outcome']): string {
  if (!finished) return 'none';
  const { outcome, reason, code, step, error } = finished;
  if (outcome === 'dropped') return `dropped: ${reason}`;
  return outcome === 'rejected' ? `rejected at ${step}: ${code}: ${error}` : outcome;
}

function asJson({ test, differences, events, seconds }: TestResult): object {
  const { name, file, place } = test;
  return { name, file, ...place, passed: differences.length === 0, seconds, differences, events };
}
