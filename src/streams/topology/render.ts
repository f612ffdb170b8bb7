import { stringify } from 'yaml';
import { plainOf } from './effective.js';
import type { Topology } from './topology.js';

export const renderFormats = ['yaml', 'json'] as const;
export type RenderFormat = (typeof renderFormats)[number];

/** A topology as it takes effect, as a topology: one profile, segments unfolded, defaults filled in, variables by their names. */
export function render({ effective }: Topology, format: RenderFormat): string {
  const plain = plainOf(effective);
  return format === 'json'
    ? `${JSON.stringify(plain, null, 2)}\n`
    : stringify(plain, { lineWidth: 0, aliasDuplicateObjects: false });
}
