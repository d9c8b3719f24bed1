import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { startValidatorClient, type ValidatorClient } from '../../devnet/validator-client.ts';
import type { ClientKind } from '../../devnet/validator-client-rules.ts';
import { it } from '../../support/fixtures.ts';

/** Public keys of points of the curve. */
const KEYS = [
  '0x97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb',
  '0xa572cbea904d67468808c8eb50a9450c9721db309128012543902d0ac358a62ae28f75bb8f1c7c42c39a8c5529bf0f4e',
  '0x89ece308f9d1f0131765212deca99697b112d61f9be9a5f1f3780a51335b3ff981747a0b2ca2179b96d2c0c9024e5224',
] as const;
const [FIRST, SECOND, ADDED] = KEYS;
/** Nobody listens there. */
const SIGNER = 'http://127.0.0.1:9';

async function ask(client: ValidatorClient, method: string, path: string, body?: unknown) {
  const response = await fetch(`${client.url}/eth/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${client.token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as { data: Record<string, unknown>[] } };
}

async function list(client: ValidatorClient, name = 'remotekeys'): Promise<unknown[]> {
  const { json } = await ask(client, 'GET', name);
  return json.data.map(({ pubkey, validating_pubkey }) => pubkey ?? validating_pubkey);
}

const add = (client: ValidatorClient, pubkey: string = ADDED, url: string | undefined = SIGNER) =>
  ask(client, 'POST', 'remotekeys', { remote_keys: [{ pubkey, url }] });
const remove = (client: ValidatorClient, pubkey: string) =>
  ask(client, 'DELETE', 'remotekeys', { pubkeys: [pubkey] });
const withTwo = (kind: ClientKind) => startValidatorClient(kind, { keys: [FIRST, SECOND] });

function restart(client: ValidatorClient): void {
  client.stop();
  client.start();
}

/** What a client of each kind does: the rows of what was run and read of them. */
const ROWS: readonly {
  readonly kind: ClientKind;
  readonly readOnly: readonly [ofFile: boolean, added: boolean];
  /** What was added, and what was deleted of its own, after a restart. */
  readonly keepsAdded: boolean;
  readonly bringsBack: boolean;
  readonly deletesOwn: 'deleted' | 'error';
}[] = [
  {
    kind: 'prysm',
    readOnly: [true, true],
    keepsAdded: false,
    bringsBack: true,
    deletesOwn: 'deleted',
  },
  {
    kind: 'lighthouse',
    readOnly: [false, false],
    keepsAdded: true,
    bringsBack: false,
    deletesOwn: 'deleted',
  },
  {
    kind: 'teku',
    readOnly: [true, false],
    keepsAdded: true,
    bringsBack: true,
    deletesOwn: 'error',
  },
  {
    kind: 'nimbus',
    readOnly: [false, false],
    keepsAdded: true,
    bringsBack: false,
    deletesOwn: 'deleted',
  },
  {
    kind: 'lodestar',
    readOnly: [true, false],
    keepsAdded: false,
    bringsBack: true,
    deletesOwn: 'deleted',
  },
  {
    kind: 'grandine',
    readOnly: [false, false],
    keepsAdded: false,
    bringsBack: true,
    deletesOwn: 'deleted',
  },
  {
    kind: 'vero',
    readOnly: [false, false],
    keepsAdded: true,
    bringsBack: false,
    deletesOwn: 'deleted',
  },
];

describe.each(ROWS)('the key manager of $kind', ({ kind, readOnly, keepsAdded, bringsBack, deletesOwn }) => {
  it(`${kind} lists its keys, and says which are read-only`, async () => {
    await using client = await withTwo(kind);
    await add(client);
    const { json } = await ask(client, 'GET', 'remotekeys');
    expect(json.data.map(key => [key.pubkey, key.readonly])).toEqual([
      [FIRST, readOnly[0]],
      [SECOND, readOnly[0]],
      [ADDED, readOnly[1]],
    ]);
    expect(await list(client, 'keystores')).toEqual(kind === 'lodestar' ? KEYS : []);
  });

  it(`${kind} says imported of a key whose signer nobody reaches, and duplicate of one with another URL`, async () => {
    await using client = await withTwo(kind);
    expect(await add(client)).toMatchObject({ status: 200, json: { data: [{ status: 'imported' }] } });
    expect(await add(client, ADDED, 'http://other:9000')).toMatchObject({
      json: { data: [{ status: 'duplicate' }] },
    });
    expect(await add(client, '0x12')).toMatchObject({ status: 200, json: { data: [{ status: 'error' }] } });
    expect(await list(client)).toEqual(KEYS);
  });

  it(`${kind} ${keepsAdded ? 'keeps' : 'loses'} what was added when it starts again`, async () => {
    await using client = await withTwo(kind);
    await add(client);
    restart(client);
    expect(await list(client)).toEqual(keepsAdded ? KEYS : [FIRST, SECOND]);
    expect(await remove(client, ADDED)).toMatchObject({
      json: { data: [{ status: keepsAdded ? 'deleted' : 'not_found' }] },
    });
    restart(client);
    expect(await list(client)).toEqual([FIRST, SECOND]);
  });

  it(`${kind} says ${deletesOwn} of a key of its own, which ${bringsBack ? 'is there' : 'is gone'} when it starts again`, async () => {
    await using client = await withTwo(kind);
    expect(await remove(client, FIRST)).toMatchObject({
      status: 200,
      json: { data: [{ status: deletesOwn }] },
    });
    expect(await list(client)).toEqual(deletesOwn === 'error' ? [FIRST, SECOND] : [SECOND]);
    restart(client);
    expect(await list(client)).toEqual(bringsBack ? [FIRST, SECOND] : [SECOND]);
  });

  it(`${kind} answers 401 without a token, 403 with another one, and nothing while it is stopped`, async () => {
    await using client = await withTwo(kind);
    const url = `${client.url}/eth/v1/remotekeys`;
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { authorization: 'Bearer other' } })).status).toBe(403);
    client.stop();
    await expect(list(client)).rejects.toThrow('fetch failed');
  });
});

describe('what one client does and another does not', () => {
  it('Prysm ignores the URL of a key, other clients but Teku insist on it', async () => {
    await using prysm = await withTwo('prysm');
    await using teku = await withTwo('teku');
    await using lighthouse = await withTwo('lighthouse');
    const withoutUrl = { remote_keys: [{ pubkey: ADDED }] };
    for (const client of [prysm, teku])
      expect(await ask(client, 'POST', 'remotekeys', withoutUrl)).toMatchObject({
        json: { data: [{ status: 'imported' }] },
      });
    expect(await ask(lighthouse, 'POST', 'remotekeys', withoutUrl)).toMatchObject({ status: 400 });
    await add(lighthouse);
    const urlOf = async (client: ValidatorClient) =>
      (await ask(client, 'GET', 'remotekeys')).json.data.at(-1)?.url;
    expect(await urlOf(lighthouse)).toBe(SIGNER);
    restart(prysm);
    await add(prysm);
    expect(await urlOf(prysm)).not.toBe(SIGNER);
  });

  it('Prysm does not find a key in upper case, Lighthouse does', async () => {
    const upper = `0x${FIRST.slice(2).toUpperCase()}`;
    await using prysm = await withTwo('prysm');
    await using lighthouse = await withTwo('lighthouse');
    expect(await remove(prysm, upper)).toMatchObject({ json: { data: [{ status: 'not_found' }] } });
    expect(await remove(lighthouse, upper)).toMatchObject({ json: { data: [{ status: 'deleted' }] } });
  });

  it('Prysm answers 400 to a header of another scheme', async () => {
    await using client = await withTwo('prysm');
    const headers = { authorization: 'Basic abc' };
    expect((await fetch(`${client.url}/eth/v1/remotekeys`, { headers })).status).toBe(400);
  });

  it('Lighthouse refuses a request with a member that it does not know', async () => {
    await using client = await withTwo('lighthouse');
    const body = { remote_keys: [{ pubkey: ADDED, url: SIGNER }], comment: '' };
    expect(await ask(client, 'POST', 'remotekeys', body)).toMatchObject({ status: 400 });
    expect(await list(client)).toEqual([FIRST, SECOND]);
  });

  it('Teku adds no key where it was given no signer', async () => {
    await using client = await withTwo('teku');
    client.faults.noSigner = true;
    expect(await add(client)).toMatchObject({
      json: { data: [{ status: 'error', message: 'Not able to add validator' }] },
    });
  });

  it('Teku with doppelganger detection says imported, and runs the key after the check', async () => {
    await using client = await withTwo('teku');
    client.faults.checksAdded = true;
    expect(await add(client)).toMatchObject({ json: { data: [{ status: 'imported' }] } });
    expect(await list(client)).toEqual([FIRST, SECOND]);
    client.endCheck();
    expect(await list(client)).toEqual(KEYS);
  });

  it('Prysm lists the keys of before when its key file has another key of the same length', async () => {
    await using client = await withTwo('prysm');
    client.faults.listsStill = [FIRST];
    client.keys = [SECOND];
    expect(await list(client)).toEqual([FIRST]);
    delete client.faults.listsStill;
    expect(await list(client)).toEqual([SECOND]);
  });

  it('a list in upper case has the same keys', async () => {
    await using client = await withTwo('lighthouse');
    client.faults.upperCase = true;
    expect(await list(client)).toEqual([FIRST, SECOND].map(key => `0x${key.slice(2).toUpperCase()}`));
  });

  it('no client takes or gives up a keystore where all its keys are a remote signer’s', async () => {
    await using client = await withTwo('prysm');
    for (const [method, body] of [
      ['POST', { keystores: ['{}'], passwords: [''] }],
      ['DELETE', { pubkeys: [FIRST] }],
    ] as const)
      expect(await ask(client, method, 'keystores', body)).toMatchObject({
        status: 200,
        json: { data: [{ status: 'error' }] },
      });
    expect(await list(client)).toEqual([FIRST, SECOND]);
  });
});

describe('the files of a client', () => {
  const FEE_RECIPIENT = '0x52908400098527886E0F7030069857D2E4169EE7';
  const yaml = (...keys: readonly string[]) =>
    `validators-external-signer-public-keys: [${keys.map(key => `"${key}"`).join(',')}]\n`;

  it.for(['prysm', 'teku'] as const)(
    '%s reads its keys when it starts, not before',
    async (kind, { directory }) => {
      const path = join(directory, 'signer_keys.yml');
      writeFileSync(path, yaml(FIRST));
      await using client = await startValidatorClient(kind, { folder: directory });
      writeFileSync(path, yaml(FIRST, SECOND));
      expect(await list(client)).toEqual([FIRST]);
      restart(client);
      expect(await list(client)).toEqual([FIRST, SECOND]);
      writeFileSync(path, 'bulider: true\n');
      client.stop();
      expect(() => client.start()).toThrow('unknown option bulider');
    },
  );

  it('Lighthouse writes its file anew when it starts and whenever a key comes or goes', async ({
    directory,
  }) => {
    mkdirSync(join(directory, 'client'));
    const path = join(directory, 'client', 'validator_definitions.yml');
    const entry = (key: string) =>
      `- enabled: true\n  voting_public_key: "${key}"\n  type: web3signer\n  url: "http://signer:9000"\n  suggested_fee_recipient: "${FEE_RECIPIENT}"\n`;
    writeFileSync(path, `---\n${entry(FIRST)}${entry(SECOND)}`);
    await using client = await startValidatorClient('lighthouse', { folder: join(directory, 'client') });
    const rewritten = readFileSync(path, 'utf8');
    expect(rewritten).toContain(`voting_public_key: ${FIRST}\n`);
    expect(rewritten).toContain(FEE_RECIPIENT.toLowerCase());
    expect(rewritten).toContain("description: ''");
    expect(rewritten).not.toContain('---');
    await remove(client, FIRST);
    await add(client);
    expect(readFileSync(path, 'utf8')).toContain('Added by remotekey API');
    restart(client);
    expect(await list(client)).toEqual([SECOND, ADDED]);
  });
});
