/*
 * A network as a list of operations on numbers of fixed shapes: what trace.ts makes of running it once, and what is written
 * as an ONNX file. Operations have the names and attributes of tfjs's kernels.
 */

/** Where numbers go from one operation to others. */
export interface Edge {
  id: number;
  shape: readonly number[];
}

export interface Operation {
  kernel: string;
  /** By the kernel's own names of what it takes; of kernels that take a list, '0', '1', ... */
  inputs: Readonly<Record<string, Edge>>;
  attributes: Readonly<Record<string, unknown>>;
  outputs: readonly Edge[];
}

export interface Graph {
  inputs: ReadonlyMap<string, Edge>;
  outputs: ReadonlyMap<string, Edge>;
  /** In the order in which they can be run. */
  operations: readonly Operation[];
  /** Edges that are parameters of the model, by their names; no numbers are here. */
  weights: ReadonlyMap<string, Edge>;
  /** Edges that are always the same. */
  constants: ReadonlyMap<Edge, ArrayLike<number>>;
}

/** Without what no output depends on; inputs stay, used or not. */
export function needed({ inputs, outputs, operations, weights, constants }: Graph): Graph {
  const used = new Set<Edge>(outputs.values());
  const kept = operations
    .toReversed()
    .filter((operation) => {
      if (!operation.outputs.some((edge) => used.has(edge))) return false;
      for (const edge of Object.values(operation.inputs)) used.add(edge);
      return true;
    })
    .toReversed();
  return {
    ...{ inputs, outputs, operations: kept },
    weights: new Map([...weights].filter(([, edge]) => used.has(edge))),
    constants: new Map([...constants].filter(([edge]) => used.has(edge))),
  };
}
