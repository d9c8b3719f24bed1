import { describe, expect, it } from 'vitest';
import type { Observation } from '../../../../../src/domain/fleet/observation/observation.ts';
import { html } from '../../../../../src/services/fleet/page/html.ts';
import { stagesOf } from '../../../../../src/services/fleet/page/pipeline.ts';
import { renderMain, renderPage } from '../../../../../src/services/fleet/page/render-page.ts';
import { burningPage, contentOf, driftingPage, healthyPage } from '../../../../support/scenes/fleet-pages.ts';
import {
  answered,
  failed,
  healthyClient,
  healthyDatabase,
  healthySigner,
  someKeys,
} from '../../../../support/scenes/observed-fleet.ts';

const HOSTILE = `<script>alert("1")</script>' onload='x' & \u202egnp.exe\u0007`;
const notAsked = (reason: string) => ({ answer: 'not-asked', reason }) as const;

/** Every text of an observation in place of what it was, as far as a counterpart may choose it. */
function withHostileTexts(observation: Observation): Observation {
  const kept = new Set(['answer', 'result', 'state', 'balanceWei', 'recommendedWei', 'withdrawableWei']);
  const isTime = (key: string) => key.endsWith('At');
  return JSON.parse(
    JSON.stringify(observation, (key, value) =>
      typeof value === 'string' && !kept.has(key) && !isTime(key) ? HOSTILE : value,
    ),
  );
}

