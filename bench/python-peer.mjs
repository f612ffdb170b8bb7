import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** A process in Python that answers one request after the other, a line of JSON each. */
export class PythonPeer {
  /** `bench`: whose setup.sh made its environment, in .cache; `script`: below this folder. */
  constructor(bench, script, { args = [], env = {} } = {}) {
    const python = here(`../.cache/${bench}/bin/python`);
    if (!existsSync(python)) throw new Error(`Its Python is not set up: bash bench/${bench}/setup.sh`);
    this.child = spawn(python, [here(script), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async ask(request) {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error('The Python side ended; its last words are above');
    return JSON.parse(value);
  }

  end() {
    this.child.stdin.end();
  }
}
