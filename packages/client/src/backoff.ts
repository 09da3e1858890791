import type { Timings } from './timings.js';

/**
 * The delay before the next attempt, after `failures` failed ones: exponential, capped, and jittered over its upper
 * half so that the clients of a restarted server do not return in one wave. `random` is in [0, 1).
 */
export function backoffDelay(
  failures: number,
  random: number,
  limits: Pick<Timings, 'backoffBase' | 'backoffCap'>,
): number {
  const ceiling = Math.min(limits.backoffCap, limits.backoffBase * 2 ** failures);
  return ceiling * (0.5 + random / 2);
}
