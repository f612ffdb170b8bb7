/** What a run served while one of the faults of docs/guides/find-the-cause.md was planted in it: series as they were read, 15 seconds apart. */
export interface Recorded {
  /** The heading of the fault there. */
  fault: string;
  /** The state of the scrape, and what the run served: `_` where it served nothing of that name. */
  series: Record<string, string>;
  alert: string;
  /** The labels with which the alert fires; null: it never does, because the run mended itself first. */
  raises: Record<string, string> | null;
  /** Seconds after the first look: not yet, and then. */
  silentAt: number;
  firesAt: number;
}

const paused = (fault: string, code: string, step: string): Recorded => ({
  fault,
  series: { [`vimi_paused{pipeline="generate", code="${code}", step="${step}", instance="a:9400"}`]: '_ _ 1x12' },
  alert: 'VimiPaused',
  raises: { pipeline: 'generate', code, step },
  silentAt: 135,
  firesAt: 165,
});

/** 2026-12-01: Kafka 4.1, versitygw 1.8, `generate` with the model `fake`, or `nano` where it is about the model. */
export const recordedFaults: readonly Recorded[] = [
  {
    fault: 'A broker is gone',
    series: { 'vimi_transport_waiting{instance="a:9400"}': '0 0 9 10x12' },
    alert: 'VimiBrokersAway',
    raises: { instance: 'a:9400' },
    silentAt: 135,
    firesAt: 165,
  },
  paused('The bucket is missing', 'BUCKET_NOT_FOUND', 'to'),
  {
    fault: 'An event that nobody can read',
    series: { 'vimi_rejects_total{pipeline="generate", code="EVENT_MALFORMED", step="decode"}': '_ _ 1x6' },
    alert: 'VimiDeadLetters',
    raises: { pipeline: 'generate', code: 'EVENT_MALFORMED' },
    silentAt: 15,
    firesAt: 60,
  },
  paused('Wrong weights', 'WEIGHTS_DAMAGED', 'denoise'),
  {
    fault: 'Wrong weights',
    series: { 'up{job="vimi", instance="a:9400"}': '0x12' },
    alert: 'VimiDown',
    raises: { job: 'vimi', instance: 'a:9400' },
    silentAt: 60,
    firesAt: 165,
  },
  paused('The disk is full', 'STORAGE_FULL', 'to'),
  paused('The clock is wrong', 'CLOCK_SKEWED', 'to'),
  paused('Wrong or expired credentials', 'STORAGE_DENIED', 'to'),
  {
    fault: 'An operator that never ends',
    series: {
      'vimi_step_oldest_seconds{pipeline="generate", step="wait-for-ever"}':
        '_ _ 11 27 42 57 72 87 102 117 133 148 163 178 193 208 223 239 254 269 284 300 315 330 346 361 376 392 407 423 438 453 469 484 499 515 530 545 560 575 590 606 621 636 651 666 681 697 712 727 742 757 772 787 803 818 833 848 864 879 894 909 924 939 954 970',
    },
    alert: 'VimiStepSlow',
    raises: { pipeline: 'generate', step: 'wait-for-ever' },
    silentAt: 900,
    firesAt: 945,
  },
  {
    fault: 'An operator that never ends',
    series: { 'up{job="vimi", instance="a:9400"}': '1 1 0x12' },
    alert: 'VimiDown',
    raises: { job: 'vimi', instance: 'a:9400' },
    silentAt: 135,
    firesAt: 165,
  },
  {
    fault: 'A model process that stands still',
    series: {
      'vimi_step_oldest_seconds{pipeline="generate", step="denoise"}':
        '_ 2 18 33 48 63 78 93 108 124 139 154 169 185 200 215 231 246 262 277 292 7 23 38 10 _x4',
    },
    alert: 'VimiStepSlow',
    raises: null,
    silentAt: 300,
    firesAt: 375,
  },
];
