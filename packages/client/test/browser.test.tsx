// @vitest-environment jsdom
import { act, cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SluicegateClient, type SocketConstructor } from '../src/index.js';
import { useSluicegate, useSluicegateEvent } from '../src/react.js';

/** A socket whose fate the test decides: what a browser's wake-up does is about time, not about wires. */
class PuppetSocket {
  static all: PuppetSocket[] = [];
  readyState = 0;
  bufferedAmount = 0;
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {
    PuppetSocket.all.push(this);
  }
  open() {
    this.readyState = 1;
    this.onopen?.();
  }
  fail() {
    this.readyState = 3;
    this.onclose?.({ code: 1006, reason: '' });
  }
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    this.readyState = 3;
  }
}

let client: SluicegateClient;
const newest = () => PuppetSocket.all.at(-1)!;

beforeEach(() => {
  vi.useFakeTimers();
  PuppetSocket.all = [];
  client = new SluicegateClient({
    url: 'ws://host/prod',
    WebSocket: PuppetSocket as unknown as SocketConstructor,
    random: () => 1,
    knock: false,
  });
  vi.advanceTimersByTime(0);
});

afterEach(() => {
  client.close();
  cleanup();
  vi.useRealTimers();
});

/** Fails so often, each time at once, that the next attempt is two seconds away. */
function failUntilDisconnected() {
  for (let failures = 1; failures < 6; failures += 1) {
    const attempts = PuppetSocket.all.length;
    newest().fail();
    while (PuppetSocket.all.length === attempts) vi.advanceTimersToNextTimer();
  }
  newest().fail();
  expect(client.state).toBe('disconnected');
}

it.each([
  ['online', () => window.dispatchEvent(new Event('online'))],
  ['focus', () => window.dispatchEvent(new Event('focus'))],
  ['visibilitychange', () => document.dispatchEvent(new Event('visibilitychange'))],
])('tries at once on %s, and only once for several events', (_, wake) => {
  failUntilDisconnected();
  const attempts = PuppetSocket.all.length;
  vi.advanceTimersByTime(500);
  expect(PuppetSocket.all).toHaveLength(attempts);

  wake();
  wake();

  expect(PuppetSocket.all).toHaveLength(attempts + 1);
});

it('asks a live connection for a sign of life when the user returns, and replaces it when none comes', () => {
  newest().open();
  expect(client.state).toBe('live');

  window.dispatchEvent(new Event('focus'));
  expect(newest().sent).toEqual(['{"action":"ping"}']);
  vi.advanceTimersByTime(5_000);

  expect(client.state).toBe('reconnecting');
});

it('gives up an attempt that hangs, and starts the next one without a further wait', () => {
  vi.advanceTimersByTime(3_999);
  expect(PuppetSocket.all).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(client.state).toBe('disconnected');
  vi.advanceTimersByTime(1);
  expect(PuppetSocket.all).toHaveLength(2);
});

it('refuses to pile up more than the limit on a connection that is too slow', () => {
  newest().open();
  newest().bufferedAmount = 1_048_576;
  expect(client.send({ n: 1 })).toBe('refused');
});

it('gives React the state and the events', () => {
  const messages: unknown[] = [];
  function Probe() {
    useSluicegateEvent(client, 'message', (message) => messages.push(message));
    return <output>{useSluicegate(client)}</output>;
  }
  render(<Probe />);
  expect(screen.getByRole('status').textContent).toBe('connecting');

  act(() => newest().open());
  expect(screen.getByRole('status').textContent).toBe('live');

  newest().onmessage?.({ data: '{"n":1}' });
  expect(messages).toEqual([{ n: 1 }]);

  act(() => newest().fail());
  expect(screen.getByRole('status').textContent).toBe('reconnecting');
});
