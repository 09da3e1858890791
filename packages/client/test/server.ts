/** A real WebSocket server for the tests, which can go away and come back on the same port. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';

export class TestServer {
  private constructor(
    private wss: WebSocketServer,
    readonly port: number,
  ) {
    this.watch();
  }

  /** All messages received so far, parsed, without the pings. */
  readonly received: unknown[] = [];
  pings = 0;
  /** Answers `{"action":"ping"}` while true. */
  answersPings = true;
  #onSocket: ((socket: WebSocket) => void)[] = [];

  static async start(): Promise<TestServer> {
    const wss = await listen(0);
    return new TestServer(wss, (wss.address() as AddressInfo).port);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/live-metrics/prod`;
  }

  get sockets(): WebSocket[] {
    return [...this.wss.clients];
  }

  /** The next connection. */
  nextSocket(): Promise<WebSocket> {
    return new Promise((resolve) => this.#onSocket.push(resolve));
  }

  send(message: unknown): void {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    for (const socket of this.sockets) socket.send(text);
  }

  /** Goes away as the real server does: 1001, then the port is closed. */
  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.close(1001, 'Going away');
    await new Promise((resolve) => this.wss.close(resolve));
  }

  async restart(): Promise<void> {
    this.wss = await listen(this.port);
    this.watch();
  }

  private watch(): void {
    this.wss.on('connection', (socket) => {
      socket.on('message', (data) => {
        const message = JSON.parse(String(data)) as { action?: string };
        if (message.action !== 'ping') return void this.received.push(message);
        this.pings += 1;
        if (this.answersPings) socket.send('{"type":"pong"}');
      });
      for (const resolve of this.#onSocket.splice(0)) resolve(socket);
    });
  }
}

async function listen(port: number): Promise<WebSocketServer> {
  const wss = new WebSocketServer({ host: '127.0.0.1', port });
  await once(wss, 'listening');
  return wss;
}
