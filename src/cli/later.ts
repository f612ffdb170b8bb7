type Callable = (...args: never[]) => unknown;

/** A function of a module that is loaded when it is called: so no command waits for the code of all others. */
export function later<M, K extends keyof M>(load: () => Promise<M>, name: K) {
  type Given = Extract<M[K], Callable>;
  return async (...args: Parameters<Given>): Promise<Awaited<ReturnType<Given>>> => {
    const work = (await load())[name] as Given;
    return (await work(...(args as never[]))) as Awaited<ReturnType<Given>>;
  };
}
