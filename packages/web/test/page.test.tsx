import type { ConnectionState } from '@sluicegate/client';
import { SluicegateClient, type SocketConstructor } from '@sluicegate/client';
import { ThemeProvider } from '@mui/material/styles';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startFeed } from '../src/metrics/feed';
import { ConnectionChip } from '../src/page/ConnectionChip';
import { Page } from '../src/page/Page';
import { theme } from '../src/theme';

/** A server in the socket's place: it answers nothing by itself. */
class PuppetSocket {
  static newest: PuppetSocket;
  readyState = 0;
  bufferedAmount = 0;
  sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  constructor() {
    PuppetSocket.newest = this;
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
}

let client: SluicegateClient;
let cache: QueryClient;
let stopFeed: () => void;

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  vi.stubGlobal('matchMedia', (query: string) => ({
    matches: false,
    media: query,
    addEventListener() {},
    removeEventListener() {},
    addListener() {},
    removeListener() {},
  }));
  client = new SluicegateClient({
    url: 'ws://host/prod',
    WebSocket: PuppetSocket as unknown as SocketConstructor,
    knock: false,
  });
  cache = new QueryClient();
  stopFeed = startFeed(client, cache);
  render(
    <QueryClientProvider client={cache}>
      <ThemeProvider theme={theme}>
        <Page client={client} />
      </ThemeProvider>
    </QueryClientProvider>,
  );
});

afterEach(() => {
  cleanup();
  stopFeed();
  client.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

async function open() {
  await pass(1);
  act(() => {
    PuppetSocket.newest.readyState = 1;
    PuppetSocket.newest.onopen?.();
  });
  await pass(150);
}

async function lose() {
  act(() => PuppetSocket.newest.onclose?.({ code: 1001, reason: 'Going away' }));
  for (let waited = 0; waited < 2_000; waited += 50) {
    act(() => PuppetSocket.newest.onclose?.({ code: 1006, reason: '' }));
    await pass(50);
  }
}

async function receive(message: object) {
  act(() => PuppetSocket.newest.onmessage?.({ data: JSON.stringify(message) }));
  await pass(150);
}

const CPU = {
  entity_id: 'cpu',
  entity_type: 'cpu',
  label: 'CPU',
  metric_value: 12.34,
  unit: 'percent',
};
const change = (eventType: string, data: object) => ({
  type: 'METRICS_UPDATE',
  updates: [{ eventType, timestamp: Date.now(), data }],
});
const snapshot = (...metrics: object[]) => ({ type: 'METRICS_SNAPSHOT', metrics, last: true });
const values = () => screen.queryAllByTestId('value').map((element) => element.textContent);
const chip = () => screen.getByTestId('connection').textContent;

it('asks for a snapshot, then follows the table', async () => {
  await open();
  expect(PuppetSocket.newest.sent).toEqual([{ action: 'snapshot' }]);
  expect(chip()).toBe('Live');

  await receive(snapshot(CPU));
  expect(values()).toEqual(['12.3']);

  await receive(change('MODIFY', { ...CPU, metric_value: 50 }));
  expect(values()).toEqual(['50.0']);

  await receive(change('INSERT', { entity_id: 'mine', metric_value: 7 }));
  expect(values()).toEqual(['50.0', '7']);
  expect(screen.getByTestId('entity-count').textContent).toBe('2 entities');

  await receive(change('REMOVE', { entity_id: 'mine' }));
  expect(screen.getAllByTestId('tile').map((tile) => tile.dataset.entity)).toEqual(['cpu']);
  expect(screen.getByRole('listitem', { name: 'CPU, 50.0 %' })).toBeTruthy();
});

it('says what to do when the table is empty', async () => {
  await open();
  await receive(snapshot());
  expect(screen.getByText('Connected, and waiting for the first metric')).toBeTruthy();
  expect(screen.getByLabelText('Command').textContent).toContain(
    `--endpoint-url ${location.origin}`,
  );
});

it('stops waiting for a snapshot that nobody sends', async () => {
  await open();
  expect(screen.getByLabelText('Waiting for the first metrics')).toBeTruthy();
  await pass(4_200);
  expect(screen.getByText('Connected, and waiting for the first metric')).toBeTruthy();
});

it('keeps the last values, marked as stale, while the server is away', async () => {
  await open();
  await receive(snapshot(CPU));
  await lose();

  expect(chip()).toBe('Disconnected');
  const tile = screen.getByTestId('tile');
  expect(tile.dataset.stale).toBe('true');
  expect(within(tile).getByText(/Stale/)).toBeTruthy();
  expect(screen.getByRole('alert').textContent).toContain(location.host);
  expect(screen.getByRole('alert').textContent).toContain('make run');

  await pass(2_000);
  await open();
  expect(chip()).toBe('Live');
  expect(screen.queryByRole('alert')).toBeNull();
  expect(screen.getByTestId('tile').dataset.stale).toBe('false');
});

it('opens and closes the details of a tile by keyboard', async () => {
  const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
  await open();
  await receive(snapshot({ ...CPU, used_bytes: 2048 }));
  const label = screen.getByRole('button', { name: 'CPU' });
  label.focus();

  await user.keyboard('{Enter}');
  expect(label.getAttribute('aria-expanded')).toBe('true');
  expect(screen.getByText('2.0 KiB')).toBeTruthy();
  expect(screen.getByRole('img', { name: /^The last 1 value/ })).toBeTruthy();

  await user.keyboard('{Enter}');
  expect(label.getAttribute('aria-expanded')).toBe('false');
});

it('applies a burst of messages in batches, and loses none', async () => {
  await open();
  await receive(snapshot(CPU));
  let updates = 0;
  const stop = cache.getQueryCache().subscribe(({ type }) => {
    if (type === 'updated') updates += 1;
  });
  for (let value = 1; value <= 500; value += 1)
    PuppetSocket.newest.onmessage?.({
      data: JSON.stringify(change('MODIFY', { ...CPU, metric_value: value / 10 })),
    });
  await pass(150);
  stop();
  expect(values()).toEqual(['50.0']);
  expect(updates).toBeLessThanOrEqual(2);
});

it('says so when messages cannot be read', async () => {
  await open();
  await receive(change('MODIFY', { entity_id: 'cpu', metric_value: 'much' }));
  expect(screen.getByTestId('problems').textContent).toContain('metric_value is not a number');
});

it('shows large boards in groups', async () => {
  await open();
  const rows = Array.from({ length: 13 }, (_, index) => ({
    ...CPU,
    entity_id: `e${index}`,
    entity_type: index < 12 ? 'cpu' : 'queue',
  }));
  await receive(snapshot(...rows));
  expect(screen.getAllByRole('region').map((region) => region.getAttribute('aria-label'))).toEqual([
    'Processor',
    'Queue',
  ]);
});

it.each<[ConnectionState, string]>([
  ['connecting', 'Reconnecting'],
  ['live', 'Live'],
  ['reconnecting', 'Reconnecting'],
  ['disconnected', 'Disconnected'],
  ['closed', 'Disconnected'],
])('the chip for %s says %s, aloud', (state, label) => {
  cleanup();
  render(<ConnectionChip state={state} />);
  expect(screen.getByTestId('connection').textContent).toBe(label);
  expect(screen.getByRole('status').getAttribute('aria-live')).toBe('polite');
});
