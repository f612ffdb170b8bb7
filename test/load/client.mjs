// @ts-nocheck: a plain script
/** A client of a service that may be killed: it asks again until it is answered, as clients of a real service do. */
import { setTimeout as sleep } from 'node:timers/promises';

/** A service that is gone for longer than this is lost. Milliseconds. */
const patienceMs = 180_000;

/** `survives`: answers that do not come, or may be old (Age), and 503, are asked for again. */
export class Client {
  constructor(url, { survives = false } = {}) {
    Object.assign(this, { url, survives, repeats: 0, reconnects: 0 });
  }

  async json(path, init = {}) {
    const end = performance.now() + patienceMs;
    for (;;) {
      let trouble;
      try {
        const answer = await fetch(`${this.url}${path}`, { ...init, signal: AbortSignal.timeout(60_000) });
        const body = await answer.json();
        const isOld = this.survives && answer.headers.has('age');
        if (answer.ok && !isOld) return body;
        trouble = new Error(`${init.method ?? 'GET'} ${path}: ${answer.status} ${JSON.stringify(body)}`);
        if (!isOld && ![502, 503].includes(answer.status)) throw Object.assign(trouble, { isAnswer: true });
      } catch (thrown) {
        if (!this.survives || thrown.isAnswer || performance.now() > end) throw thrown;
      }
      if (!this.survives || performance.now() > end) throw trouble;
      this.repeats++;
      await sleep(200);
    }
  }

  /**
   * The events of a job to its end, over as many connections as it takes: each new one names the last event that came.
   * `came`: the version with which each connection went on, and where it began.
   */
  async follow(job) {
    const events = [];
    const connections = [];
    const end = performance.now() + 30 * 60_000;
    let isOver = false;
    while (!isOver) {
      const last = events.at(-1)?.id;
      try {
        const headers = last === undefined ? {} : { 'last-event-id': last };
        const answer = await fetch(`${this.url}/v1/videos/${job}/events`, { headers });
        if (answer.status === 204) break;
        if (answer.status === 502 || answer.status === 503) throw new Error(`status ${answer.status}`);
        if (!answer.ok) throw Object.assign(new Error(`events of ${job}: ${answer.status}`), { isAnswer: true });
        const before = events.length;
        let text = '';
        try {
          for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
            text += chunk;
            const blocks = text.split('\n\n');
            text = blocks.pop();
            for (const block of blocks) {
              const one = eventOf(block);
              if (one) events.push(one);
            }
            isOver = events.at(-1)?.event === 'end';
          }
        } finally {
          if (events.length > before && last !== undefined) connections.push({ after: last, first: events[before].id });
        }
        if (!isOver && !this.survives)
          throw Object.assign(new Error(`the stream of ${job} broke off`), { isAnswer: true });
      } catch (thrown) {
        if (!this.survives || thrown.isAnswer || performance.now() > end) throw thrown;
      }
      if (isOver) break;
      this.reconnects++;
      await sleep(100);
    }
    return { events, connections };
  }
}

function eventOf(block) {
  const field = (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const data = field('data');
  return data === undefined ? undefined : { id: field('id'), event: field('event'), data: JSON.parse(data) };
}
