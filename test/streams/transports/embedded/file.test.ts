import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openFile } from '../../../../src/streams/transports/embedded/file.js';

it('a commit is on the disk when it returns, and others read meanwhile [safety S15]', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-log-'));
  const file = openFile(join(folder, 'log.sqlite'));
  try {
    // SQLite's numbers: 2 is FULL.
    expect(file.pragma('synchronous', { simple: true })).toBe(2);
    expect(file.pragma('journal_mode', { simple: true })).toBe('wal');
  } finally {
    file.close();
    rmSync(folder, { recursive: true });
  }
});
