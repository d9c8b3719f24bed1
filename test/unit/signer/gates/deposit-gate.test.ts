import { describe, expect, it } from 'vitest';
import { depositSigningRoot } from '../../../../src/domain/consensus/deposit-signature.ts';
import { fromHex, toHex } from '../../../../src/lib/bytes.ts';
import { resolveNetwork } from '../../../../src/networks/resolve-network.ts';
import { createDepositGate } from '../../../../src/signer/gates/deposit-gate.ts';
import { createRateLimiter } from '../../../../src/signer/gates/rate-limit.ts';
import { Refusal } from '../../../../src/signer/http/refusal.ts';
import { readSignRequest } from '../../../../src/signer/http/sign-request.ts';

const network = resolveNetwork('hoodi');
const VAULT = '0xA1A1a1a1A1A1A1A1A1a1a1a1a1a1A1A1a1A1a1a1';
const KEY = `0x${'b7'.repeat(48)}`;
const OTHER_KEY = `0x${'b8'.repeat(48)}`;
const CREDENTIALS = {
  '0x01': `0x01${'00'.repeat(11)}${'a1'.repeat(20)}`,
  '0x02': `0x02${'00'.repeat(11)}${'a1'.repeat(20)}`,
};
const GENESIS_FORK_VERSION = toHex(network.genesisForkVersion);

type Body = Record<string, unknown>;

const GOOD: Body = {
  pubkey: KEY,
  withdrawal_credentials: CREDENTIALS['0x02'],
  amount: '32000000000',
  genesis_fork_version: GENESIS_FORK_VERSION,
};

function rootOf(deposit: Body): string {
  return toHex(
    depositSigningRoot(
      {
        publicKey: fromHex(String(deposit.pubkey)),
        withdrawalCredentials: fromHex(String(deposit.withdrawal_credentials)),
        amountGwei: BigInt(String(deposit.amount)),
      },
      network.genesisForkVersion,
    ),
  );
}

function ask(
  body: unknown,
  {
    key = KEY,
    vault = VAULT,
    signsDeposits = true,
  }: { key?: string; vault?: string; signsDeposits?: boolean } = {},
): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const request = readSignRequest(Buffer.from(text), { signsDeposits });
  if (request.type !== 'DEPOSIT') throw new Error(`it is read as ${request.type}`);
  return toHex(createDepositGate(network, { vault })(request.deposit, key));
}

/** A request for a deposit with other members than the good one. */
function withDeposit(changes: Body, more: Body = {}): Body {
  return { type: 'DEPOSIT', deposit: { ...GOOD, ...changes }, ...more };
}

function refusalOf(run: () => unknown): { status: number; reason: string; told: string | undefined } {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, reason: error.message, told: error.body };
    throw error;
  }
  throw new Error('it was not refused');
}

