import { backoffDelay } from './backoff.js';
import { browserKnock, onWake, type Knock } from './browser.js';
import { systemClock, type Clock } from './clock.js';
import { Heartbeat } from './heartbeat.js';
import { Listeners } from './listeners.js';
import { readMetricMessage, type MetricMessage } from './metrics.js';
import { OUTBOX_LIMIT_CHARS, OUTBOX_LIMIT_MESSAGES, Outbox } from './outbox.js';
import { abandon, openSocket, type SocketConstructor, type SocketLike } from './socket.js';
import { DEFAULT_TIMINGS, type Timings } from './timings.js';

/**
 * - `connecting`: the first attempt has neither opened nor failed for long.
 * - `live`: open.
 * - `reconnecting`: lost a moment ago, trying again.
 * - `disconnected`: attempts have failed for the grace period; still trying, for ever.
 * - `closed`: `close()` was called. Final.
 */
export type ConnectionState = 'connecting' | 'live' | 'reconnecting' | 'disconnected' | 'closed';

/** `sent`: handed to the socket. `queued`: waits for the next connection. `refused`: dropped, and an `error` says why. */
export type SendOutcome = 'sent' | 'queued' | 'refused';

export interface ClientError {
  /** `malformed`: the server sent what we cannot read. `server`: it reported an error. `outbox`: a `send` was refused. */
  kind: 'malformed' | 'server' | 'connection' | 'outbox';
  message: string;
  /** What it was about, as received or thrown. */
  cause?: unknown;
}

export interface ClientEvents {
  state: ConnectionState;
  /** Every JSON message, except the heartbeat's own. */
  message: unknown;
  /** Every metric message, read into one shape. */
  metrics: MetricMessage;
  error: ClientError;
}

export interface ClientOptions {
  /** A function is asked before every attempt, so that it can fetch a fresh token or address. When it fails, so does the attempt. */
  url: string | (() => string | Promise<string>);
  protocols?: string | string[];
  /** Defaults to the global one. On Node before 22 pass the one of the `ws` package. */
  WebSocket?: SocketConstructor;
  timings?: Partial<Timings>;
  clock?: Clock;
  random?: () => number;
  /** How to find out that the host answers before a socket is tried again; `false` never asks. Browsers use `fetch`. */
  knock?: Knock | false;
}

/** Every eighth attempt goes straight to the socket: a policy may forbid the knock and allow the socket. */
const KNOCK_BYPASS_EVERY = 8;
/** Close code (of the application's range) for a connection whose heartbeat failed. */
const CLOSE_HEARTBEAT = 4000;
const CLOSE_NORMAL = 1000;
/** `WebSocket.OPEN`. A socket that is closing would swallow what it is given. */
const SOCKET_OPEN = 1;

/** A WebSocket that comes back. It starts on construction and works until `close()`. */
export class SluicegateClient {
  #listeners = new Listeners<ClientEvents>();
  #outbox = new Outbox();
  #state: ConnectionState = 'connecting';

  #socket: SocketLike | undefined;
  #heartbeat: Heartbeat;
  #retryTimer: unknown;
  #attemptTimer: unknown;
  #graceTimer: unknown;
  #stopWaking: () => void;

  /** Goes up with each attempt; an answer to an older one is ignored. */
  #attempt = 0;
  #attemptInFlight = false;
  #attemptStartedAt = 0;
  #failures = 0;
  #openedAt = 0;
  #downSince: number;

  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #timings: Timings;
  readonly #knock: Knock | undefined;
  readonly #Socket: SocketConstructor;

