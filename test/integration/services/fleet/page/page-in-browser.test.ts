import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import axe, { type AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPageServer } from '../../../../../src/services/fleet/page/page-server.ts';
import type { PageContent } from '../../../../../src/services/fleet/page/render-page.ts';
import { startBrowser } from '../../../../support/programs/browser.ts';
import { burningPage, contentOf, driftingPage, healthyPage } from '../../../../support/scenes/fleet-pages.ts';
import { waitUntil } from '../../../../support/wait-until.ts';

const PICTURES = join(import.meta.dirname, '../../../../../docs/images');
const FLEETS = { healthy: healthyPage(), drifting: driftingPage(), burning: burningPage() };
const SCHEMES = ['light', 'dark'] as const;
/** Which part of the picture may differ: letters are drawn a little differently by each machine. */
const TOLERATED = 0.01;

const resources = new AsyncDisposableStack();
let browser: Browser;

beforeAll(async () => {
  browser = resources.use(await startBrowser());
});
afterAll(async () => {
  await resources.disposeAsync();
});

/** A page that nothing changes while it is looked at. */
const AT_REST_MS = 3_600_000;

/** Opens the page of a fleet, which may change; what the browser complains of is an error. */
async function open(
  content: PageContent | (() => PageContent),
  options: BrowserContextOptions,
  look: (page: Page) => Promise<void>,
): Promise<void> {
  const isAlive = typeof content === 'function';
  await using server = await startPageServer({
    host: '127.0.0.1',
    port: 0,
    hosts: [],
    observe: async () => (isAlive ? content() : content).observation,
    intervalMs: isAlive ? 50 : AT_REST_MS,
    onFault: error => {
      throw error;
    },
  });
  const context = await browser.newContext({ viewport: { width: 1_280, height: 900 }, ...options });
  try {
    const complaints: string[] = [];
    const page = await context.newPage();
    page.on('console', message => complaints.push(message.text()));
    page.on('pageerror', error => complaints.push(String(error)));
    const requested: string[] = [];
    page.on('request', request => requested.push(new URL(request.url()).origin));
    await page.goto(`${server.url}/`);
    await page.evaluate('document.fonts.ready.then(() => true)');
    await look(page);
    expect(complaints).toEqual([]);
    expect(new Set(requested)).toEqual(new Set([server.url]));
  } finally {
    await context.close();
  }
}

/** Runs in the browser, which knows how to read pictures. */
const COMPARE = `async pictures => {
  const load = async base64 => {
    const image = new Image();
    image.src = 'data:image/png;base64,' + base64;
    await image.decode();
    const drawing = new OffscreenCanvas(image.width, image.height).getContext('2d');
    drawing.drawImage(image, 0, 0);
    return drawing.getImageData(0, 0, image.width, image.height);
  };
  const [a, b] = await Promise.all(pictures.map(load));
  if (a.width !== b.width || a.height !== b.height) return 1;
  let different = 0;
  for (let i = 0; i < a.data.length; i += 4)
    if ([0, 1, 2].some(channel => Math.abs(a.data[i + channel] - b.data[i + channel]) > 48)) different++;
  return different / (a.width * a.height);
}`;

/** Which share of the pixels of two pictures differs visibly; 1 where their sizes do. */
async function difference(one: Buffer, other: Buffer): Promise<number> {
  const page = await browser.newPage();
  try {
    const pictures = JSON.stringify([one.toString('base64'), other.toString('base64')]);
    return await page.evaluate<number>(`(${COMPARE})(${pictures})`);
  } finally {
    await page.close();
  }
}

const cases = Object.entries(FLEETS).flatMap(([name, content]) =>
  SCHEMES.map(colorScheme => ({ name, content, colorScheme })),
);

/** How far a page reaches beyond its window to the right, in pixels. */
const overflowOf = (page: Page) =>
  page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

