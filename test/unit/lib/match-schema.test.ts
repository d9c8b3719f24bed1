import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  genesisAnswer,
  syncingAnswer,
  validatorsAnswer,
} from '../../../src/clients/beacon/beacon-answers.ts';
import { parseDepositData } from '../../../src/domain/consensus/deposit-data.ts';
import { parseRemoteSignerConfig } from '../../../src/domain/fleet/remote-signer-document.ts';
import { readKeyFile } from '../../../src/domain/fleet/web3signer-key-file.ts';
import { parseKeystore } from '../../../src/domain/keys/keystore.ts';
import { decryptWallet } from '../../../src/domain/keys/wallet.ts';
import { parseOracleConfig } from '../../../src/domain/protocol/oracle-document.ts';
import { parseVaultRewards } from '../../../src/domain/protocol/rewards.ts';
import { describeFault, matchSchema } from '../../../src/lib/match-schema.ts';
import { parseNetworkFile } from '../../../src/networks/network-file.ts';
import { readRecorded, readRecordedJson } from '../../support/recorded/vectors.ts';

/** What the library of schemas says by itself. */
const LIBRARY_WORDS =
  /Invalid (input|string|option|key|value|element|UUID|URL)|expected .*received|Too (big|small)|Unrecognized|discriminator|undefined|ZodError|✖/i;

type Json = null | boolean | number | string | Json[] | { [member: string]: Json };

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const KEYSTORE = '01-create-keys/holesky/1-after-first/keystores/keystore-m_12381_3600_0_0_0-1795366760.json';
const ADDRESS = '0x6B5815467da09DaA7DC83Db21c9239d98Bb487b5';
const bytesOf = (text: string) => new TextEncoder().encode(text);

const NETWORK = {
  name: 'devnet',
  chainId: 31337,
  currency: 'ETH',
  secondsPerSlot: 12,
  slotsPerEpoch: 32,
  genesisTimestamp: 1700000000,
  genesisForkVersion: '0x10000038',
  genesisValidatorsRoot: `0x${'ab'.repeat(32)}`,
  capellaForkVersion: '0x40000038',
  capellaForkEpoch: 0,
  contracts: {
    keeper: ADDRESS,
    keeperGenesisBlock: 0,
    depositContract: ADDRESS,
    depositContractGenesisBlock: 0,
    vaultsRegistry: ADDRESS,
    sharedMevEscrow: ADDRESS,
    multicall: ADDRESS,
  },
  ipfsGateways: ['https://ipfs.example'],
};

/** Costs nothing to open with a wrong password: what is changed may be no part of its form. */
const CHEAP_WALLET = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
    ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
    kdf: 'pbkdf2',
    kdfparams: { c: 1, dklen: 32, prf: 'hmac-sha256', salt: 'ae'.repeat(32) },
    mac: '51'.repeat(32),
  },
  address: '0x6b5815467da09daa7dc83db21c9239d98bb487b5',
  version: 3,
};

const REMOTE_SIGNER = {
  pubkeys_to_shares: { [`0x${'ab'.repeat(48)}`]: [`0x${'cd'.repeat(48)}`] },
  oracle_set: { config_hash: `0x${'ef'.repeat(32)}`, config_ipfs_hash: 'Qm', threshold: 1 },
};

const REWARDS = {
  vaults: [
    {
      vault: VAULT,
      consensus_reward: 1,
      unlocked_mev_reward: 1,
      locked_mev_reward: 1,
      proof: ['11'.repeat(32)],
    },
  ],
};

const VALIDATOR = {
  index: '7',
  status: 'active_ongoing',
  validator: {
    pubkey: `0x${'ab'.repeat(48)}`,
    withdrawal_credentials: `0x${'01'.repeat(32)}`,
    activation_epoch: '0',
    exit_epoch: '18446744073709551615',
  },
};

function matching(schema: z.ZodType) {
  return (text: string) => {
    const checked = matchSchema(schema, JSON.parse(text));
    if (!checked.success) throw new Error(describeFault(checked.fault));
  };
}

/** Every reader of a document that is not this program's own, with one that it takes. */
const READERS: Readonly<
  Record<string, { readonly good: unknown; readonly read: (text: string) => unknown }>
