/** One clock for all relative times of the page: a tick per second, and only texts that changed are drawn. */
import { useSyncExternalStore } from 'react';

const TICK_MS = 1_000;

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    now = Date.now();
    timer = setInterval(tick, TICK_MS);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function tick() {
  now = Date.now();
  for (const listener of listeners) listener();
}

/** What `read` makes of the current time; renders again only when that changes. */
export function useTime<Text extends string>(read: (now: number) => Text): Text {
  return useSyncExternalStore(subscribe, () => read(now));
}
