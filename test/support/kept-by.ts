import { getEventListeners } from 'node:events';

/**
 * What a signal holds on to: its listeners, and what Node keeps in it of every AbortSignal.any that it was given to. Node 20 never lets
 * that go.
 */
export function keptBy(signal: AbortSignal): number {
  const symbol = Object.getOwnPropertySymbols(signal).find(({ description }) => description === 'kDependantSignals');
  const dependants = symbol && (signal as unknown as Record<symbol, { size: number } | null>)[symbol];
  return getEventListeners(signal, 'abort').length + (dependants?.size ?? 0);
}
