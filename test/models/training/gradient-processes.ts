import { execFileSync } from 'node:child_process';

/** Running gradient processes that this process, or the named one, started. */
export function gradientProcesses(parent: number | undefined = process.pid): number[] {
  return list().flatMap(({ pid, ppid, args }) => (ppid === parent && args.includes('gradient-process') ? [pid] : []));
}

/** Whether it is there, and not only waits to be counted. */
export const runs = (pid: number) => list().some((one) => one.pid === pid);

function list(): { pid: number; ppid: number; args: string }[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, ppid, state, args] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return state === undefined || state.startsWith('Z') ? [] : [{ pid: Number(pid), ppid: Number(ppid), args: args! }];
  });
}
