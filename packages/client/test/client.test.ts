import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import {
  OUTBOX_LIMIT_MESSAGES,
  SluicegateClient,
  type ClientError,
  type ClientOptions,
  type ConnectionState,
  type SocketConstructor,
} from '../src/index.js';
import { TestServer } from './server.js';

/** Short, but with the proportions of the real ones. */
const TIMINGS = {
  backoffBase: 10,
  backoffCap: 50,
  connectTimeout: 2_000,
  stableAfter: 0,
  grace: 60,
  heartbeatInterval: 40,
  heartbeatTimeout: 400,
};

let server: TestServer;
let clients: SluicegateClient[];

beforeEach(async () => {
  server = await TestServer.start();
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  await server.stop();
});

function connect(options: Partial<ClientOptions> = {}) {
  const client = new SluicegateClient({
    url: server.url,
    WebSocket: WebSocket as unknown as SocketConstructor,
    timings: TIMINGS,
    ...options,
  });
  clients.push(client);
  const states: ConnectionState[] = [client.state];
  const errors: ClientError[] = [];
  client.on('state', (state) => states.push(state));
  client.on('error', (error) => errors.push(error));
  return { client, states, errors };
}

function reached(client: SluicegateClient, state: ConnectionState): Promise<void> {
  return vi.waitFor(() => expect(client.state).toBe(state), { timeout: 5_000, interval: 2 });
}

describe('the connection', () => {
  it('goes live, says reconnecting after a 1001, disconnected after the grace, and live again', async () => {
    const { client, states } = connect();
    await reached(client, 'live');

    await server.stop();
    await reached(client, 'disconnected');
    await server.restart();
    await reached(client, 'live');

    expect(states).toEqual(['connecting', 'live', 'reconnecting', 'disconnected', 'live']);
  });

  it('is live within three seconds of the return of the server, with the default timings', async () => {
    const { client } = connect({ timings: {} });
    await reached(client, 'live');
    await server.stop();
    await reached(client, 'disconnected');

    await server.restart();
    const back = performance.now();
    await reached(client, 'live');

    expect(performance.now() - back).toBeLessThan(3_000);
  });

  it('says disconnected when there was never a server', async () => {
    await server.stop();
    const { client, states } = connect();

    await reached(client, 'disconnected');

    expect(states).toEqual(['connecting', 'disconnected']);
    await server.restart();
    await reached(client, 'live');
  });

  it('survives a server that vanishes without a close frame', async () => {
    const { client, states } = connect();
    const socket = await server.nextSocket();
    await reached(client, 'live');

    socket.terminate();
    await reached(client, 'reconnecting');
    await reached(client, 'live');

    expect(states).toEqual(['connecting', 'live', 'reconnecting', 'live']);
  });

  it('backs off from a server that accepts and hangs up at once', async () => {
    // Given a server that never keeps a connection, and a client that calls one second stable
    const { client } = connect({ timings: { ...TIMINGS, stableAfter: 1_000 }, random: () => 1 });
    const opened: number[] = [];
    client.on('state', (state) => {
      if (state === 'live') opened.push(performance.now());
    });
    // When it hangs up five times
    for (let round = 0; round < 5; round += 1) (await server.nextSocket()).close(1011);
    await reached(client, 'live');
    // Then the waits have grown to the cap instead of starting afresh
    const gaps = opened.slice(1).map((at, index) => at - opened[index]!);
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(TIMINGS.backoffCap - 5);
  });

  it('asks the url function before every attempt', async () => {
    const tokens = ['a', 'b'];
    const paths: string[] = [];
    class Recorded extends WebSocket {
      constructor(url: string) {
        super(url);
        paths.push(new URL(url).search);
      }
    }
    const { client } = connect({
      url: () => `${server.url}?token=${tokens.shift()}`,
      WebSocket: Recorded as unknown as SocketConstructor,
    });
    await reached(client, 'live');
    server.sockets[0]!.terminate();
    await reached(client, 'reconnecting');
    await reached(client, 'live');
    expect(paths).toEqual(['?token=a', '?token=b']);
  });

  it('reports an address that cannot be one, and keeps trying', async () => {
    const { client, errors } = connect({ url: 'not an address' });
    await reached(client, 'disconnected');
    expect(errors[0]).toMatchObject({ kind: 'connection' });
    expect(errors[0]!.message).toContain('not an address');
  });

  it('stays closed', async () => {
    const { client } = connect();
    await reached(client, 'live');
    client.close();
    expect(client.state).toBe('closed');
    expect(client.send({ action: 'snapshot' })).toBe('refused');
    client.retryNow();
    await vi.waitFor(() => expect(server.sockets).toHaveLength(0));
    expect(client.state).toBe('closed');
  });
});

