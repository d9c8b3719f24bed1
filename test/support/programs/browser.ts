import { tmpdir } from 'node:os';
import { join } from 'node:path';
import chromium from '@sparticuz/chromium';
import { type Browser, chromium as driver } from 'playwright-core';

/**
 * Starts the browser that comes with the packages, without a window; it needs nothing of the machine, not even fonts.
 * @param folder - where it is unpacked, unless it is there already: for the user alone who did it
 */
export async function startBrowser(folder = tmpdir()): Promise<Browser> {
  return await driver.launch({
    executablePath: await unpackInto(folder),
    // In a single process the browser ends with the first of its windows.
    args: chromium.args.filter(arg => arg !== '--single-process'),
    headless: true,
    // The fonts that come with the browser, whatever the machine has.
    env: { ...process.env, FONTCONFIG_PATH: join(folder, 'fonts') },
  });
}

/** The package knows no other way to tell it where. */
async function unpackInto(folder: string): Promise<string> {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    return await chromium.executablePath();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}
