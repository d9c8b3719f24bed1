import { hostname } from 'node:os';
import { BeaconSnapshotReader } from '../clients/beacon/beacon-snapshot.ts';
import type { HttpDeps } from '../clients/http.ts';
import { openWalletSigner, type WalletSigner } from '../clients/signer/wallet-signer.ts';
import { OperatorError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { owned } from '../lib/owned.ts';
import { resolveNetwork } from '../networks/resolve-network.ts';
import { readVaultFacts } from '../operator/startup/check-startup.ts';
import { VaultValidators } from '../services/local-keys/vault-validators.ts';
import { ethereumVaultVersion } from '../services/staking/registration/vault-version.ts';
import {
  planVaultExits,
  requestVaultExits,
  type SentExits,
  type VaultExits,
} from '../services/staking/withdrawals/vault-exits.ts';
import type { NodeSettings } from '../settings/node-settings.ts';
import type { WalletPlace } from '../settings/signer-settings.ts';
import { spawnSigner } from '../signer-process/spawn-signer.ts';
import { holdLease } from '../transactions/lease.ts';
import { createOutbox } from '../transactions/outbox.ts';
import {
  type FeeCeilings,
  feeCeilings,
  MAX_TRANSACTION_GAS,
  priorityFeeRules,
} from '../transactions/transaction-fees.ts';
import { openBeaconNode, openExecutionNode } from './nodes.ts';
import { openOperatorDatabase, type TransactionStoreSettings } from './transaction-store.ts';

export interface VaultExitsSettings extends TransactionStoreSettings {
  /** Name or path. */
  readonly network: string;
  readonly execution: NodeSettings;
  readonly consensus: NodeSettings;
  readonly wallet: WalletPlace;
  /** Default: the network's. */
  readonly maxFeePerGasGwei: bigint | undefined;
  readonly maxRequestFeeWei: bigint;
  readonly indexes: readonly bigint[] | undefined;
  readonly count: number | undefined;
  /** Whether the place of an operator is taken that acts for the vault. */
  readonly takeOver: boolean;
}

export interface VaultExitsDeps {
  readonly http: HttpDeps;
  readonly log: Logger;
  readonly warn: (line: string) => void;
  readonly programVersion: string;
  readonly signal: AbortSignal;
}

/** A plan, and how it is done. */
export interface OpenVaultExits extends AsyncDisposable {
  readonly plan: VaultExits;
  readonly currency: string;
  /** @param onSent - is told how many exits are requested, when a transaction is in a block */
  send(onSent: (requested: number) => void): Promise<readonly SentExits[]>;
}

/** Time limit of the list of vaults' validators from one IPFS gateway. */
const DUMP_TIMEOUT_MS = 300_000;
/** An operator that has ended has held the lease for at most as long. */
const LEASE_WAIT_MS = 12_000;

/**
 * Opens nodes and hot wallet, and plans the exits.
 * @throws OperatorError 'unsupported-vault-version'; what `planVaultExits` throws; what nodes and wallet cannot be opened with
 */
export async function openVaultExits(
  deps: VaultExitsDeps,
  settings: VaultExitsSettings,
): Promise<OpenVaultExits> {
  const { http, signal } = deps;
  const { vault, indexes, count, maxRequestFeeWei } = settings;
  const network = resolveNetwork(settings.network);
  const ceilings = feeCeilings(
    { maxFeePerGasGwei: settings.maxFeePerGasGwei, maxFeePerGasGweiBump: undefined },
    network,
  );
  await using stack = new AsyncDisposableStack();
  const node = stack.use(await openExecutionNode(http, settings.execution, network));
  const { vaultVersion } = await readVaultFacts(node, vault.vault, network);
  if (ethereumVaultVersion(network, vault.vault, vaultVersion) < 5) {
    throw new OperatorError(
      'unsupported-vault-version',
      `The vault ${vault.vault} has version ${vaultVersion}, which requests no exits itself.`,
      { hint: 'Use "validators-exit", which signs exits with the keys of the validators.' },
    );
  }
  const beacon = await openBeaconNode(http, settings.consensus, network);
  const wallet = stack.use(await openWallet(deps, settings, ceilings));
  const plan = await planVaultExits(
    {
      node,
      beacon: new BeaconSnapshotReader(beacon),
      validators: new VaultValidators(
        { node, http },
        { vault: vault.vault, network, dumpTimeoutMs: DUMP_TIMEOUT_MS },
      ),
    },
    { vault: vault.vault, wallet: wallet.address, network, indexes, count, maxRequestFeeWei, signal },
  );
  return owned(stack, {
    plan,
    currency: network.currency,
    async send(onSent: (requested: number) => void) {
      await using sending = new AsyncDisposableStack();
      const { warn, log, programVersion } = deps;
      const database = sending.use(await openOperatorDatabase({ warn }, settings, programVersion));
      const scope = { chainId: network.chainId, vault: vault.vault };
      const patience = AbortSignal.timeout(LEASE_WAIT_MS);
      const holder = `${hostname()} ${process.pid}`;
      const both = AbortSignal.any([signal, patience]);
      const force = settings.takeOver;
      const lease = sending.use(
        await holdLease({ database, log }, { ...scope, holder, force, signal: both }).catch(
          (error: unknown) => {
            throw patience.aborted && !signal.aborted ? anotherOperator() : error;
          },
        ),
      );
      const pollMs = network.secondsPerSlot * 1000;
      const outbox = createOutbox(
        { database, lease, log, node, signer: wallet },
        { ...scope, ...ceilings, priorityFee: priorityFeeRules(network, undefined), pollMs },
      );
      await outbox.reconcile(signal);
      return await requestVaultExits(outbox, plan, { signal, onSent });
    },
  });
}

function anotherOperator(): OperatorError {
  return new OperatorError('another-operator', 'Another process acts for the vault: no exit was requested.', {
    hint: 'Stop the operator, run the command, and start it again: two cannot use one wallet. With --take-over the operator stands by meanwhile.',
  });
}

/** The hot wallet in a process of its own, which signs requests to withdraw and no top-ups. */
async function openWallet(
  { log, signal }: VaultExitsDeps,
  { vault, network, wallet, maxRequestFeeWei }: VaultExitsSettings,
  { maxBumpFeePerGasWei }: FeeCeilings,
): Promise<WalletSigner> {
  await using stack = new AsyncDisposableStack();
  const child = stack.use(
    await spawnSigner(
      { log },
      {
        network,
        keys: undefined,
        poolSize: undefined,
        wallet: {
          ...wallet,
          vault: vault.vault,
          ceilings: { maxFeePerGasWei: String(maxBumpFeePerGasWei), gas: String(MAX_TRANSACTION_GAS) },
          operations: { funding: false, maxWithdrawalRequestFeeWei: String(maxRequestFeeWei) },
        },
      },
      { signal },
    ),
  );
  const signer = stack.use(await openWalletSigner({ socketPath: child.socketPath, log, signal }));
  const open = stack.move();
  return {
    address: signer.address,
    signTransaction: unsigned => signer.signTransaction(unsigned),
    signVaultValidators: message => signer.signVaultValidators(message),
    macRecord: (purpose, record) => signer.macRecord(purpose, record),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
