/** The part of the browser's `WebSocket` that the client uses; the `ws` package has it as well. */
export interface SocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocols?: string | string[]) => SocketLike;

export interface SocketEvents {
  open(): void;
  message(data: unknown): void;
  /** Exactly once, whether the socket never opened, was closed by the server, or broke. */
  gone(reason: string): void;
}

/** Opens a socket and wires it so that `gone` comes exactly once. Throws what the constructor throws. */
export function openSocket(
  Socket: SocketConstructor,
  url: string,
  protocols: string | string[] | undefined,
  events: SocketEvents,
): SocketLike {
  const socket = protocols === undefined ? new Socket(url) : new Socket(url, protocols);
  socket.onopen = () => events.open();
  socket.onmessage = (event: { data: unknown }) => events.message(event.data);
  // An `error` event says nothing that scripts may read, and `close` always follows it.
  socket.onerror = () => {};
  socket.onclose = (event: { code: number; reason: string }) => {
    silence(socket);
    events.gone(event.reason ? `${event.code} ${event.reason}` : String(event.code));
  };
  return socket;
}

/** Lets go of a socket without waiting: a dead peer would never answer the close handshake. */
export function abandon(socket: SocketLike, code: number, reason: string): void {
  silence(socket);
  socket.close(code, reason);
}

function silence(socket: SocketLike): void {
  socket.onopen = null;
  socket.onmessage = null;
  socket.onclose = null;
  // Kept as a no-op: in Node an `error` event without a listener ends the process.
  socket.onerror = () => {};
}
