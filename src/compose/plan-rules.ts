import type { BeaconNode } from '../clients/beacon/beacon-node.ts';
import { openSignerClient } from '../clients/signer/signer-client.ts';
import type { WalletSigner } from '../clients/signer/wallet-signer.ts';
import type { ValidatorType } from '../domain/consensus/deposit.ts';
import { knownShares } from '../domain/fleet/signing-ability.ts';
import { type Hex, toHex } from '../lib/bytes.ts';
import { OperatorError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Network } from '../networks/network.ts';
import type { OwnKeysOptions } from '../operator/own-keys.ts';
import type { OperatorSources } from '../operator/sources.ts';
import { checkDepositData, type StartupFacts } from '../operator/startup/check-startup.ts';
import { readKeystorePublicKeys } from '../services/local-keys/keystore-public-keys.ts';
import type { PlanVaultOptions } from '../services/staking/plan/plan-vault.ts';
import { DEFAULT_VALIDATOR_TYPE } from '../services/staking/registration/choose-registration-mode.ts';
import { ethereumVaultVersion } from '../services/staking/registration/vault-version.ts';
import type { NamedFile, StakingPolicy } from '../settings/operator-settings.ts';
import type { ExitKeysSettings, ExitSigningSettings } from '../settings/signing-settings.ts';
import { openExitSigner } from './exit-signer.ts';
import { prepareRegistration, stakingOf } from './staking-rules.ts';

/** Where the keys of new validators are, and how whoever has them is asked. */
export interface PlanKeysSettings extends Omit<ExitSigningSettings, 'exitKeys'> {
  /** Undefined where nobody has named a place. */
  readonly exitKeys: ExitKeysSettings | undefined;
  /** Whether a remote database is named, whose rows may say which keys there are. */
  readonly hasDatabase: boolean;
}

/** All that a plan's rules are found by. */
export interface PlanFacts {
  /** The vault (checksummed), and the name or path of its network. */
  readonly vault: { readonly vault: string; readonly network: string };
  readonly policy: StakingPolicy;
  readonly keys: PlanKeysSettings;
  readonly depositDataFile: NamedFile | undefined;
  readonly network: Network;
  readonly facts: StartupFacts;
  /** Checksummed; undefined where it is not known which that is. */
  readonly wallet: string | undefined;
  readonly sources: OperatorSources;
  readonly beacon: Pick<BeaconNode, 'fetchValidators'>;
  /** Directory of the vault. */
  readonly directory: string;
}

/**
 * How validators would be registered, by what `start` goes by, and the keys that there are for it. None is opened, and nothing signed.
 * @throws OperatorError 'not-validators-manager', 'unsupported-vault-version', 'signer-keys-unknown', 'deposit-data-missing'; what
 *   the remote signer fails with
 */
export async function findRegistration(
  log: Logger,
  own: PlanFacts,
): Promise<Pick<PlanVaultOptions, 'registration' | 'staking'>> {
  const { policy, network, facts, sources, depositDataFile } = own;
  const { vault } = own.vault;
  const unprepared = stakingOf(policy, network, policy.validatorType ?? DEFAULT_VALIDATOR_TYPE);
  if (!policy.register) {
    const off = 'they are switched off by --disable-validators-registration';
    return { staking: unprepared, registration: { off } };
  }
  const wallet = requireWallet(own);
  const depositData = await checkDepositData({ log, sources });
  const listed = await listSignerKeys(log, own);
  const { exitShards } = policy;
  const isManaged = isVersion5(own) && facts.validatorsManager === wallet;
  if (listed === undefined && depositData.entries === 0 && isManaged) {
    const noKeys = { mode: undefined, source: undefined, ownKeys: [], loadedKeys: new Set<Hex>() };
    return { staking: unprepared, registration: { ...noKeys, exitShards, shares: undefined } };
  }
  const { mode, staking, ownKeys } = await prepareRegistration(
    {
      network,
      sources,
      log,
      beacon: own.beacon,
      wallet: signingNothing(wallet),
      signer: { signDeposits: refuseToSign },
    },
    {
      vault,
      policy,
      keySource: listed?.keySource ?? { kind: 'built-in', hasRows: false },
      vaultDirectory: own.directory,
      isDepositDataNamed: depositDataFile?.isThere === true,
    },
    { facts, depositData },
  );
  const entries = depositData.entries > 0 ? await sources.depositData.read() : [];
  const deposits = entries.map(({ publicKey }) => publicKey);
  // Where nobody has said who has the keys, those of the deposit data are taken to be there.
  const loadedKeys = listed?.loadedKeys ?? new Set(deposits.map(toHex));
  const isRemote = listed?.keySource.kind === 'remote';
  return {
    staking,
    registration: {
      mode,
      loadedKeys,
      exitShards,
      source: ownKeys?.source ?? sources.depositData.name,
      ownKeys: ownKeys === undefined ? deposits : await ownKeys.list(loadedKeys),
      shares: knownShares(isRemote ? await sources.remoteSigner.read() : undefined),
    },
  };
}