> = {
  'a keystore': { good: readRecordedJson(KEYSTORE), read: text => parseKeystore(text, 'k.json') },
  'a wallet': {
    good: CHEAP_WALLET,
    read: text => decryptWallet(text, 'x', 'w.json'),
  },
  'deposit data': {
    good: readRecordedJson<Json[]>('01-create-keys/holesky/1-after-first/deposit_data.json').slice(0, 1),
    read: text => parseDepositData(text, 'd.json'),
  },
  'a network file': { good: NETWORK, read: text => parseNetworkFile(text, 'n.json') },
  'a remote signer configuration': {
    good: REMOTE_SIGNER,
    read: text => parseRemoteSignerConfig(text, 'r.json'),
  },
  'a key file': {
    good: { type: 'file-raw', keyType: 'BLS', privateKey: `0x${'11'.repeat(32)}` },
    read: text => readKeyFile(bytesOf(text), 'k.yaml'),
  },
  'an oracle configuration': {
    good: readRecordedJson<{ config: unknown }>('03-remote-db/oracles_and_chain_inputs.json').config,
    read: text => parseOracleConfig(bytesOf(text)),
  },
  'a rewards document': { good: REWARDS, read: text => parseVaultRewards(bytesOf(text), VAULT) },
  'a genesis of a beacon node': {
    good: { data: { genesis_validators_root: `0x${'ab'.repeat(32)}` } },
    read: matching(genesisAnswer),
  },
  'a beacon node’s state': {
    good: { data: { head_slot: '1', sync_distance: '0', is_syncing: false } },
    read: matching(syncingAnswer),
  },
  'validators of a beacon node': { good: { data: [VALIDATOR] }, read: matching(validatorsAnswer) },
};

const SPOILT: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  '',
  'SecretWord',
  [],
  {},
  [null],
  { extra: 1 },
];

/** The document with each of its members taken away or replaced, and the document itself replaced. */
function* spoil(value: Json): Generator<Json> {
  yield* SPOILT;
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    const { [key]: member = null, ...rest } = value as { [member: string]: Json };
    if (!Array.isArray(value)) yield rest;
    for (const other of spoil(member)) {
      if (Array.isArray(value)) yield value.map((one, i) => (String(i) === key ? other : one));
      else yield { ...value, [key]: other };
    }
  }
  if (!Array.isArray(value)) yield { ...value, surprise: 1 };
}

async function refusalOf(read: (text: string) => unknown, text: string): Promise<string | undefined> {
  try {
    await read(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

describe('what is wrong with a document', () => {
  it.each(Object.entries(READERS))(
    'the refusals of %s are in a user’s words, whatever is wrong, and repeat no text of it',
    async (_, { good, read }) => {
      const refusals = new Set<string>();
      for (const bad of spoil(good as Json)) {
        const said = await refusalOf(read, JSON.stringify(bad));
        if (said !== undefined) refusals.add(said);
      }
      expect(refusals.size).toBeGreaterThan(1);
      for (const said of refusals) {
        expect(said).not.toMatch(LIBRARY_WORDS);
        // The version of a keystore is told: it is no secret.
        expect(said.replace('of version SecretWord', '')).not.toContain('SecretWord');
      }
    },
  );

  it.each<readonly [z.ZodType, unknown, string]>([
    [z.object({ a: z.string() }), {}, 'a: is missing'],
    [z.object({ a: z.string() }), { a: null }, 'a: is null, not text'],
    [z.object({ a: z.object({ b: z.int() }) }), { a: { b: 'x' } }, 'a.b: is text, not a number'],
    [z.int(), 1.5, 'the document: is not a whole number'],
    [z.array(z.string()), {}, 'the document: is an object, not an array'],
    [z.object({}), [], 'the document: is an array, not an object'],
    [z.boolean(), 'yes', 'the document: is text, not true or false'],
    [z.string(), true, 'the document: is true, not text'],
    [z.int().min(1), 0, 'the document: is less than 1'],
    [z.int().positive(), 0, 'the document: is not more than 0'],
    [z.int().max(5), 6, 'the document: is more than 5'],
    [z.string().min(1), '', 'the document: is empty'],
    [z.string().max(3), 'secret', 'the document: has more than 3 characters'],
    [z.array(z.int()).min(2), [1], 'the document: has fewer than 2 entries'],
    [z.literal(4), 3, 'the document: is not 4'],
    [z.literal(4), '4', 'the document: is text, not 4'],
    [z.literal(''), 'x', 'the document: is not empty'],
    [z.enum(['a', 'b']), 'c', 'the document: is none of a, b'],
    [z.strictObject({}), { b: 1 }, 'b: is not known here'],
    [z.object({ a: z.strictObject({}) }), { a: { b: 1 } }, 'a: has members that are not known here: b'],
    [z.string().regex(/x/), 'secret', 'the document: is not written in the form that it has to have'],
    [z.string().regex(/x/, 'has no x'), 'secret', 'the document: has no x'],
    [
      z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b') })]),
      { k: 'secret' },
      'k: is none of a, b',
    ],
    [z.union([z.string(), z.int()]), [], 'the document: is of no kind that is known here'],
  ])('matchSchema says what is wrong, case %#', (schema, value, expected) => {
    const checked = matchSchema(schema, value);
    expect(checked.success ? 'nothing' : describeFault(checked.fault)).toBe(expected);
    expect(checked.success ? '' : checked.fault.cause.message).not.toMatch(LIBRARY_WORDS);
  });

  it('every recorded document that the table begins with is read as it is', async () => {
    for (const [name, { good, read }] of Object.entries(READERS)) {
      if (name === 'a wallet') continue;
      expect(await refusalOf(read, JSON.stringify(good)), name).toBeUndefined();
    }
    expect(parseKeystore(readRecorded(KEYSTORE)).version).toBe(4);
  });
});
