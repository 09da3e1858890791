/** What a browser knows that a socket does not: that the user is back, and whether a host answers at all. */

/** Calls `wake` when the network or the user returns. Returns the unsubscription; outside browsers nothing happens. */
export function onWake(wake: () => void): () => void {
  if (typeof window === 'undefined' || typeof document === 'undefined') return () => {};
  const whenVisible = () => {
    if (document.visibilityState === 'visible') wake();
  };
  window.addEventListener('online', wake);
  window.addEventListener('focus', wake);
  window.addEventListener('pageshow', wake);
  document.addEventListener('visibilitychange', whenVisible);
  return () => {
    window.removeEventListener('online', wake);
    window.removeEventListener('focus', wake);
    window.removeEventListener('pageshow', wake);
    document.removeEventListener('visibilitychange', whenVisible);
  };
}

/** Asks by plain HTTP whether the host of a WebSocket address answers. */
export type Knock = (socketUrl: string, timeoutMs: number) => Promise<boolean>;

/**
 * Chromium punishes failed WebSocket attempts: after about a dozen it holds every further one back for 1 to 5 s, also
 * the one that would succeed. A failed `fetch` costs nothing, so the client knocks first. Any answer counts,
 * whatever its status.
 */
export const browserKnock: Knock | undefined =
  typeof window === 'undefined' || typeof fetch === 'undefined'
    ? undefined
    : (socketUrl, timeoutMs) => {
        const door = new URL('/', socketUrl.replace(/^ws/, 'http'));
        const limit = AbortSignal.timeout(timeoutMs);
        return fetch(door, {
          method: 'HEAD',
          mode: 'no-cors',
          credentials: 'omit',
          cache: 'no-store',
          signal: limit,
        }).then(
          () => true,
          () => false,
        );
      };
