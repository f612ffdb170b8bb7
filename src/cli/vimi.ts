#!/usr/bin/env node
/*
 * The command. It looks at the version of Node before anything else is loaded: an older one would end in an error of its
 * own, which says nothing of versions.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `vimi needs Node 20.19 or newer: this is ${process.versions.node}\n  → Install one (nvm install 20), then type \`npm ci\` under it: compiled modules belong to one version.\n`,
  );
  process.exitCode = 2;
} else await import('./main.js');

export {};
