// Compiles src/media/measures/pixel-sums.wat, and writes its bytes into the line of pixel-sums.ts that holds them. Needs npx, which
// fetches wabt; nothing else does, so it is no dependency.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const source = join(import.meta.dirname, '../src/media/measures/pixel-sums');
const folder = mkdtempSync(join(tmpdir(), 'vimi-wat-'));
try {
  const wasm = join(folder, 'pixel-sums.wasm');
  const program = ['-y', '-p', 'wabt@1.0.39', 'wat2wasm', `${source}.wat`, '-o', wasm];
  execFileSync('npx', program, { stdio: 'inherit' });
  const bytes = readFileSync(wasm).toString('base64');
  const holder = readFileSync(`${source}.ts`, 'utf8');
  writeFileSync(`${source}.ts`, holder.replace(/^( *)'AGFzbQ[^']*';?$/m, `$1'${bytes}';`));
  console.log(`${bytes.length} characters in ${source}.ts`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
