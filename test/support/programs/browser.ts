import { tmpdir } from 'node:os';
import { join } from 'node:path';
import chromium from '@sparticuz/chromium';
import { type Browser, chromium as driver } from 'playwright-core';

/** Starts the browser that comes with the packages, without a window; it needs nothing of the machine, not even fonts. */
export async function startBrowser(): Promise<Browser> {
  return await driver.launch({
    executablePath: await chromium.executablePath(),
    // In a single process the browser ends with the first of its windows.
    args: chromium.args.filter(arg => arg !== '--single-process'),
    headless: true,
    // The fonts that come with the browser, whatever the machine has.
    env: { ...process.env, FONTCONFIG_PATH: join(tmpdir(), 'fonts') },
  });
}
