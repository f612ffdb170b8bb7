// Asks for a video, shows how far it is, and saves it.
//   node make-video.mjs "a fox moves left" fox.mp4
import { openClient } from 'vimi/client';

const [prompt = 'a fox moves left', file = 'video.mp4'] = process.argv.slice(2);
const client = await openClient({ topology: process.env.VIMI_TOPOLOGY, profile: process.env.VIMI_PROFILE });
const job = await client.submit({ prompt });
for await (const { state, progress } of job.changes()) console.log(state, progress ?? '');
await client.save(await job.video(), file);
await client.close();
