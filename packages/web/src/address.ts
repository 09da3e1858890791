/** Which WebSocket address the page connects to: the server says so in `/sluicegate.json`. */

const API_ID = 'live-metrics';
/** With a single API its stage alone is an address. */
const FALLBACK_PATH = '/prod';
const TIMEOUT_MS = 4_000;

/**
 * Asked before every attempt, because a restarted server may have other APIs. Rejects when the server does not answer,
 * which spares the browser a failed WebSocket (after a dozen of those Chromium holds every further one back).
 */
export async function liveMetricsAddress(origin: string): Promise<string> {
  const answer = await fetch(new URL('/sluicegate.json', origin), {
    cache: 'no-store',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const description: unknown = answer.ok ? await answer.json().catch(() => undefined) : undefined;
  return new URL(livePath(description), origin.replace(/^http/, 'ws')).href;
}

/** The path of our API in the server's description, whatever that turns out to be. */
export function livePath(description: unknown): string {
  const apis = (description as { apis?: unknown } | null | undefined)?.apis;
  if (!Array.isArray(apis)) return FALLBACK_PATH;
  const api: unknown = apis.find((candidate) => candidate?.id === API_ID);
  const path = (api as { path?: unknown } | undefined)?.path;
  return typeof path === 'string' && path.startsWith('/') ? path : FALLBACK_PATH;
}
