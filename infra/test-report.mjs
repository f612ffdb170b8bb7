#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

/*
 * Sums up vitest's JSON reports: what failed, with the first lines of why, and last the line `N passed, N failed`. Exits with 1 where
 * something failed or was skipped, where a report has no test that passed, or where there is no report.
 *
 *   node infra/test-report.mjs REPORT ...
 */

const linesOfMessage = 12;
const sums = { passed: 0, failed: 0, skipped: 0 };
let isEmpty = false;
for (const path of process.argv.slice(2)) {
  if (!existsSync(path)) {
    tell(`${path}: there is none`, 'what writes it did not come to its end');
    continue;
  }
  const report = JSON.parse(readFileSync(path, 'utf8'));
  sums.passed += report.numPassedTests;
  sums.skipped += report.numPendingTests + report.numTodoTests;
  if (report.numPassedTests === 0) {
    isEmpty = true;
    console.log(`${path}: no test passed`);
  }
  for (const { name, status, message, assertionResults } of report.testResults) {
    const file = relative(process.cwd(), name);
    const failed = assertionResults.filter((one) => one.status === 'failed');
    for (const { fullName, failureMessages } of failed) tell(`${file}: ${fullName}`, failureMessages.join('\n'));
    if (status === 'failed' && failed.length === 0) tell(`${file}: did not run`, message);
  }
}
if (sums.skipped > 0) console.log(`skipped tests: ${sums.skipped}; none may be`);
console.log(`${sums.passed} passed, ${sums.failed} failed`);
process.exitCode = sums.failed > 0 || sums.skipped > 0 || isEmpty ? 1 : 0;

/** @param {string} what @param {string} why */
function tell(what, why) {
  sums.failed++;
  console.log(`failed: ${what}`);
  for (const line of (why ?? '').split('\n').slice(0, linesOfMessage)) console.log(`  ${line}`);
}
