import { backUp, type CopiedObjects, restore } from '../../app/backup.js';
import { secretPath } from '../../app/webhooks/secret-file.js';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { version } from '../../core/version.js';
import { keyPath } from '../../server/keys/key-file.js';
import type { Topology } from '../../streams/topology/topology.js';
import { progress } from '../progress.js';
import { scaled } from '../scaled.js';

type Command = typeof writeBackup;

/** Writes a backup of the embedded profile, also while it runs. */
export async function writeBackup(
  { topology }: Workspace,
  to: string,
  { json, signal }: { json?: boolean; signal: AbortSignal },
  out: NodeJS.WritableStream,
): Promise<void> {
  const { manifest, objects } = await withBar((onObject) =>
    backUp(topology, to, { version, ...privateFiles(topology), onObject, signal }),
  );
  const { made, log } = manifest;
  if (json) out.write(`${JSON.stringify({ folder: to, ...manifest, objects })}\n`);
  else out.write(`${to}: the log as of ${made} (${scaled(log.size, 'B')}), ${told(objects)}\n`);
}

/** Puts a backup where the profile has nothing yet. */
export const restoreBackup: Command = async ({ topology }, from, { json, signal }, out) => {
  const { manifest, objects } = await withBar((onObject) =>
    restore(topology, from, { ...privateFiles(topology), onObject, signal }),
  );
  if (json) out.write(`${JSON.stringify({ folder: from, ...manifest, objects })}\n`);
  else
    out.write(
      `restored the log as of ${manifest.made}, and ${told(objects)}\nThe index is made anew when something first needs it. Events that came after the backup are gone: publish them again.\n`,
    );
};

function privateFiles({ folder }: Topology): { keys: string; webhooks: string } {
  return { keys: keyPath(folder), webhooks: secretPath(folder) };
}

function told({ count, bytes, copied }: CopiedObjects): string {
  const size = bytes > 0 ? ` (${scaled(bytes, 'B')})` : '';
  return `${counted(count, 'object')}${size}${copied < count ? `, ${copied} of them new` : ''}`;
}

async function withBar<T>(work: (onObject: (done: number) => void) => Promise<T>): Promise<T> {
  const bar = progress('objects');
  try {
    return await work((done) => bar.update(done, 0));
  } finally {
    bar.finish();
  }
}
