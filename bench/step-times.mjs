// Preloaded into vimi by bench/ingest.mjs: how long events are in each operator, waits for its turn included. It prints
// one line at the end, milliseconds of all events together by step.
import { tap } from 'rxjs';
import { operators } from '../dist/operators/index.js';

const times = {};
for (const operator of operators) {
  const { create } = operator;
  operator.create = function (...args) {
    const instance = create.apply(this, args);
    const { step } = instance;
    const began = new Map();
    const keyOf = ({ origin, part }) => `${origin.topic} ${origin.partition} ${origin.offset} ${part}`;
    const ended = (envelope) => {
      // What a step splits has a longer name than what came in.
      const key = [keyOf(envelope), keyOf({ ...envelope, origin: envelope.origin, part: '' })].find((one) =>
        began.has(one),
      );
      if (key === undefined) return;
      times[operator.name] = (times[operator.name] ?? 0) + performance.now() - began.get(key);
      began.delete(key);
    };
    instance.step = (source) =>
      step(source.pipe(tap((envelope) => began.set(keyOf(envelope), performance.now())))).pipe(tap(ended));
    return instance;
  };
}
process.once('exit', () => process.stderr.write(`STEP TIMES ${JSON.stringify(times)}\n`));