/** The text of a part of the page, without its markup. */
function textOf(main: string, id: string): string {
  const [, part = ''] = new RegExp(`<section[^>]* id="${id}"[^>]*>(.*?)</section>`, 's').exec(main) ?? [];
  return part
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

describe('html', () => {
  it('html escapes every text for elements and quoted attributes, and takes what turns writing around out', () => {
    expect(html`<a title="${HOSTILE}">${HOSTILE}</a>`.markup).toBe(
      '<a title="&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; onload=&#39;x&#39; &amp; gnp.exe">&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; onload=&#39;x&#39; &amp; gnp.exe</a>',
    );
  });

  it('html leaves markup of its own as it is, joins lists, and shows nothing for nothing', () => {
    const items = ['<1>', '2'].map(item => html`<li>${item}</li>`);
    expect(html`<ul>${items}</ul>${undefined}${7}`.markup).toBe('<ul><li>&lt;1&gt;</li><li>2</li></ul>7');
  });
});

describe('renderPage', () => {
  it.each([
    ['healthy', healthyPage()],
    ['drifting', driftingPage()],
    ['burning', burningPage()],
  ])('no text of the counterparts of a %s fleet becomes markup', (_name, { observation }) => {
    const hostile = contentOf(withHostileTexts(observation));
    const page = renderPage(hostile, 12);
    expect(page).toContain('&lt;script&gt;');
    expect(page.match(/<script[^>]*>/g)).toEqual(['<script src="/page.js" defer>']);
    expect(page).not.toMatch(/<[^>]*\sonload=/);
    expect(page).not.toMatch(/\p{Cf}|(?!\n)\p{Cc}/u);
  });

  it('the page names vault, network and time, and has no clock, script or style of its own', () => {
    const page = renderPage(healthyPage(), 11.2);
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toContain('<title>0x8189…9bCc on mainnet – fleet</title>');
    expect(page).toContain('datetime="2026-03-01T12:00:00.000Z">2026-03-01 12:00:00 UTC<');
    expect(page).toContain('<noscript><meta http-equiv="refresh" content="12"></noscript>');
    expect(page).not.toMatch(/<style|\sstyle=/);
    expect(renderPage(healthyPage(), 11.2)).toBe(page);
    expect(page).toContain(renderMain(healthyPage()));
  });

  it('a fleet in order says so on top, and a drifting one what mends it, the worst first', () => {
    expect(textOf(renderMain(healthyPage()), 'verdict')).toBe('Everything that was asked is as it should be');
    const drifting = textOf(renderMain(driftingPage()), 'verdict');
    expect(drifting).toMatch(/^5 differences to be mended /);
    expect(drifting).toContain(
      'signer http://signer-b:9000 : lacks 2400 keys, first 0x00000000… operator remote-db setup-web3signer, then /reload of the signer',
    );
    const burning = renderMain(burningPage());
    expect(burning).toMatch(/class="card verdict error"/);
    const severities = [...burning.matchAll(/<li class="(\w+)"><svg/g)].map(([, severity]) => severity);
    expect(severities.indexOf('warning')).toBeGreaterThan(severities.lastIndexOf('error'));
  });

  it('signers, clients and oracles have the tone of what differs in them', () => {
    const main = renderMain(driftingPage());
    expect(main).toMatch(/<tr class="ok"><th scope="row"><svg[^>]*>.{0,80}?<\/svg> http:\/\/signer-a:9000/);
    expect(main).toMatch(
      /<tr class="warning"><th scope="row"><svg[^>]*>.{0,80}?<\/svg> http:\/\/signer-c:9000<\/th><td colspan="4">http:\/\/signer-c:9000 cannot be reached/,
    );
    const cells = [...main.matchAll(/<li class="cell (\w+)"><span class="name"><svg.*?<\/svg> ([^<]+)</g)];
    const toneOf = (name: string) => cells.find(([, , found]) => found === name)?.[1];
    expect(toneOf('#0')).toBe('ok');
    expect(toneOf('#4')).toBe('warning');
    expect(toneOf('#9')).toBe('warning');
    const burning = renderMain(burningPage());
    expect(burning).toMatch(/<li class="cell error"><span class="name"><svg[^>]*>.{0,80}?<\/svg> #2</);
    expect(textOf(burning, 'operators')).toContain('Nobody leads; op-0 did until 3 h ago.');
    expect(textOf(burning, 'operators')).toContain('failed 14 times: The hot wallet has 0 ETH.');
    expect(textOf(burning, 'wallet')).toContain('reverted: InvalidOracles');
  });

  it('what was not asked says so in each part', () => {
    const reason = 'nobody names it';
    const nothing: Observation = {
      ...healthyPage().observation,
      local: notAsked(reason),
      database: notAsked(reason),
      lastChange: notAsked(reason),
      executionNodes: [],
      consensusNodes: [],
      contracts: notAsked(reason),
      beaconChain: notAsked(reason),
      oracles: notAsked(reason),
      signers: [],
      clients: notAsked(reason),
      keymanagers: [],
      operators: [],
      lease: notAsked(reason),
      wallet: notAsked(reason),
      transactions: notAsked(reason),
    };
    const main = renderMain(contentOf(nothing));
    for (const id of ['pipeline', 'clients', 'oracles', 'operators', 'wallet', 'ground'])
      expect(textOf(main, id), id).toContain(`not asked: ${reason}`);
    expect(textOf(main, 'signers')).toBe('Signers Not asked.');
    expect(main).not.toContain('<rect');
  });

  it('what is down says why, and what it would have said is not known', () => {
    const { observation } = healthyPage();
    const down = failed('unreachable', 'The database cannot be reached.');
    const main = renderMain(contentOf({ ...observation, database: down, beaconChain: down }));
    expect(textOf(main, 'pipeline')).toContain('Database – not seen');
    expect(textOf(main, 'pipeline')).toContain('Chain – not seen');
    expect(textOf(main, 'ground')).toContain('The database cannot be reached.');
  });

  it('a second client with the keys of another one has a cell of its own', () => {
    const { observation } = healthyPage();
    const [first] = observation.keymanagers;
    const twin = { name: 'http://twin:5062', seen: structuredClone(first?.seen ?? notAsked('')) };
    const main = renderMain(contentOf({ ...observation, keymanagers: [...observation.keymanagers, twin] }));
    expect(textOf(main, 'clients')).toContain('http://twin:5062 runs 1,000 keys');
  });

  it('a page of 1,000 clients, half of them outdated, has the first of the exceptions and counts the rest', () => {
    const rows = Array.from({ length: 1_000 }, (_, index) => {
      const row = healthyClient(index);
      return { ...row, written: { ...row.written, current: index % 2 === 0 } };
    });
    const { observation } = healthyPage();
    const signers = Array.from({ length: 2 }, (_, i) => ({
      name: `http://signer-${i}:9000`,
      seen: answered({ ...healthySigner(), missing: someKeys(10_000) }),
    }));
    const database = answered({ ...healthyDatabase(), planned: 1_000 });
    const changed = { ...observation, database, clients: answered({ rows }), keymanagers: [], signers };
    const main = renderMain(contentOf(changed));
    expect(textOf(main, 'verdict')).toMatch(/and 482 more: operator status names all of them$/);
    expect(textOf(main, 'clients')).toMatch(/and 800 clients more$/);
    expect(main.match(/class="cell warning"/g)).toHaveLength(200);
    expect(main).not.toContain('#0<');
    expect(main.length).toBeLessThan(120_000);
    // Keys are counted, and never listed.
    expect(main.match(/0x[0-9a-f]{96}/g)).toBeNull();
  });
});

describe('stagesOf', () => {
  const stagesIn = ({ observation, differences }: ReturnType<typeof healthyPage>) =>
    stagesOf(observation, differences).map(({ name, keys, tone }) => `${name} ${keys} ${tone}`);

  it('the bars of a fleet in order are equal', () => {
    expect(stagesIn(healthyPage())).toEqual([
      'Created 10000 ok',
      'Deposit data 10000 ok',
      'Database 10000 ok',
      'Signers 10000 ok',
      'Clients 10000 ok',
      'Chain 10000 ok',
    ]);
  });

  it('deposit data of a vault that has grown counts what was registered before, so that its bar is equal, too', () => {
    const { observation } = healthyPage();
    const grown = contentOf({
      ...observation,
      database: answered({ ...healthyDatabase(), planned: 10, depositDataEntries: 588 }),
    });
    expect(grown.differences).toEqual([]);
    expect(stagesOf(grown.observation, grown.differences)[1]).toEqual({
      name: 'Deposit data',
      keys: 10_000,
      stretches: [
        { kind: 'there', keys: 588 },
        { kind: 'gone', keys: 9_412 },
      ],
      detail: 'root is on the chain, 588 entries, 9,412 registered before',
      tone: 'ok',
    });
  });

  it('the signer that lacks most, and outdated files, make bars shorter', () => {
    expect(stagesIn(driftingPage())).toEqual([
      'Created 10000 ok',
      'Deposit data 10000 ok',
      'Database 10000 warning',
      'Signers 9800 warning',
      'Clients 9000 warning',
      'Chain 10000 ok',
    ]);
  });

  it('the bar of the chain has what is there, gone and waiting', () => {
    const { observation, differences } = burningPage();
    expect(stagesOf(observation, differences).at(-1)).toMatchObject({
      stretches: [
        { kind: 'there', keys: 9_409 },
        { kind: 'gone', keys: 3 },
        { kind: 'waiting', keys: 588 },
      ],
      tone: 'error',
    });
  });

  it('clients of which nobody has said anything are not known, and count by what they run where that is known', () => {
    const { observation } = healthyPage();
    const rows = [0, 1].map(index => ({ index, planned: 5_000 }));
    const silent = contentOf({ ...observation, clients: answered({ rows }), keymanagers: [] });
    expect(stagesIn(silent)[4]).toBe('Clients undefined unknown');
    const running = contentOf({ ...observation, clients: answered({ rows }) });
    expect(stagesIn(running)[4]).toMatch(/^Clients 10000 /);
  });
});
