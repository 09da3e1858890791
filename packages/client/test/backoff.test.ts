import { expect, it } from 'vitest';
import { backoffDelay } from '../src/backoff.js';
import { DEFAULT_TIMINGS } from '../src/timings.js';

it.each([
  // failures, random, delay
  [0, 0, 100],
  [0, 0.5, 150],
  [0, 1, 200],
  [1, 1, 400],
  [2, 0, 400],
  [3, 1, 1_600],
  [4, 1, 2_000],
  [4, 0, 1_000],
  [50, 1, 2_000],
  [5_000, 0.5, 1_500],
])('after %i failures, with random %d, waits %i ms', (failures, random, delay) => {
  expect(backoffDelay(failures, random, DEFAULT_TIMINGS)).toBe(delay);
});
