/** Whether this machine has a process of that number, whoever owns it. A number may be used again by another one. */
export function processRuns(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // EPERM: it is somebody else's.
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
