// Prints the bill of materials of an installation of vimi: CycloneDX 1.5, out of package-lock.json.
//   node infra/sbom.mjs > vimi.cdx.json
// npm writes it. `npm sbom --omit dev` (npm 11.19) also leaves out what a tool for development needs as well, such as zod: so
// all is asked for, and what is for development alone is taken out here.
import { execFileSync } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const cwd = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const options = ['--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
const bill = JSON.parse(execFileSync('npm', ['sbom', ...options], { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 }));

/** @type {(component: { properties?: { name: string }[] }) => boolean} */
const forDevelopment = ({ properties = [] }) => properties.some(({ name }) => name === 'cdx:npm:package:development');
bill.metadata.component.name = 'vimi';
bill.components = bill.components.filter((/** @type {object} */ one) => !forDevelopment(one));
const left = new Set([
  bill.metadata.component['bom-ref'],
  ...bill.components.map((/** @type {Record<string, string>} */ one) => one['bom-ref']),
]);
bill.dependencies = bill.dependencies
  .filter((/** @type {{ ref: string }} */ { ref }) => left.has(ref))
  .map((/** @type {{ ref: string, dependsOn?: string[] }} */ { ref, dependsOn = [] }) => ({
    ref,
    dependsOn: dependsOn.filter((one) => left.has(one)),
  }));
console.log(JSON.stringify(bill, null, 2));
