// A process that consumes a group until it is killed: node hold-group.mjs LOG GROUP TOPIC. Says "holding" once it does.
import { openEmbedded } from '../../../../dist/streams/transports/embedded/open-embedded.js';

const [path = '', group = '', topic = ''] = process.argv.slice(2);
const transport = openEmbedded({ path });
await transport.consume({
  group,
  topics: [topic],
  drainMs: 1000,
  onAssigned: () => undefined,
  onRevoked: async () => undefined,
  onError: (error) => {
    throw error;
  },
});
process.stdout.write('holding\n');
setInterval(() => undefined, 1000);
