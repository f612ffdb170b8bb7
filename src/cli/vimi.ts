#!/usr/bin/env node
/*
 * The command. It looks at what it was given to run on before anything else is loaded: an older Node, or one that gets no
 * addresses for what it loads, would end in an error of its own, which says nothing of the cause.
 */
import { readFileSync } from 'node:fs';

/** Bytes of addresses: Node with the libraries, without a model. */
const addressesNeeded = 3e9;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const allowed = allowedAddresses();
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `vimi needs Node 20.19 or newer: this is ${process.versions.node}\n  → Install one (nvm install 20), then run \`npm ci\` under it: compiled modules belong to one version.\n`,
  );
  process.exitCode = 2;
} else if (allowed < addressesNeeded) {
  process.stderr.write(
    `vimi needs 3 GB of address space, and 16 GB where it runs a model: \`ulimit -v\` allows ${(allowed / 1e9).toFixed(1)} GB\n  → Type \`ulimit -v unlimited\`. To limit memory, use a container or a cgroup: they count what is used, not what is reserved.\n`,
  );
  process.exitCode = 1;
} else await import('./main.js');

/** What `ulimit -v` says, in bytes. Only Linux has it, and tells it here. */
function allowedAddresses(): number {
  try {
    const soft = /^Max address space +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
