/** React hooks for a client that was created outside React and outlives its components. */
import { useCallback, useEffect, useRef, useSyncExternalStore } from 'react';
import type { ClientEvents, ConnectionState, SluicegateClient } from './client.js';

/** The connection state; the component renders again when it changes. */
export function useSluicegate(client: SluicegateClient): ConnectionState {
  const subscribe = useCallback((changed: () => void) => client.on('state', changed), [client]);
  return useSyncExternalStore(
    subscribe,
    () => client.state,
    () => 'connecting',
  );
}

/** Calls the newest `handler` for each event while the component is mounted. */
export function useSluicegateEvent<Name extends keyof ClientEvents>(
  client: SluicegateClient,
  name: Name,
  handler: (payload: ClientEvents[Name]) => void,
): void {
  const newest = useRef(handler);
  useEffect(() => {
    newest.current = handler;
  });
  useEffect(() => client.on(name, (payload) => newest.current(payload)), [client, name]);
}
