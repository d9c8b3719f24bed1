import { describe } from 'vitest';
import { createDepositData } from '../../../src/domain/keys/signed-deposit.ts';
import { type BadCase, expectRefusal, type Scene, upload } from '../../support/scenes/bad-input/scene.ts';
import { itInWorkshop } from '../../support/scenes/bad-input/workshop.ts';

type Entry = Record<string, string | number>;

const it = itInWorkshop('set-up');

const FILE = '{folder}/data/{VAULT}/deposit_data.json';
const OTHER_VAULT = '8189af89a7718c1bab5628399fc0ba50c6949bcc';
const OTHER_FORK = '00000000';

const CASES: BadCase[] = [
  {
    name: 'no file',
    args: scene => upload(scene),
    arrange: scene => scene.remove(scene.depositData),
    exitCode: 1,
    code: 'deposit-data-missing',
    message: 'Deposit data file does not exist. Have you called "create-keys" command?',
  },
  {
    name: 'a file that is named and not there',
    args: scene => upload(scene, '--deposit-data-file', scene.path('other.json')),
    exitCode: 2,
    code: 'file-missing',
    message: "Invalid value for '--deposit-data-file': File '{folder}/other.json' does not exist.",
  },
  {
    name: 'not JSON',
    args: scene => upload(scene),
    arrange: scene => scene.write(scene.depositData, '[{'),
    exitCode: 1,
    code: 'deposit-data-not-json',
    message: `${FILE} is not JSON.`,
  },
  {
    name: 'not a list',
    args: scene => upload(scene),
    arrange: scene => scene.write(scene.depositData, '{"pubkey": "00"}'),
    exitCode: 1,
    code: 'deposit-data-invalid',
    message: /^\{folder\}.*deposit_data\.json is not deposit data: .*array/,
  },
  {
    name: 'a public key that is too short',
    args: scene => upload(scene),
    arrange: scene => edit(scene, 1, entry => ({ ...entry, pubkey: String(entry.pubkey).slice(2) })),
    exitCode: 1,
    code: 'deposit-data-invalid',
    message: `${FILE} is not deposit data: 1: pubkey: is not 48 bytes of hex`,
  },
  {
    name: 'an entry twice',
    args: scene => upload(scene),
    arrange: scene => scene.edit<Entry[]>(scene.depositData, entries => [...entries, ...entries.slice(1, 2)]),
    exitCode: 1,
    code: 'deposit-data-duplicate',
    message: `${FILE} names public key {key1} twice.`,
  },
  {
    name: 'an entry twice, written in two ways',
    args: scene => upload(scene),
    arrange: scene =>
      scene.edit<Entry[]>(scene.depositData, entries => [
        ...entries,
        { ...entries[1], pubkey: `0x${String(entries[1]?.pubkey).toUpperCase()}` },
      ]),
    exitCode: 1,
    code: 'deposit-data-duplicate',
    message: `${FILE} names public key {key1} twice.`,
  },
  {
    name: 'another root on the chain',
    args: scene => upload(scene),
    arrange: async scene => {
      const { devnet } = scene.workshop;
      const root = await readRoot(scene);
      await devnet.setDepositDataRoot(`0x${'5a'.repeat(32)}`);
      scene.defer(() => devnet.setDepositDataRoot(root));
    },
    exitCode: 1,
    code: 'deposit-data-root-mismatch',
    message:
      /^\{folder\}.*deposit_data\.json has the validators root 0x[0-9a-f]{64}, but the chain has 0x(5a){32} for vault \{vault\}\.$/,
  },
  {
    name: 'other entries than those of the root on the chain',
    args: scene => upload(scene),
    arrange: scene => scene.edit<Entry[]>(scene.depositData, entries => entries.slice(0, 2)),
    exitCode: 1,
    code: 'deposit-data-root-mismatch',
    message: /^\{folder\}.*deposit_data\.json has the validators root 0x.* for vault \{vault\}\.$/,
  },
  {
    name: 'the entries in another order than on the chain',
    args: scene => upload(scene),
    arrange: scene => scene.edit<Entry[]>(scene.depositData, entries => entries.toReversed()),
    exitCode: 1,
    code: 'deposit-data-root-mismatch',
    message: /^\{folder\}.*deposit_data\.json has the validators root 0x.* for vault \{vault\}\.$/,
  },
  {
    name: "another vault's credentials",
    args: scene => upload(scene),
    arrange: scene =>
      edit(scene, 2, entry => ({ ...entry, withdrawal_credentials: `01${'00'.repeat(11)}${OTHER_VAULT}` })),
    exitCode: 1,
    code: 'deposit-data-other-vault',
    message: `${FILE}: the withdrawal credentials of {key2} are 01${'00'.repeat(11)}${OTHER_VAULT}, not those of vault {vault}.`,
  },
  {
    name: 'credentials of a compounding validator',
    args: scene => upload(scene),
    arrange: scene =>
      edit(scene, 2, entry => ({
        ...entry,
        withdrawal_credentials: String(entry.withdrawal_credentials).replace(/^(0x)?01/, '02'),
      })),
    exitCode: 1,
    code: 'deposit-data-compounding',
    message:
      /^\{folder\}.*deposit_data\.json: the withdrawal credentials of \{key2\} are 0x02.*: it is for a compounding validator \(0x02\)/,
  },
  {
    name: 'a deposit that was signed for another vault and does not say so',
    args: scene => upload(scene),
    arrange: scene => signFor(scene, 2, { vault: Uint8Array.from(Buffer.from(OTHER_VAULT, 'hex')) }),
    exitCode: 1,
    code: 'deposit-data-bad-signature',
    message: `${FILE}: the deposit signature of {key2} is not valid for vault {vault} on bad-input.`,
  },
  {
    name: "another network's fork version",
    args: scene => upload(scene),
    arrange: scene => edit(scene, 0, entry => ({ ...entry, fork_version: OTHER_FORK })),
    exitCode: 1,
    code: 'deposit-data-other-network',
    message: `${FILE}: the fork version of {key0} is ${OTHER_FORK}, not that of bad-input.`,
  },
  {
    name: 'a deposit that was signed for another network and does not say so',
    args: scene => upload(scene),
    arrange: scene => signFor(scene, 0, { forkVersion: Uint8Array.from(Buffer.from(OTHER_FORK, 'hex')) }),
    exitCode: 1,
    code: 'deposit-data-bad-signature',
    message: `${FILE}: the deposit signature of {key0} is not valid for vault {vault} on bad-input.`,
  },
  {
    name: 'the signature of another entry',
    args: scene => upload(scene),
    arrange: scene =>
      scene.edit<Entry[]>(scene.depositData, ([first, second, ...rest]) => [
        { ...first, signature: second?.signature },
        second,
        ...rest,
      ]),
    exitCode: 1,
    code: 'deposit-data-bad-signature',
    message: `${FILE}: the deposit signature of {key0} is not valid for vault {vault} on bad-input.`,
  },
  {
    name: 'a signature that is no point of the curve',
    args: scene => upload(scene),
    arrange: scene => edit(scene, 1, entry => ({ ...entry, signature: 'ab'.repeat(96) })),
    exitCode: 1,
    code: 'deposit-data-bad-signature',
    message: `${FILE}: the deposit signature of {key1} is not valid for vault {vault} on bad-input.`,
  },
  {
    name: 'a public key that is no point of the curve',
    args: scene => upload(scene),
    arrange: scene => edit(scene, 1, entry => ({ ...entry, pubkey: 'ab'.repeat(48) })),
    exitCode: 1,
    code: 'deposit-data-bad-signature',
    message: `${FILE}: the deposit signature of 0x${'ab'.repeat(48)} is not valid for vault {vault} on bad-input.`,
  },
  {
    name: 'a key without a keystore',
    args: scene => upload(scene),
    arrange: scene => scene.remove(scene.keystore(1)),
    exitCode: 1,
    code: 'deposit-data-other-keys',
    message: `${FILE} does not match the keystores: 1 of its 3 public keys are neither among these nor in the remote db, first {key1}.`,
  },
  {
    name: "another vault's deposit data when more keys are made",
    args: createKeys,
    arrange: scene =>
      edit(scene, 0, entry => ({ ...entry, withdrawal_credentials: `01${'00'.repeat(11)}${OTHER_VAULT}` })),
    exitCode: 1,
    code: 'deposit-data-mismatch',
    message: `${FILE} has public key {key0} of another vault than {vault}.`,
  },
  {
    name: "another network's deposit data when more keys are made",
    args: createKeys,
    arrange: scene => edit(scene, 0, entry => ({ ...entry, fork_version: OTHER_FORK })),
    exitCode: 1,
    code: 'deposit-data-mismatch',
    message: `${FILE} has public key {key0} of another network than bad-input.`,
  },
  {
    name: 'duplicates when more keys are made',
    args: createKeys,
    arrange: scene => scene.edit<Entry[]>(scene.depositData, entries => [...entries, ...entries.slice(0, 1)]),
    exitCode: 1,
    code: 'deposit-data-duplicate',
    message: `${FILE} names public key {key0} twice.`,
  },
  {
    name: 'duplicates when the root is computed',
    args: scene => ['get-validators-root', ...local(scene)],
    arrange: scene => scene.edit<Entry[]>(scene.depositData, entries => [...entries, ...entries.slice(0, 1)]),
    exitCode: 1,
    code: 'deposit-data-duplicate',
    message: `${FILE} names public key {key0} twice.`,
  },
];

