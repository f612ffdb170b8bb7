// @ts-nocheck: a plain script, loaded by workers before all else
/** With SIGUSR2 the clock of the process jumps an hour ahead, and with the next one it is right again. */
const Real = Date;
let ahead = 0;
process.on('SIGUSR2', () => {
  ahead = ahead ? 0 : 3_600_000;
});
globalThis.Date = class MovingDate extends Real {
  constructor(...given) {
    super(...(given.length > 0 ? given : [Real.now() + ahead]));
  }

  static now() {
    return Real.now() + ahead;
  }
};