describe('the heartbeat', () => {
  it('pings a silent connection and keeps it when the answer comes', async () => {
    const { client, states } = connect();
    await vi.waitFor(() => expect(server.pings).toBeGreaterThanOrEqual(3));
    expect(client.state).toBe('live');
    expect(states).toEqual(['connecting', 'live']);
  });

  it('finds a half-open connection and replaces it', async () => {
    const { client, states } = connect();
    await reached(client, 'live');
    server.answersPings = false;

    await reached(client, 'reconnecting');
    server.answersPings = true;
    await reached(client, 'live');

    expect(states).toEqual(['connecting', 'live', 'reconnecting', 'live']);
  });

  it('takes any message as a sign of life and does not ping a busy connection', async () => {
    const { client, states } = connect({ timings: { ...TIMINGS, heartbeatInterval: 250 } });
    await reached(client, 'live');
    server.answersPings = false;
    const traffic = setInterval(() => server.send({ type: 'anything' }), 5);
    const started = performance.now();
    let lastSeen = 0;
    client.on('message', () => (lastSeen = performance.now()));
    await vi.waitFor(() => expect(lastSeen - started).toBeGreaterThan(800));
    clearInterval(traffic);
    expect(states).toEqual(['connecting', 'live']);
    expect(server.pings).toBe(0);
  });
});

describe('sending', () => {
  it('keeps messages while offline and sends them in order, after what the live handler sends', async () => {
    const { client } = connect();
    client.on('state', (state) => {
      if (state === 'live') client.send({ action: 'snapshot' });
    });
    expect(client.send({ n: 1 })).toBe('queued');
    expect(client.send({ n: 2 })).toBe('queued');
    await reached(client, 'live');
    expect(client.send({ n: 3 })).toBe('sent');
    await vi.waitFor(() => expect(server.received).toHaveLength(4));
    expect(server.received).toEqual([{ action: 'snapshot' }, { n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('refuses the new message when the outbox is full, and says so', async () => {
    await server.stop();
    const { client, errors } = connect();
    for (let n = 0; n < OUTBOX_LIMIT_MESSAGES; n += 1) expect(client.send({ n })).toBe('queued');
    expect(client.send({ n: 'one too many' })).toBe('refused');
    expect(errors).toMatchObject([{ kind: 'outbox' }]);
    await server.restart();
    await vi.waitFor(() => expect(server.received).toHaveLength(OUTBOX_LIMIT_MESSAGES));
  });
});

describe('receiving', () => {
  it('reads metric messages and reports what it cannot read, without ever throwing', async () => {
    const { client, errors } = connect();
    const metrics: unknown[] = [];
    client.on('metrics', (message) => metrics.push(message));
    await reached(client, 'live');

    server.send('{not json');
    server.send({ type: 'METRICS_UPDATE', updates: 'none' });
    server.send({ type: 'error', message: 'unknown action' });
    server.send({ message: 'Forbidden', connectionId: 'c=', requestId: 'r' });
    server.sockets[0]!.send(Buffer.from([1, 2, 3]));
    server.send({ type: 'METRICS_SNAPSHOT', metrics: [], last: true });

    await vi.waitFor(() => expect(metrics).toHaveLength(1));
    expect(metrics).toEqual([{ kind: 'snapshot', rows: [], last: true }]);
    expect(errors.map(({ kind, message }) => [kind, message])).toEqual([
      ['malformed', 'a message is not JSON'],
      ['malformed', 'updates is not a list'],
      ['server', 'unknown action'],
      ['server', 'Forbidden'],
      ['malformed', 'a binary frame arrived; this client reads JSON text'],
    ]);
  });

  it('stops calling a handler that unsubscribed', async () => {
    const { client } = connect();
    const seen: unknown[] = [];
    const all: unknown[] = [];
    const stop = client.on('message', (message) => {
      seen.push(message);
      stop();
    });
    client.on('message', (message) => all.push(message));
    await reached(client, 'live');
    server.send({ n: 1 });
    server.send({ n: 2 });
    await vi.waitFor(() => expect(all).toHaveLength(2));
    expect(seen).toEqual([{ n: 1 }]);
  });
});

describe('knocking', () => {
  it('asks before it spends a socket on a host that refused, and bypasses a knock that is forbidden', async () => {
    await server.stop();
    const knocks: string[] = [];
    // For each socket, how many knocks came before it: attempts go on while the test looks.
    const sockets: number[] = [];
    class Counted extends WebSocket {
      constructor(url: string) {
        super(url);
        sockets.push(knocks.length);
      }
    }
    const { client } = connect({
      WebSocket: Counted as unknown as SocketConstructor,
      knock: async (url) => {
        knocks.push(url);
        return false;
      },
    });
    // The first attempt goes straight to the socket, the next seven knock, the ninth is the bypass.
    await vi.waitFor(() => expect(sockets.length).toBeGreaterThanOrEqual(2));
    expect(sockets.slice(0, 2)).toEqual([0, 7]);
    expect(new Set(knocks)).toEqual(new Set([server.url]));
    await server.restart();
    await reached(client, 'live');
  });
});