function local(scene: Scene): string[] {
  return ['--vault', scene.workshop.vault, '--data-dir', scene.path('data')];
}

function createKeys(scene: Scene): string[] {
  const mnemonic = ['--mnemonic-file', scene.path('mnemonic')];
  return ['create-keys', '--count', '1', '--kdf', 'pbkdf2', ...mnemonic, ...local(scene)];
}

function edit(scene: Scene, index: number, change: (entry: Entry) => Entry): void {
  scene.edit<Entry[]>(scene.depositData, entries =>
    entries.map((entry, place) => (place === index ? change(entry) : entry)),
  );
}

/** A deposit of the right key for something else, in an entry that tells neither vault nor network. */
function signFor(scene: Scene, index: number, other: { vault?: Uint8Array; forkVersion?: Uint8Array }): void {
  const { validators, vault } = scene.workshop;
  const { signature, publicKey } = createDepositData({
    secretKey: validators[index]?.secretKey ?? new Uint8Array(),
    vault: other.vault ?? Uint8Array.from(Buffer.from(vault.slice(2), 'hex')),
    network: { name: 'other', genesisForkVersion: other.forkVersion ?? Uint8Array.of(0x10, 0, 0, 0x38) },
  });
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  edit(scene, index, () => ({ pubkey: hex(publicKey), signature: hex(signature) }));
}

async function readRoot({ workshop: { devnet } }: Scene): Promise<string> {
  const vault = devnet.protocol.at('VaultV1', devnet.addresses.vault);
  return String(await vault.getFunction('validatorsRoot')());
}

describe('deposit data', () => {
  it.for(CASES)(
    'a command that reads deposit_data.json refuses unusable deposit data and changes nothing: $name',
    (bad, { workshop }) => expectRefusal(workshop, bad),
  );
});
