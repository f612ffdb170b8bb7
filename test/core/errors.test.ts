import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asStorageError, asVimiError, errorCodes, VimiError } from '../../src/core/errors.js';

describe('an error', () => {
  it('says what was expected, what was found and where, the found shortened', () => {
    const facts = { expected: 'a fox', found: 'x'.repeat(300), where: 'media/0/1' };
    const { message } = new VimiError('MEDIA_DAMAGED', 'This is no fox', facts);
    expect(message).toBe(`This is no fox: expected a fox, found ${'x'.repeat(200)}... (300 characters) (media/0/1)`);
    expect(new VimiError('CANCELLED', 'Stopped').message).toBe('Stopped');
  });

  it('is one line, whatever a file is called', () => {
    const { message, where } = new VimiError('CANCELLED', 'Stopped', { where: 'a\n  delivered b' });
    expect([message, where]).toEqual(['Stopped (a\\n  delivered b)', 'a\n  delivered b']);
  });

  it('says what to do: what its code says, unless more is known where it is thrown', () => {
    expect(new VimiError('LOG_DAMAGED', 'Torn').remedy).toBe(errorCodes.LOG_DAMAGED.remedy);
    expect(new VimiError('LOG_DAMAGED', 'Torn', { remedy: 'Mend it.' }).remedy).toBe('Mend it.');
  });

  it('of the system has a code that says what to do; of nobody else it is a defect', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vimi-errors-'));
    writeFileSync(join(folder, 'file'), '');
    const caught = (work: () => void) => {
      try {
        work();
      } catch (thrown) {
        return asVimiError(thrown);
      }
      throw new Error('nothing was thrown');
    };
    const blocked = caught(() => mkdirSync(join(folder, 'file', 'below')));
    expect(blocked).toMatchObject({ code: 'FILE_UNUSABLE', fault: 'passing' });
    expect(asStorageError(blocked.cause)).toMatchObject({ code: 'STORAGE_UNAVAILABLE', fault: 'surroundings' });
    expect(blocked.message).toContain(join(folder, 'file', 'below'));
    rmSync(folder, { recursive: true });
    expect(asVimiError(Object.assign(new Error('full'), { code: 'ENOSPC' })).code).toBe('STORAGE_FULL');
    expect(asVimiError(new RangeError('Array buffer allocation failed')).code).toBe('OUT_OF_MEMORY');
    expect(asVimiError(Object.assign(new Error('no'), { code: 'EIO' })).fault).toBe('passing');
    for (const code of ['EROFS', 'EMFILE', 'ESTALE'])
      expect(asVimiError(Object.assign(new Error('no'), { code })).fault).toBe('surroundings');
    expect(asVimiError(new Error('Could not locate the bindings file. Tried:\n → a.node')).code).toBe(
      'INSTALL_FOREIGN',
    );
    expect(asVimiError('just text')).toMatchObject({ code: 'INTERNAL', message: 'just text' });
    expect(asVimiError(blocked)).toBe(blocked);
  });
});
