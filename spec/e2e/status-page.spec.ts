import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { isBrowserInstalled, openBrowser } from '../support/browser.js';
import { eventually } from '../support/deadline.js';
import { RunningProgram, serviceManifest } from '../support/program.js';
import { refusingEndpoint } from '../support/refusing-endpoint.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { tcpConnect } from '../support/tcp-peer.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.91.3';

/** A few looks, and the start of a browser on a busy machine, ms. */
const DEADLINE_MS = 15_000;
const TIMEOUT_MS = 60_000;

const URL = `http://${ADDRESS}:10249`;

async function startWith(...services: readonly string[]) {
  const manifest = join(temporaryDirectory(), 'services.yaml');
  writeFileSync(manifest, services.join('---\n'));
  const start = () => RunningProgram.start(ADDRESS, ['--manifests', manifest]);
  return { proxy: await start(), start };
}

async function startWithSoundEndpoint() {
  const { endpoint } = await TcpEndpoint.listen(greet('hello'));
  return { endpoint, ...(await startWith(serviceManifest('web', [endpoint]))) };
}

async function visit(proxy: RunningProgram): Promise<void> {
  const port = await proxy.portOf('default/web:main');
  const client = await tcpConnect({ address: ADDRESS, port });
  expect(await client.text(5)).toBe('hello');
}

const textOf = async (page: Page, selector: string) => (await page.textContent(selector)) ?? '';
const sideways = (page: Page) =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

describe.runIf(isBrowserInstalled())('the status page in a real browser', { timeout: TIMEOUT_MS }, () => {
  it('shows what service ports carry, and keeps up with it', async () => {
    const { proxy } = await startWithSoundEndpoint();
    const { page, complaints } = await openBrowser();
    await page.goto(URL);
    expect(await textOf(page, '#state')).toBe('All is well: 1 service port served');
    expect(await textOf(page, '#rows')).toContain('default/web:main');
    expect(await textOf(page, '#rows td:nth-child(4)')).toBe('0');
    await eventually(async () => {
      // Until the look whose rate tells of it; each of them stays open.
      await visit(proxy);
      expect(Number(await textOf(page, '#rows td:nth-child(4)'))).toBeGreaterThan(0);
      expect(Number(await textOf(page, '#rows td:nth-child(5)'))).toBeGreaterThan(0);
      expect(await page.locator('#totals .spark .line').count()).toBe(2);
    }, DEADLINE_MS);
    expect(complaints).toEqual([]);
  });

  it('tells which endpoint is broken, and why', async () => {
    const { endpoint } = await TcpEndpoint.listen(greet('hello'));
    const broken = await refusingEndpoint();
    const { proxy } = await startWith(serviceManifest('web', [endpoint, broken]));
    const { page, complaints } = await openBrowser();
    await page.goto(URL);
    await eventually(async () => {
      await visit(proxy);
      expect(await textOf(page, '#state')).toBe('Trouble with 1 of 1 service port');
      expect(await textOf(page, '#rows .why')).toContain(broken.key);
      expect(await textOf(page, '#failures')).toMatch(/dial-refused .*another endpoint was tried/);
    }, DEADLINE_MS);
    await page.click('#rows a');
    expect(await textOf(page, '#rows tr.trouble')).toContain(broken.key);
    expect(await textOf(page, '#rows tr.trouble')).toContain('set aside until');
    expect(await textOf(page, '#explanation')).toContain('dial-refused');
    expect(complaints).toEqual([]);
  });

  it('says that it is not connected, and finds a kube-splice that was restarted', async () => {
    const { proxy, start } = await startWithSoundEndpoint();
    const { page } = await openBrowser();
    await page.goto(URL);
    expect(await page.isVisible('#connection')).toBe(false);
    proxy.program.signal('SIGTERM');
    await page.waitForSelector('body.stale', { timeout: DEADLINE_MS });
    expect(await textOf(page, '#connection')).toMatch(/^Not connected since \d\d:\d\d:\d\d/);
    await proxy.program.ended();
    await start();
    await page.waitForSelector('body:not(.stale)', { timeout: DEADLINE_MS });
    expect(await page.isVisible('#connection')).toBe(false);
  });

  it('has text as text: what a cluster calls its Services, and what is asked for in its address', async () => {
    const markup = `"'></title></script><img src=x onerror=alert(1)><script>alert(2)</script>`;
    const { endpoint } = await TcpEndpoint.listen(greet('hello'));
    const hostile = serviceManifest('bad', [endpoint]).replaceAll(
      'name: bad',
      `name: ${JSON.stringify(markup)}`,
    );
    await startWith(serviceManifest('web', [endpoint]), hostile);
    const { page, complaints } = await openBrowser();
    await page.goto(URL);
    expect(await textOf(page, '#errors')).toContain('<img src=x onerror=alert(1)>');
    expect(await page.locator('img, script:not([src])').count()).toBe(0);
    for (const path of ['/?q=', '/service?name=', '/?sort=']) {
      await page.goto(`${URL}${path}${encodeURIComponent(markup)}`);
      expect(await page.locator('img, script:not([src])').count()).toBe(0);
    }
    await page.goto(`${URL}/?q=${encodeURIComponent(markup)}`);
    expect(await page.inputValue('#q')).toBe(markup);
    // That the browser has no such page of a service port is no injection.
    expect(complaints.filter((complaint) => !complaint.includes('404'))).toEqual([]);
  });

  it('lets nothing run that kube-splice does not serve', async () => {
    await startWithSoundEndpoint();
    const { page, complaints } = await openBrowser();
    await page.goto(URL);
    await page.evaluate(`document.getElementById('failures').innerHTML = '<img src=x onerror="alert(1)">'`);
    await eventually(() => expect(complaints.join()).toContain('Content Security Policy'));
    expect(complaints.join()).not.toContain('dialog');
  });

  it('is searched by keyboard, with and without JavaScript', async () => {
    const { endpoint } = await TcpEndpoint.listen(greet('hello'));
    await startWith(serviceManifest('web', [endpoint]), serviceManifest('cart', [endpoint]));
    const { page, complaints } = await openBrowser();
    await page.goto(URL);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.className')).toBe('skip');
    await page.keyboard.press('/');
    await page.keyboard.type('cart');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${URL}/?q=cart`);
    expect(await page.locator('#rows tr').count()).toBe(1);
    expect(await textOf(page, '#found')).toBe('1 of 2 service ports');
    expect(complaints).toEqual([]);

    const plain = (await openBrowser({ javaScriptEnabled: false })).page;
    await plain.goto(URL);
    await plain.fill('#q', 'web');
    await plain.click('form button');
    await plain.waitForURL(`${URL}/?q=web`);
    expect(await textOf(plain, '#rows th')).toBe('default/web:main');
  });

  it('fits a phone, and is dark where the reader is', async () => {
    await startWithSoundEndpoint();
    const { page } = await openBrowser({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    for (const path of ['/', '/service?name=default/web:main']) {
      await page.goto(`${URL}${path}`);
      expect(await sideways(page)).toBe(0);
    }
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(20, 24, 29)');
  });
});
