import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { openSignerClient, type SignerClientOptions } from '../../../src/clients/signer/signer-client.ts';
import { signMessage } from '../../../src/domain/consensus/bls.ts';
import { credentialsOfType } from '../../../src/domain/consensus/deposit.ts';
import {
  depositSigningRoot,
  verifyDepositSignature,
} from '../../../src/domain/consensus/deposit-signature.ts';
import { fromHex, toHex } from '../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../src/networks/resolve-network.ts';
import { type TestKey, testKeys } from '../../support/servers/exit-signer.ts';
import { type Handler, startServer } from '../../support/servers/http-server.ts';
import { startBuiltIn } from './built-in.ts';

const network = resolveNetwork('mainnet');
const { genesisForkVersion } = network;
const [first, second] = testKeys(2) as [TestKey, TestKey];
const hexOf = (...keys: TestKey[]) => keys.map(({ secretKey }) => Buffer.from(secretKey).toString('hex'));
const VAULT = `0x${'a1'.repeat(20)}`;

function depositOf({ publicKey }: TestKey, changes: { amountGwei?: bigint; vault?: string } = {}) {
  const { amountGwei = 300_000_000_000n, vault = VAULT } = changes;
  return { publicKey, withdrawalCredentials: credentialsOfType('0x02', fromHex(vault)), amountGwei };
}

function open(urls: string | readonly string[], options: Partial<SignerClientOptions> = {}) {
  return openSignerClient({ urls: [urls].flat(), timeoutMs: 5_000, ...options });
}

/** A signer of Web3Signer's API that signs deposits with these keys, whatever they are. */
function depositSigner(sign: (key: TestKey) => TestKey): Handler {
  const keys = [first, second];
  return ({ path, body }) => {
    const key = keys.find(({ hex }) => path === `/api/v1/eth2/sign/${hex}`);
    if (key === undefined) return { status: 404, body: 'Not Found' };
    const { deposit } = JSON.parse(body) as { deposit: Record<string, string> };
    const root = depositSigningRoot(
      {
        publicKey: fromHex(deposit.pubkey ?? ''),
        withdrawalCredentials: fromHex(deposit.withdrawal_credentials ?? ''),
        amountGwei: BigInt(deposit.amount ?? ''),
      },
      fromHex(deposit.genesis_fork_version ?? ''),
    );
    return { body: JSON.stringify({ signature: toHex(signMessage(sign(key).secretKey, root)) }) };
  };
}

