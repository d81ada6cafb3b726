import { existsSync } from 'node:fs';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

/** Where Debian's package has it. */
const CHROMIUM = '/usr/bin/chromium';

/** Under CI it has to be there: what scripts/install-clients could not install is an error then. */
export function isBrowserInstalled(): boolean {
  return existsSync(CHROMIUM) || process.env.CI !== undefined;
}

/** A page, and all that went wrong in it so far: dialogs, errors of scripts, and what the console was told. */
export interface WatchedPage {
  readonly page: Page;
  readonly complaints: readonly string[];
}

/** A tab of a real browser of its own, which is closed when the test ends. */
export async function openBrowser(options: BrowserContextOptions = {}): Promise<WatchedPage> {
  // Chromium's own sandbox does not run as root; it opens nothing here but the pages of this project.
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  onTestFinished(() => browser.close());
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => complaints.push(`console: ${message.text()}`));
  return { page, complaints };
}