  constructor(private readonly options: ClientOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.#knock = options.knock === false ? undefined : (options.knock ?? browserKnock);
    this.#Socket = options.WebSocket ?? globalWebSocket();
    this.#heartbeat = new Heartbeat(
      this.#clock,
      this.#timings,
      () => this.#socket?.send('{"action":"ping"}'),
      () => this.#onHeartbeatFailed(),
    );
    this.#stopWaking = onWake(() => this.#onWake());
    this.#downSince = this.#clock.now();
    this.#startGrace();
    // Not at once, so that handlers added right after construction see every event.
    this.#retryTimer = this.#clock.setTimeout(() => void this.#connect(), 0);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Calls `handler` for each event from now on. Returns the unsubscription. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    handler: (payload: ClientEvents[Name]) => void,
  ): () => void {
    return this.#listeners.on(name, handler);
  }

  /** Sends a JSON message, or keeps it for the next connection. What was sent and then lost is not sent again. */
  send(message: object): SendOutcome {
    const text = JSON.stringify(message);
    if (this.#state === 'closed') return this.#refuse('the client is closed', message);
    if (this.#socket?.readyState === SOCKET_OPEN) {
      if (this.#socket.bufferedAmount + text.length > OUTBOX_LIMIT_CHARS)
        return this.#refuse('the connection is too slow: 1 MiB is waiting already', message);
      this.#socket.send(text);
      return 'sent';
    }
    if (this.#outbox.push(text)) return 'queued';
    return this.#refuse(
      `no connection, and ${OUTBOX_LIMIT_MESSAGES} messages or 1 MiB wait already`,
      message,
    );
  }

  /** Tries again at once instead of waiting for the backoff. Does nothing while live or while an attempt runs. */
  retryNow(): void {
    if (this.#state === 'live' || this.#state === 'closed' || this.#attemptInFlight) return;
    this.#clock.clearTimeout(this.#retryTimer);
    void this.#connect();
  }

  /** Ends the connection for good. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#attempt += 1;
    this.#clock.clearTimeout(this.#retryTimer);
    this.#clock.clearTimeout(this.#graceTimer);
    this.#stopWaking();
    this.#dropSocket(CLOSE_NORMAL, '');
    this.#setState('closed');
    this.#listeners.clear();
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    this.#attemptInFlight = true;
    this.#attemptStartedAt = this.#clock.now();
    this.#attemptTimer = this.#clock.setTimeout(
      () => this.#onFailed(),
      this.#timings.connectTimeout,
    );
    try {
      const given = this.options.url;
      const url = typeof given === 'function' ? await given() : given;
      if (attempt !== this.#attempt) return;
      const knocks = this.#knock && this.#failures % KNOCK_BYPASS_EVERY !== 0;
      const answered = knocks ? await this.#knock(url, this.#timings.connectTimeout) : true;
      if (attempt !== this.#attempt) return;
      if (answered) this.#open(url);
      else this.#onFailed();
    } catch (cause) {
      if (attempt !== this.#attempt) return;
      this.#report('connection', `cannot open a WebSocket: ${describe(cause)}`, cause);
      this.#onFailed();
    }
  }

  #open(url: string): void {
    this.#socket = openSocket(this.#Socket, url, this.options.protocols, {
      open: () => this.#onOpen(),
      message: (data) => this.#onMessage(data),
      gone: () => (this.#state === 'live' ? this.#onLost() : this.#onFailed()),
    });
  }

  #onOpen(): void {
    this.#attemptInFlight = false;
    this.#clock.clearTimeout(this.#attemptTimer);
    this.#clock.clearTimeout(this.#graceTimer);
    this.#openedAt = this.#clock.now();
    this.#heartbeat.start();
    // Handlers of `live` come first: what they send (a login, a subscription) precedes what waited.
    this.#setState('live');
    for (const text of this.#outbox.drain()) this.#socket?.send(text);
  }

  #onHeartbeatFailed(): void {
    this.#dropSocket(CLOSE_HEARTBEAT, 'heartbeat timeout');
    this.#onLost();
  }

  #onLost(): void {
    this.#dropSocket(CLOSE_NORMAL, '');
    const now = this.#clock.now();
    const wasStable = now - this.#openedAt >= this.#timings.stableAfter;
    this.#failures = wasStable ? 0 : this.#failures + 1;
    this.#downSince = now;
    this.#attemptStartedAt = now;
    this.#startGrace();
    this.#retryLater(wasStable ? 0 : this.#failures);
    this.#setState('reconnecting');
  }

  #onFailed(): void {
    // Whatever of this attempt still answers is ignored.
    this.#attempt += 1;
    this.#attemptInFlight = false;
    this.#dropSocket(CLOSE_NORMAL, '');
    this.#failures += 1;
    this.#retryLater(this.#failures);
    this.#judgeGrace();
  }

  /** Delays count from the start of one attempt to the start of the next: a slow failure has waited already. */
  #retryLater(failures: number): void {
    const delay = backoffDelay(failures, this.#random(), this.#timings);
    const spent = this.#clock.now() - this.#attemptStartedAt;
    this.#retryTimer = this.#clock.setTimeout(
      () => void this.#connect(),
      Math.max(0, delay - spent),
    );
  }

  #startGrace(): void {
    this.#clock.clearTimeout(this.#graceTimer);
    this.#graceTimer = this.#clock.setTimeout(() => this.#judgeGrace(), this.#timings.grace);
  }

  #judgeGrace(): void {
    const waiting = this.#state === 'connecting' || this.#state === 'reconnecting';
    const graceOver = this.#clock.now() - this.#downSince >= this.#timings.grace;
    if (waiting && graceOver && this.#failures > 0) this.#setState('disconnected');
  }

  #onWake(): void {
    if (this.#state === 'live') return this.#heartbeat.check();
    const sinceLast = this.#clock.now() - this.#attemptStartedAt;
    // Several wake events come together; one attempt is enough.
    if (sinceLast >= this.#timings.backoffBase) this.retryNow();
  }

  #onMessage(data: unknown): void {
    this.#heartbeat.life();
    if (typeof data !== 'string')
      return this.#report('malformed', 'a binary frame arrived; this client reads JSON text', data);
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      return this.#report('malformed', 'a message is not JSON', data);
    }
    this.#dispatch(message);
  }

  #dispatch(message: unknown): void {
    if (isRecord(message) && message.type === 'pong') return;
    const complaint = serverComplaint(message);
    if (complaint !== undefined) this.#report('server', complaint, message);
    const metrics = readMetricMessage(message);
    for (const problem of metrics?.problems ?? []) this.#report('malformed', problem, message);
    if (metrics?.message) this.#listeners.emit('metrics', metrics.message);
    this.#listeners.emit('message', message);
  }

  #dropSocket(code: number, reason: string): void {
    this.#clock.clearTimeout(this.#attemptTimer);
    this.#heartbeat.stop();
    if (this.#socket) abandon(this.#socket, code, reason);
    this.#socket = undefined;
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#listeners.emit('state', state);
  }

  #refuse(why: string, message: object): SendOutcome {
    this.#report('outbox', `message not sent: ${why}`, message);
    return 'refused';
  }

  #report(kind: ClientError['kind'], message: string, cause?: unknown): void {
    this.#listeners.emit('error', { kind, message, cause });
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Our handlers answer `{"type":"error","message"}`; the gateway itself `{"message","connectionId","requestId"}`. */
function serverComplaint(message: unknown): string | undefined {
  if (!isRecord(message)) return undefined;
  const isError = message.type === 'error' || 'connectionId' in message;
  if (!isError) return undefined;
  return typeof message.message === 'string' ? message.message : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function globalWebSocket(): SocketConstructor {
  const found = (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
  if (found) return found;
  throw new Error(
    'no WebSocket in this runtime: pass { WebSocket } from the "ws" package, or use Node 22 or newer',
  );
}