describe('deposits of the built-in signer', () => {
  it('signDeposits has the built-in signer sign deposits of its vault, each logged with credentials and amount', async () => {
    await using signer = await startBuiltIn(hexOf(first, second), { deposits: { vault: VAULT } });
    await using client = open(signer.address);
    const deposits = [depositOf(first), depositOf(second, { amountGwei: 32_000_000_000n })];
    const signatures = await client.signDeposits(deposits, { genesisForkVersion });
    expect(signatures).toHaveLength(2);
    for (const [i, deposit] of deposits.entries()) {
      const signature = signatures[i] ?? new Uint8Array();
      expect(verifyDepositSignature({ ...deposit, signature }, genesisForkVersion)).toBe(true);
    }
    const signed = signer.lines.filter(({ text }) => text === 'signed').map(({ fields }) => fields);
    expect(signed).toContainEqual({
      key: first.hex,
      type: 'DEPOSIT',
      credentials: `0x02${'00'.repeat(11)}${'a1'.repeat(20)}`,
      amountGwei: '300000000000',
    });
    expect(JSON.stringify(signer.lines)).not.toContain(toHex(signatures[0] ?? new Uint8Array()).slice(2, 40));
  });

  it('the built-in signer still signs exits when it signs deposits', async () => {
    await using signer = await startBuiltIn(hexOf(first), { deposits: { vault: VAULT } });
    await using client = open(signer.address);
    const exit = { publicKey: first.publicKey, validatorIndex: 7n, epoch: 400_000n, network };
    await expect(client.signExit(exit)).resolves.toHaveLength(96);
  });

  it("signDeposits says in the built-in signer's words what it refuses", async () => {
    await using signer = await startBuiltIn(hexOf(first), { deposits: { vault: VAULT } });
    await using client = open(signer.address);
    const foreign = [depositOf(first, { vault: `0x${'a2'.repeat(20)}` })];
    await expect(client.signDeposits(foreign, { genesisForkVersion })).rejects.toMatchObject({
      code: 'signer-refused-deposit',
      message: expect.stringMatching(/0x02\S+a2a2 are not those of the vault 0xa1a1/),
    });
  });

  it('signDeposits tells that a built-in signer has to be told to sign deposits', async () => {
    await using signer = await startBuiltIn(hexOf(first));
    await using client = open(signer.address);
    await expect(client.signDeposits([depositOf(first)], { genesisForkVersion })).rejects.toMatchObject({
      code: 'signer-refused-deposit',
      message: expect.stringContaining('signs VOLUNTARY_EXIT only, never DEPOSIT.'),
      hint: expect.stringContaining('--sign-deposits'),
    });
  });

  it('the built-in signer answers a refused deposit with a status and a reason that is plain text', async () => {
    await using signer = await startBuiltIn(hexOf(first), { deposits: { vault: VAULT } });
    const body = {
      type: 'DEPOSIT',
      deposit: {
        pubkey: first.hex,
        withdrawal_credentials: toHex(depositOf(first).withdrawalCredentials),
        amount: '1000000000',
        genesis_fork_version: toHex(genesisForkVersion),
      },
    };
    const answer = await request(`${signer.address}/api/v1/eth2/sign/${first.hex}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.statusCode).toBe(412);
    expect(await answer.body.text()).toMatch(/^This signer signs no deposit of 1000000000 gwei: /);
    const metrics = await (await request(`${signer.address}/metrics`)).body.text();
    expect(metrics).toMatch(/reason="412"\} 1$/m);
  });
});

describe('signDeposits', () => {
  it('signDeposits asks as Web3Signer takes it', async () => {
    await using signer = await startServer(depositSigner(key => key));
    await using client = open(signer.url);
    const deposit = depositOf(first);
    await client.signDeposits([deposit], { genesisForkVersion });
    expect(signer.seen).toHaveLength(1);
    expect(signer.seen[0]).toMatchObject({ method: 'POST', path: `/api/v1/eth2/sign/${first.hex}` });
    expect(JSON.parse(signer.seen[0]?.body ?? '')).toEqual({
      type: 'DEPOSIT',
      signing_root: toHex(depositSigningRoot(deposit, genesisForkVersion)),
      deposit: {
        pubkey: first.hex,
        withdrawal_credentials: toHex(deposit.withdrawalCredentials),
        amount: '300000000000',
        genesis_fork_version: '0x00000000',
      },
    });
  });

  it('signDeposits names the key that a signer does not know', async () => {
    await using signer = await startServer(() => ({ status: 404, body: 'Not Found' }));
    await using client = open(signer.url);
    await expect(client.signDeposits([depositOf(first)], { genesisForkVersion })).rejects.toMatchObject({
      code: 'key-not-loaded',
      message: expect.stringContaining(first.hex),
    });
  });

  it('signDeposits never gives a signature of another key, among right ones', async () => {
    await using signer = await startServer(depositSigner(() => first));
    await using client = open(signer.url);
    const deposits = [depositOf(first), depositOf(second)];
    await expect(client.signDeposits(deposits, { genesisForkVersion })).rejects.toMatchObject({
      code: 'invalid-signature',
      message: expect.stringContaining(second.hex),
    });
  });

  it('signDeposits asks another signer of the fleet for what one has signed wrongly', async () => {
    await using wrong = await startServer(depositSigner(() => second));
    await using right = await startServer(depositSigner(key => key));
    await using client = open([wrong.url, right.url]);
    const deposits = Array.from({ length: 8 }, (_, i) =>
      depositOf(first, { amountGwei: 32_000_000_000n + BigInt(i) }),
    );
    const signatures = await client.signDeposits(deposits, { genesisForkVersion });
    for (const [i, deposit] of deposits.entries()) {
      const signature = signatures[i] ?? new Uint8Array();
      expect(verifyDepositSignature({ ...deposit, signature }, genesisForkVersion)).toBe(true);
    }
    expect(wrong.seen.length).toBeGreaterThan(0);
  });

  it('signDeposits does not paper over a signer that computes another root by asking another one', async () => {
    await using refusing = await startServer(() => ({ status: 500, body: 'Internal Server Error' }));
    await using client = open(refusing.url);
    await expect(client.signDeposits([depositOf(first)], { genesisForkVersion })).rejects.toMatchObject({
      code: 'signer-refused-deposit',
      retryable: false,
      hint: expect.stringContaining('--network'),
    });
    expect(refusing.seen).toHaveLength(1);
  });
});