/** Why no validator is topped up. */
export function whyNoFunding(own: PlanFacts, type: ValidatorType): string {
  const { facts, policy } = own;
  if (!isVersion5(own)) return `vaults of version ${facts.vaultVersion} top up no validators`;
  if (type === '0x01' || policy.validatorType === '0x01') return 'validators of type 0x01 are not topped up';
  return policy.fund ? whyNotManager(own) : 'they are switched off by --disable-validators-funding';
}

/** Why no withdrawal is requested. */
export function whyNoWithdrawals(own: PlanFacts): string {
  const { facts, policy } = own;
  if (!isVersion5(own)) return `vaults of version ${facts.vaultVersion} request no withdrawals`;
  return policy.withdraw ? whyNotManager(own) : 'they are switched off by --disable-withdrawals';
}

function whyNotManager({ facts, wallet }: PlanFacts): string {
  const whose = wallet === undefined ? 'no hot wallet' : `not the hot wallet ${wallet}`;
  return `the validators manager of the vault is ${facts.validatorsManager}, ${whose}`;
}

function isVersion5({ network, vault, facts }: PlanFacts): boolean {
  return ethereumVaultVersion(network, vault.vault, facts.vaultVersion) >= 5;
}

/** A vault without a manager, of an operator without a wallet, has nobody who could act. @throws OperatorError */
function requireWallet({ wallet, facts, vault }: PlanFacts): string {
  if (wallet !== undefined) return wallet;
  // Whoever has the oracles' approvals may register by deposit data.
  if (facts.validatorsManager === null || BigInt(facts.validatorsManager) !== 0n) return NOBODY;
  throw new OperatorError(
    'not-validators-manager',
    `The vault ${vault.vault} has no validators manager: no hot wallet can register validators for it.`,
    {
      hint: "The vault's admin has to call setValidatorsManager of the vault with the address of the hot wallet.",
    },
  );
}

const NOBODY = `0x${'00'.repeat(20)}`;

/** The keys that the signer would have, lower case; undefined where nobody has said where they are. */
async function listSignerKeys(
  log: Logger,
  { keys, vault, sources }: PlanFacts,
): Promise<
  { readonly keySource: OwnKeysOptions['signer']; readonly loadedKeys: ReadonlySet<Hex> } | undefined
> {
  const { exitKeys, hasDatabase } = keys;
  const rows = async () => {
    const config = await sources.remoteSigner.read();
    const publicKeys = config?.validators.map(({ publicKey }) => toHex(publicKey)) ?? [];
    return { keySource: { kind: 'built-in', hasRows: true }, loadedKeys: new Set(publicKeys) } as const;
  };
  if (exitKeys === undefined) return hasDatabase ? await rows() : undefined;
  if (exitKeys.kind === 'remote') {
    await using client = openSignerClient({ ...keys, urls: exitKeys.urls, log });
    return { keySource: exitKeys, loadedKeys: await client.listPublicKeys() };
  }
  const keySource = { kind: 'built-in', hasRows: false } as const;
  switch (exitKeys.keys.kind) {
    case 'remote-db':
      return await rows();
    case 'keystores': {
      const named = readKeystorePublicKeys(exitKeys.keys.keystoresDir);
      return { keySource, loadedKeys: new Set(named.map(toHex)) };
    }
    default: {
      // Only who has opened what they are in can tell which keys there are: a process of its own, as for "start".
      await using signer = await openExitSigner(log, { ...keys, exitKeys }, vault.network);
      return { keySource, loadedKeys: await signer.client.listPublicKeys() };
    }
  }
}

/** The hot wallet as far as a plan has it: by its address. */
function signingNothing(address: string): Pick<WalletSigner, 'address' | 'signVaultValidators'> {
  return { address, signVaultValidators: refuseToSign };
}

function refuseToSign(): Promise<never> {
  return Promise.reject(new Error('a plan has nothing signed'));
}
