/** What is summed over all pixels of a frame. Whole numbers. */
export interface PixelSums {
  /** Of the grey of each pixel by BT.601, 256 steps a level: 0 to 65280. */
  greys: number;
  /** Of its square. */
  squares: number;
  /** How far the bytes of both frames are apart. */
  colours: number;
  /** How far their greys are apart. */
  changes: number;
}

/*
 * To read a pixel takes 7 nanoseconds in JavaScript, and one with vector instructions. These are in pixel-sums.wat, from
 * which infra/compile-wat.mjs makes the line below. Frames are copied into the module's memory a piece at a time, which
 * stays in the processor's cache. The numbers are the same as those of a loop in JavaScript, to the last bit.
 */
const code =
  'AGFzbQEAAAABFARgAXsBe2ABewF8YAJ/fABgAX8AAwUEAAECAwUDAQACBxACBm1lbW9yeQIAA2FkZAADCtICBGAAIAD9DAAQARADEAQQBhAHEAkQChD9Dv0Mi0wjS4tMI0uLTCNLi0wjS/26ASAA/QwBEAIQBBAFEAcQCBAKEAsQ/Q79DCNLLx0jSy8dI0svHSNLLx39ugH9rgFBCP2tAQsaACAA/RsAIAD9GwFqIAD9GwIgAP0bA2pquAsPACAAIAArAwAgAaA5AwALwwECAX8HewNAIAEgAEkEQCAB/QAEACECIAH9AASAgAQhAyACEAAhBCAFIAT9rgEhBSAGIAQgBP3eASAEIAT93wH9zgH9zgEhBiAIIAQgAxAA/bEB/aAB/a4BIQggByACIAP9cyADIAL9c/1Q/Qz///////////////8AAAAA/U79ff1//a4BIQcgAUEMaiEBDAELC0GAwAcgBRABEAJBiMAHIAb9HQAgBv0dAXy6EAJBkMAHIAcQARACQZjAByAIEAEQAgs=';

const pieceBytes = 49_152;
const otherAt = 65_536;
const sumsAt = 122_880;

/** TypeScript knows it only where there is a web page. */
declare const WebAssembly: {
  Module: new (code: Buffer) => object;
  Instance: new (module: object) => { exports: unknown };
};

interface PixelSumsModule {
  memory: { buffer: ArrayBuffer };
  /** Adds what is in so many bytes of both frames. */
  add(bytes: number): void;
}

let opened: { bytes: Uint8Array; sums: Float64Array; add: PixelSumsModule['add'] } | undefined;

/** Opened when a frame comes: V8 reserves 10 GB of addresses, which a process that reads no films may be without. */
function open() {
  const module = new WebAssembly.Module(Buffer.from(code, 'base64'));
  const { memory, add } = new WebAssembly.Instance(module).exports as PixelSumsModule;
  return { bytes: new Uint8Array(memory.buffer), sums: new Float64Array(memory.buffer, sumsAt, 4), add };
}

/** Two frames of one size: RGB bytes. OUT_OF_MEMORY where the process may not have the addresses. */
export function pixelSums(one: Uint8Array, other: Uint8Array): PixelSums {
  opened ??= open();
  const { bytes, sums, add } = opened;
  sums.fill(0);
  for (let from = 0; from < one.length; from += pieceBytes) {
    const size = Math.min(pieceBytes, one.length - from);
    bytes.set(one.subarray(from, from + size), 0);
    bytes.set(other.subarray(from, from + size), otherAt);
    const whole = Math.ceil(size / 12) * 12;
    // Black pixels of both count for nothing.
    bytes.fill(0, size, whole).fill(0, otherAt + size, otherAt + whole);
    add(whole);
  }
  const [greys, squares, colours, changes] = sums as unknown as [number, number, number, number];
  return { greys, squares, colours, changes };
}
