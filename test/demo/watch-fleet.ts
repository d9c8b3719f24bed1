import { accessSync, constants, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBrowser } from '../support/programs/browser.ts';
import { expectEqual } from './expectations.ts';
import { DRIFTS, type Drift } from './fleet-drifts.ts';
import { look, type Seen } from './fleet-looks.ts';
import { follow } from './fleet-remedy.ts';
import { type FleetOptions, type FleetWorld, startFleetWorld } from './fleet-world.ts';
import { secondsSince } from './runner.ts';

/** What the page is pictured with: two signers and three clients, one of them in trouble. */
const PICTURED = 'keys-run-twice';

/**
 * A fleet in order, and what happens to fleets: each time `status`, `doctor` and the page say what differs and what mends it, it is
 * mended as they say, and all is in order again.
 * @returns the path of a picture of the page
 */
export async function watchFleet(options: FleetOptions): Promise<string> {
  const picture = join(pictureFolder(), 'fleet-page.png');
  await using world = await startFleetWorld(options);
  console.log('\n$ ./operator status --env-file $DEMO/fleet/fleet.env');
  console.log((await expectOrder(world)).screen);
  for (const [at, drift] of DRIFTS.entries()) await mend(world, drift, { number: at + 1, picture });
  const { exitCode } = await world.page.stop();
  expectEqual('exit code of the page after SIGTERM', exitCode, 0);
  return picture;
}

async function mend(
  world: FleetWorld,
  { title, happen, codes }: Drift,
  { number, picture }: { readonly number: number; readonly picture: string },
): Promise<void> {
  const began = performance.now();
  console.log(`${number} of ${DRIFTS.length}: ${title}`);
  await happen(world);
  const seen = await look(world);
  expectEqual('what differs', seen.drift.map(({ code }) => code).join(), codes.join());
  for (const { code, where, what, remedy } of seen.drift)
    console.log(`  ! ${where}: ${what} (${code})\n    → ${remedy}`);
  console.log('  status and doctor say so and end with 3, and so says the page. What they say is done:\n');
  if (codes.includes(PICTURED)) await takePicture(world, picture);
  for (const difference of seen.drift) await follow(world, difference, seen);
  await expectOrder(world);
  console.log(`  All is in order again: status and doctor end with 0. (${secondsSince(began)})\n`);
}

/** @throws Error where anything is to be mended */
async function expectOrder(world: FleetWorld): Promise<Seen> {
  const seen = await look(world);
  expectEqual('what differs', seen.drift.map(({ where, what }) => `${where}: ${what}`).join('; '), '');
  return seen;
}

async function takePicture({ folder, pageUrl }: FleetWorld, path: string): Promise<void> {
  const unpacked = join(folder, 'browser');
  mkdirSync(unpacked);
  await using browser = await startBrowser(unpacked);
  const page = await browser.newPage({ viewport: { width: 1_280, height: 900 } });
  await page.goto(pageUrl);
  writeFileSync(path, await page.screenshot({ fullPage: true, animations: 'disabled' }));
  console.log(`  The page as it is now is pictured in ${path}\n`);
}

/** The folder of the clone, since the demo's own is removed; one of its own where that is somebody else's. */
function pictureFolder(): string {
  const clone = join(import.meta.dirname, '..', '..');
  try {
    accessSync(clone, constants.W_OK);
    return clone;
  } catch {
    return mkdtempSync(join(tmpdir(), 'stakewise-fleet-page-'));
  }
}
