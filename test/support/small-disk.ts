import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A real file system of so many bytes, until the tests of this file are over; `mounted`: whether this user may mount one. */
export function smallDisk(bytes: number): { place: string; mounted: boolean } {
  const place = mkdtempSync(join(tmpdir(), 'vimi-full-'));
  const mounted = (() => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', place], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  })();
  afterAll(() => {
    // Lazily: a test that failed may have left a file open.
    if (mounted) execFileSync('umount', ['-l', place]);
    rmSync(place, { recursive: true, force: true });
  });
  return { place, mounted };
}
