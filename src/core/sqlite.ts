import { createRequire } from 'node:module';
import type Database from 'better-sqlite3';

const require = createRequire(import.meta.url);

/**
 * SQLite, by the release of better-sqlite3 that fits this Node. From 13 on it needs Node-API 10, which came with Node 22.14; 12 ends
 * the process in Node 24.19 and newer when garbage is collected.
 */
export const SqliteFile: typeof Database = load();

function load() {
  if (Number(process.versions.napi) < 10) return require('better-sqlite3');
  try {
    return require('better-sqlite3-13');
  } catch (error) {
    // Installed without what is optional.
    if ((error as { code?: string }).code === 'MODULE_NOT_FOUND') return require('better-sqlite3');
    throw error;
  }
}
