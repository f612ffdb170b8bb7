import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vimi-report-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Outcome = { fullName: string; status: string; failureMessages: string[] };

async function summed(testResults: { name: string; status: string; message: string; assertionResults: Outcome[] }[]) {
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const count = (status: string) => all.filter((one) => one.status === status).length;
  const report = {
    ...{ numPassedTests: count('passed'), numFailedTests: count('failed') },
    ...{ numPendingTests: count('pending'), numTodoTests: 0, testResults },
  };
  const file = join(folder, 'report.json');
  await writeFile(file, JSON.stringify(report));
  return printed(file);
}

async function printed(file: string) {
  const run = promisify(execFile)(process.execPath, ['infra/test-report.mjs', file]);
  const { code = 0, stdout } = (await run.catch((thrown: { code: number; stdout: string }) => thrown)) as {
    code?: number;
    stdout: string;
  };
  return { code, lines: stdout.trimEnd().split('\n') };
}

const passed = { fullName: 'adds', status: 'passed', failureMessages: [] };
const failed = {
  fullName: 'subtracts',
  status: 'failed',
  failureMessages: ['expected 1 to be 2\n    at sum.test.ts:3'],
};
const ofFile = (name: string, assertionResults: Outcome[], message = '') => ({
  ...{ name: join(process.cwd(), name), assertionResults, message },
  status: assertionResults.length === 0 || assertionResults.includes(failed) ? 'failed' : 'passed',
});

it('ends with the count, and well where all passed', async () => {
  expect(await summed([ofFile('sum.test.ts', [passed])])).toEqual({ code: 0, lines: ['1 passed, 0 failed'] });
});

it('names what failed and why, above the count', async () => {
  const { code, lines } = await summed([
    ofFile('sum.test.ts', [passed, failed]),
    ofFile('broken.test.ts', [], 'no such module'),
  ]);
  expect(code).toBe(1);
  expect(lines).toEqual([
    'failed: sum.test.ts: subtracts',
    '  expected 1 to be 2',
    '      at sum.test.ts:3',
    'failed: broken.test.ts: did not run',
    '  no such module',
    '1 passed, 2 failed',
  ]);
});

it('does not let a skipped test pass', async () => {
  const { code, lines } = await summed([ofFile('sum.test.ts', [passed, { ...passed, status: 'pending' }])]);
  expect(code).toBe(1);
  expect(lines).toEqual(['skipped tests: 1; none may be', '1 passed, 0 failed']);
});

it('takes a report that is not there for a failure', async () => {
  const { code, lines } = await printed(join(folder, 'none.json'));
  expect(code).toBe(1);
  expect(lines.at(-1)).toBe('0 passed, 1 failed');
});