describe('the status page in a browser', () => {
  it.each(cases)('a $name fleet looks in $colorScheme as its stored picture', async fleet => {
    const { name, content, colorScheme } = fleet;
    await open(content, { colorScheme }, async page => {
      const file = join(PICTURES, `fleet-${name}-${colorScheme}.png`);
      const picture = await page.screenshot({ fullPage: true, animations: 'disabled' });
      if (process.env.UPDATE_PICTURES === '1') writeFileSync(file, picture);
      expect(await difference(readFileSync(file), picture)).toBeLessThan(TOLERATED);
    });
  });

  it('pictures of two fleets differ by more than what is tolerated', async () => {
    const [healthy, drifting] = ['healthy', 'drifting'].map(name =>
      readFileSync(join(PICTURES, `fleet-${name}-light.png`)),
    );
    expect(await difference(healthy ?? Buffer.of(), drifting ?? Buffer.of())).toBeGreaterThan(TOLERATED);
  });

  it.each(cases)('axe finds nothing in the page of a $name fleet in $colorScheme', async fleet => {
    await open(fleet.content, { colorScheme: fleet.colorScheme }, async page => {
      // The page's own policy lets no script in; the debugger may run one.
      await page.evaluate(`${axe.source}; true`);
      const found = await page.evaluate<AxeResults>('axe.run(document)');
      const violations = found.violations.map(({ id, nodes }) => [id, ...nodes.map(node => node.html)]);
      expect(violations).toEqual([]);
      expect(found.passes.length).toBeGreaterThan(15);
    });
  });

  it.each(Object.entries(FLEETS))(
    'the page of a %s fleet is whole without scripts',
    async (_name, content) => {
      const texts: (string | undefined)[] = [];
      for (const javaScriptEnabled of [true, false]) {
        await open(content, { javaScriptEnabled }, async page => {
          texts.push(await page.locator('main').innerText());
          const reload = page.locator('noscript meta[http-equiv=refresh], head > meta[http-equiv=refresh]');
          expect(await reload.count()).toBe(javaScriptEnabled ? 0 : 1);
        });
      }
      expect(texts[0]).toContain('Keys, from the mnemonic to the chain');
      expect(texts[1]).toBe(texts[0]);
    },
  );

  it.each(
    [360, 1_280, 1_920].flatMap(width =>
      Object.entries(FLEETS).map(([name, content]) => ({ width, name, content })),
    ),
  )('the page of a $name fleet fits into $width pixels', async ({ width, content }) => {
    await open(content, { viewport: { width, height: 800 } }, async page => {
      expect(await overflowOf(page)).toBe(0);
      const beyond = await page.evaluate<number>(
        `[...document.querySelectorAll('main *')].filter(element => element.getBoundingClientRect().right > ${width + 1}).length`,
      );
      expect(beyond).toBe(0);
    });
  });

  it('an open page shows what has changed without being loaded again', async () => {
    let shown = FLEETS.healthy;
    await open(
      () => shown,
      {},
      async page => {
        await page.evaluate(`document.body.setAttribute('data-loaded', 'once')`);
        const verdict = page.locator('#verdict-title');
        expect(await verdict.innerText()).toContain('as it should be');
        shown = FLEETS.burning;
        await waitUntil('the verdict of the burning fleet', async () =>
          (await verdict.innerText()).includes('to be mended'),
        );
        expect(await page.locator('body').getAttribute('data-loaded')).toBe('once');
      },
    );
  });

  it('a hostile name is text and nothing else', async () => {
    const name = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const { observation } = FLEETS.healthy;
    const signers = observation.signers.map(signer => ({ ...signer, name }));
    await open(contentOf({ ...observation, signers }), {}, async page => {
      expect(await page.locator('#signers').innerText()).toContain(name);
      expect(await page.locator('#signers img, #signers script').count()).toBe(0);
      expect(await page.title()).toContain('on mainnet');
    });
  });
});
