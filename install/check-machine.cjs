/*
 * Says whether vimi can be installed here, and what to type if not: `node install/check-machine.cjs`, before `npm ci`, for
 * the tools that npm calls say it in their own words. Plain enough for an old Node to read. With --node it looks at Node
 * alone: the compiler is needed only where no ready-made module is found.
 */
const { spawnSync } = require('node:child_process');

const works = (command, args) =>
  Boolean(command) && spawnSync(command, args, { encoding: 'utf8', timeout: 20000 }).status === 0;
const nodeAlone = process.argv[2] === '--node';
const mistakes = [];

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19))
  mistakes.push(
    `Node ${process.versions.node} is too old: 20.19 or newer is needed. With nvm: nvm install 20. Then npm ci under that Node.`,
  );

if (!nodeAlone && process.platform !== 'win32') {
  const { npm_config_python: configured, PYTHON, CXX, MAKE } = process.env;
  const isNew = ['-c', 'import sys; sys.exit(sys.version_info < (3, 6))'];
  if (![configured, PYTHON, 'python3', 'python'].some((name) => works(name, isNew)))
    mistakes.push(
      'There is no Python 3, which compiling modules takes. Debian, Ubuntu: apt-get install python3. Fedora: dnf install python3. Alpine: apk add python3. macOS: xcode-select --install.',
    );
  const compiles = [CXX, 'g++', 'clang++', 'c++'].some((name) => works(name, ['--version']));
  if (!compiles || ![MAKE, 'make', 'gmake'].some((name) => works(name, ['--version'])))
    mistakes.push(
      `There is no ${compiles ? 'make' : 'C++ compiler'}. Debian, Ubuntu: apt-get install build-essential. Fedora: dnf install gcc-c++ make. Alpine: apk add build-base. macOS: xcode-select --install.`,
    );
}

for (const mistake of mistakes) process.stderr.write(`vimi: ${mistake}\n`);
if (mistakes.length === 0 && !nodeAlone) process.stdout.write('vimi: this machine has what the installation needs\n');
process.exitCode = mistakes.length > 0 ? 1 : 0;
