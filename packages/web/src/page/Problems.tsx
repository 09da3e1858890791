import type { ClientError, SluicegateClient } from '@sluicegate/client';
import { useSluicegateEvent } from '@sluicegate/client/react';
import { useState } from 'react';

/** Messages that could not be shown, in one quiet line: how many, and what was wrong with the last one. */
export function Problems({ client }: { client: SluicegateClient }) {
  const [count, setCount] = useState(0);
  const [last, setLast] = useState<ClientError>();
  useSluicegateEvent(client, 'error', (error) => {
    // The chip and the outage notice speak about the connection.
    if (error.kind === 'connection' || error.kind === 'outbox') return;
    setCount((before) => before + 1);
    setLast(error);
  });
  if (!last) return null;
  const said = last.kind === 'server' ? 'the server reported' : 'not readable';
  return (
    <p data-testid="problems">
      {count} {count === 1 ? 'problem' : 'problems'} with messages. The last one, {said}:{' '}
      {last.message}
    </p>
  );
}
