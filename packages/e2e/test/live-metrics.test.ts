/** The main job, as a person sees it: the table changes, and the page shows it. */
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, openPage } from './browser.js';
import { Server } from './server.js';

/** What the page promises after the server's return. */
const RECONNECT_LIMIT_MS = 3_000;

let server: Server;
let browser: Browser;

beforeAll(async () => {
  server = await Server.start();
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await server?.remove();
});

const connection = (page: Page, label: string) =>
  page.getByTestId('connection').getByText(label, { exact: true });
const valueOf = (page: Page, entity: string) =>
  page.locator(`[data-entity="${entity}"]`).getByTestId('value');

async function openLive(options = {}) {
  const watched = await openPage(browser, server.origin, options);
  await connection(watched.page, 'Live').waitFor();
  await watched.page.getByTestId('tile').first().waitFor();
  return watched;
}

/** Waits until the text of any tile differs from what it is now. */
async function anyValueChanges(page: Page): Promise<void> {
  const texts = () =>
    [...document.querySelectorAll('[data-testid="value"]')].map((node) => node.textContent).join();
  const before = await page.evaluate(texts);
  await page.waitForFunction(
    (known) =>
      [...document.querySelectorAll('[data-testid="value"]')]
        .map((node) => node.textContent)
        .join() !== known,
    before,
  );
}

it('shows this machine live, and an item the moment it is put', async () => {
  const { page, errors, foreign } = await openLive();

  await anyValueChanges(page);

  const item = (value: string) => ({
    entity_id: { S: 'e2e' },
    entity_type: { S: 'demo' },
    label: { S: 'Put by hand' },
    metric_value: { N: value },
    unit: { S: 'percent' },
  });
  await server.putItem(item('42'));
  await valueOf(page, 'e2e').getByText('42.0', { exact: true }).waitFor();
  await server.putItem(item('43.5'));
  await valueOf(page, 'e2e').getByText('43.5', { exact: true }).waitFor();

  expect(errors).toEqual([]);
  expect(foreign.filter((url) => !url.startsWith('ws://'))).toEqual([]);
  await page.context().close();
});

it('says Disconnected when the server is gone, keeps the values, and is Live within 3 s of its return', async () => {
  const { page, errors } = await openLive();

  await server.stop();
  await connection(page, 'Disconnected').waitFor();
  expect(await page.getByRole('alert').innerText()).toContain(server.listen);
  expect(await page.locator('[data-testid="tile"][data-stale="true"]').count()).toBeGreaterThan(0);
  expect(await page.locator('[data-testid="tile"][data-stale="false"]').count()).toBe(0);

  await server.restart();
  const ready = Date.now();
  await connection(page, 'Live').waitFor({ timeout: RECONNECT_LIMIT_MS });
  expect(Date.now() - ready).toBeLessThan(RECONNECT_LIMIT_MS);
  await anyValueChanges(page);
  expect(await page.getByRole('alert').count()).toBe(0);

  // While nobody listens, the browser itself notes each refused connection; nothing else may be wrong.
  expect(errors.filter((error) => !error.includes('ERR_CONNECTION_REFUSED'))).toEqual([]);
  await page.context().close();
});

describe('in every dress', () => {
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
  it.each([
    ['on a desk, light', { colorScheme: 'light', reducedMotion: 'reduce' }],
    ['on a desk, dark', { colorScheme: 'dark', reducedMotion: 'reduce' }],
    ['on a phone, light', { colorScheme: 'light', reducedMotion: 'reduce', ...phone }],
    ['on a phone, dark', { colorScheme: 'dark', reducedMotion: 'reduce', ...phone }],
  ] as const)('%s: nothing overflows, and nobody is locked out', async (_, options) => {
    const { page } = await openLive(options);

    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(await overflow()).toBeLessThanOrEqual(0);
    expect(await seriousViolations(page)).toEqual([]);

    // With everything opened that opens
    await page.getByTestId('tile').first().getByRole('button').press('Enter');
    await page.getByText('Put a metric of your own on this page').press('Enter');
    await page.getByLabel('Command').waitFor();
    expect(await overflow()).toBeLessThanOrEqual(0);
    expect(await seriousViolations(page)).toEqual([]);
    await page.context().close();
  });

  it('follows the system, switches by keyboard, and remembers', async () => {
    const { page } = await openLive({ colorScheme: 'dark' });
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await background();

    await page.getByRole('button', { name: 'Switch to light mode' }).press('Enter');
    await page.getByRole('button', { name: 'Switch to dark mode' }).waitFor();
    const light = await background();
    expect(light).not.toBe(dark);

    await page.reload();
    await connection(page, 'Live').waitFor();
    expect(await background()).toBe(light);
    await page.context().close();
  });

  it('leads the keyboard past the header to the tiles', async () => {
    const { page } = await openLive();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe(
      'Skip to the metrics',
    );
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(
      await page.evaluate(() => document.activeElement?.closest('[data-testid="tile"]') !== null),
    ).toBe(true);
    await page.context().close();
  });
});

async function seriousViolations(page: Page): Promise<string[]> {
  // As an expression and not as a script element, which the content security policy of the page forbids.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
}
