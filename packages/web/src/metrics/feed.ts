/** From the socket to the query cache. */
import type { SluicegateClient } from '@sluicegate/client';
import { useQuery, skipToken, type QueryClient } from '@tanstack/react-query';
import { applyToBoard, EMPTY_BOARD, type Board, type BoardEvent } from './board';

export const METRICS_KEY = ['metrics'] as const;

/** Bursts reach the page in batches, ten times a second at most; a lone message is shown at once. */
const BATCH_MS = 100;
/** Events that wait for the next batch at most. A hidden tab is woken rarely and must not hoard. */
const PENDING_LIMIT = 1_000;
/** When the server does not answer our question for a snapshot, the page stops waiting for it. */
const SNAPSHOT_PATIENCE_MS = 4_000;

/** Keeps the board in the cache current. Returns the end of it. */
export function startFeed(client: SluicegateClient, cache: QueryClient): () => void {
  let pending: BoardEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let patience: ReturnType<typeof setTimeout> | undefined;
  let lastFlush = -BATCH_MS;

  function flush() {
    clearTimeout(timer);
    timer = undefined;
    lastFlush = performance.now();
    const events = pending;
    pending = [];
    cache.setQueryData<Board>(METRICS_KEY, (board = EMPTY_BOARD) =>
      applyToBoard(board, events, Date.now()),
    );
  }

  function add(event: BoardEvent) {
    pending.push(event);
    if (pending.length >= PENDING_LIMIT) return flush();
    timer ??= setTimeout(flush, Math.max(0, lastFlush + BATCH_MS - performance.now()));
  }

  const stopState = client.on('state', (state) => {
    if (state !== 'live') return;
    add({ kind: 'opened' });
    client.send({ action: 'snapshot' });
    clearTimeout(patience);
    patience = setTimeout(() => add({ kind: 'snapshot-overdue' }), SNAPSHOT_PATIENCE_MS);
  });
  const stopMetrics = client.on('metrics', (message) => {
    if (message.kind === 'snapshot' && message.last) clearTimeout(patience);
    add(message);
  });

  return () => {
    stopState();
    stopMetrics();
    clearTimeout(timer);
    clearTimeout(patience);
  };
}

/** The board, as the feed keeps it. Nothing is ever fetched: news comes by itself. */
export function useBoard(): Board {
  const { data } = useQuery<Board>({
    queryKey: METRICS_KEY,
    queryFn: skipToken,
    staleTime: Infinity,
    gcTime: Infinity,
    // The board shares what did not change itself; comparing every point again would cost more than drawing.
    structuralSharing: false,
  });
  return data ?? EMPTY_BOARD;
}
