import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { processRuns } from '../../src/core/process-runs.js';

test('a process runs until it has ended; what is no process number runs never', async () => {
  expect(processRuns(process.pid)).toBe(true);
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  expect(processRuns(child.pid!)).toBe(true);
  child.stdin.end();
  await once(child, 'exit');
  expect(processRuns(child.pid!)).toBe(false);
  for (const pid of [0, -1, 1.5, Number.NaN]) expect(processRuns(pid), String(pid)).toBe(false);
});