describe('createDepositGate', () => {
  it.each<readonly [string, Body]>([
    ['32 ETH to 0x02 credentials of the vault', {}],
    ['32 ETH to 0x01 credentials of the vault', { withdrawal_credentials: CREDENTIALS['0x01'] }],
    ['300 ETH', { amount: '300000000000' }],
    ['2,048 ETH', { amount: '2048000000000' }],
    ['an amount that is not whole ether', { amount: '32000000001' }],
    ['an amount as a JSON number', { amount: 32_000_000_000 }],
    ['hex in upper case', { pubkey: KEY.toUpperCase().replace('0X', '0x') }],
  ])('the gate gives the root of a deposit of %s', (_, changes) => {
    const deposit = { ...GOOD, ...changes };
    expect(ask(withDeposit(changes))).toBe(rootOf(deposit));
    expect(ask(withDeposit(changes, { signing_root: rootOf(deposit) }))).toBe(rootOf(deposit));
  });

  it('the gate knows the vault whatever the case of its address', () => {
    expect(ask(withDeposit({}), { vault: VAULT.toLowerCase() })).toBe(rootOf(GOOD));
  });

  it.each<readonly [string, unknown, number, RegExp]>([
    [
      'one gwei less than 32 ETH',
      withDeposit({ amount: '31999999999' }),
      412,
      /no deposit of 31999999999 gwei/,
    ],
    ['one gwei more than 2,048 ETH', withDeposit({ amount: '2048000000001' }), 412, /2048000000001/],
    ['nothing', withDeposit({ amount: '0' }), 412, /no deposit of 0 gwei/],
    [
      'more than 32 ETH to 0x01 credentials',
      withDeposit({ withdrawal_credentials: CREDENTIALS['0x01'], amount: '32000000001' }),
      412,
      /with 0x01 credentials is one of 32000000000/,
    ],
    [
      "another vault's credentials",
      withDeposit({ withdrawal_credentials: `0x02${'00'.repeat(11)}${'a2'.repeat(20)}` }),
      412,
      /not those of the vault 0xa1a1/,
    ],
    [
      'BLS credentials',
      withDeposit({ withdrawal_credentials: `0x00${'00'.repeat(11)}${'a1'.repeat(20)}` }),
      412,
      /withdrawal credentials/,
    ],
    [
      'credentials of a type that is not known',
      withDeposit({ withdrawal_credentials: `0x03${'00'.repeat(11)}${'a1'.repeat(20)}` }),
      412,
      /withdrawal credentials/,
    ],
    [
      'something between type and address',
      withDeposit({ withdrawal_credentials: `0x02${'00'.repeat(10)}01${'a1'.repeat(20)}` }),
      412,
      /withdrawal credentials/,
    ],
    [
      'short credentials',
      withDeposit({ withdrawal_credentials: `0x${'a1'.repeat(20)}` }),
      400,
      /credentials/,
    ],
    ["mainnet's fork version", withDeposit({ genesis_fork_version: '0x00000000' }), 412, /not that of hoodi/],
    [
      "a later fork's version of the same chain",
      withDeposit({ genesis_fork_version: toHex(network.capellaForkVersion) }),
      412,
      /not that of hoodi/,
    ],
    ['a fork version of 5 bytes', withDeposit({ genesis_fork_version: '0x0000000000' }), 400, /4 bytes/],
    ['the key of another validator', withDeposit({ pubkey: OTHER_KEY }), 412, /whose key is another one/],
    [
      'the signing root of another amount',
      withDeposit({}, { signing_root: rootOf({ ...GOOD, amount: '33000000000' }) }),
      500,
      /signing_root is/,
    ],
    [
      'a signing root of 31 bytes',
      withDeposit({}, { signing_root: `0x${'00'.repeat(31)}` }),
      500,
      /32 bytes/,
    ],
    [
      'the signing root in both spellings',
      withDeposit({}, { signing_root: rootOf(GOOD), signingRoot: rootOf(GOOD) }),
      400,
      /both given/,
    ],
    ['no deposit', { type: 'DEPOSIT' }, 500, /lacks a member/],
    ['a list for a deposit', { type: 'DEPOSIT', deposit: [] }, 400, /not an object/],
    ['no amount', withDeposit({ amount: undefined }), 500, /lacks a member/],
    ['no key', withDeposit({ pubkey: null }), 500, /lacks a member/],
    ['an amount below zero', withDeposit({ amount: '-32000000000' }), 400, /unsigned/],
    ['an amount in hex', withDeposit({ amount: '0x773594000' }), 400, /unsigned/],
    ['an amount that JSON rounds', withDeposit({ amount: 2 ** 60 }), 400, /unsigned/],
    ['an amount of 2^64', withDeposit({ amount: '18446744073709551616' }), 400, /unsigned/],
    [
      'the amount twice',
      JSON.stringify(withDeposit({})).replace('"amount"', '"amount":"32000000000","amount"'),
      400,
      /twice/,
    ],
    ['an attestation', { type: 'ATTESTATION' }, 400, /VOLUNTARY_EXIT and DEPOSIT only, never ATTESTATION/],
    ['a validator registration', { type: 'VALIDATOR_REGISTRATION' }, 400, /never VALIDATOR_REGISTRATION/],
    ['an unknown type', { type: 'WITHDRAWAL' }, 400, /type is unknown/],
  ])('the gate refuses %s', (_, body, status, reason) => {
    expect(refusalOf(() => ask(body))).toMatchObject({ status, reason: expect.stringMatching(reason) });
  });

  it('what the gate refuses is told to the client, which may have asked for another vault by mistake', () => {
    const { told } = refusalOf(() => ask(withDeposit({}), { vault: `0x${'a2'.repeat(20)}` }));
    expect(told).toMatch(/are not those of the vault 0xa2a2/);
  });

  it('a signer that is not told to sign deposits refuses them by name, as it always did', () => {
    expect(refusalOf(() => ask(withDeposit({}), { signsDeposits: false }))).toMatchObject({
      status: 400,
      told: 'This signer signs VOLUNTARY_EXIT only, never DEPOSIT.',
    });
  });

  it('a limit of signatures is one of deposits, too, and is not used up by what is refused', () => {
    const limiter = createRateLimiter({ count: 1, perMs: 3_600_000 });
    const gate = createDepositGate(network, { vault: VAULT, limiter });
    const deposit = {
      publicKey: fromHex(KEY),
      withdrawalCredentials: fromHex(CREDENTIALS['0x02']),
      amountGwei: 32_000_000_000n,
      genesisForkVersion: network.genesisForkVersion,
      signingRoot: undefined,
    };
    expect(refusalOf(() => gate({ ...deposit, amountGwei: 1n }, KEY)).status).toBe(412);
    expect(gate(deposit, KEY)).toHaveLength(32);
    expect(refusalOf(() => gate(deposit, KEY)).status).toBe(429);
  });
});
