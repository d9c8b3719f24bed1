import type { SignerClient } from '../../clients/signer/signer-client.ts';
import { canSign, knownShares } from '../../domain/fleet/signing-ability.ts';
import { concatBytes, type Hex, toHex } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { Network } from '../../networks/network.ts';
import type { NetworkValidators } from '../../services/staking/network-validators/network-validators.ts';
import type { OwnKeys } from '../../services/staking/registration/own-keys.ts';
import type { KeySupply } from '../key-supply.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';
import type { Outlook } from '../probes/outlook.ts';
import type { OperatorSources } from '../sources.ts';

export interface CountUnusedKeysDeps {
  readonly sources: OperatorSources;
  readonly signer: Pick<SignerClient, 'listPublicKeys'>;
  readonly networkValidators: Pick<NetworkValidators, 'findRegistered'>;
  readonly metrics: Pick<
    OperatorMetrics,
    'unusedValidatorKeys' | 'signerReachable' | 'signerKeys' | 'configuredValidators' | 'unsignableValidators'
  >;
  readonly outlook: Pick<Outlook, 'keysCounted'>;
  /** Is told of the keys that are left where they come from the signer. */
  readonly supply?: Pick<KeySupply, 'keysCounted'> | undefined;
}

export interface CountUnusedKeysOptions {
  readonly network: Pick<Network, 'secondsPerSlot' | 'slotsPerEpoch'>;
  /** Whether a remote signer is used: only it is to have all that its configuration names. */
  readonly isRemoteSigner: boolean;
  /** The keys that are registered without deposit data; undefined where it says which they are. */
  readonly ownKeys?: OwnKeys | undefined;
}

/** Deposit data of ten thousand validators takes a tenth of a second to read. */
const READ_AGAIN_MS = 600_000;

/**
 * Shows how many validators of the deposit data can still be registered with the keys at hand, and whether the signer has
 * the keys that it should have: else nobody sees that before an exit is to be signed.
 */
export function countUnusedKeys(
  deps: CountUnusedKeysDeps,
  { network, isRemoteSigner, ownKeys }: CountUnusedKeysOptions,
): Task {
  // Flat: a view of its own for each key would stay for as long as the process lives.
  let known: { readonly at: number; readonly keys: Uint8Array } | undefined;
  const readKeys = async (loaded: ReadonlySet<Hex>) => {
    if (ownKeys !== undefined) return ownKeys.list(loaded);
    if (known === undefined || performance.now() - known.at >= READ_AGAIN_MS) {
      const entries = await deps.sources.depositData.read();
      known = { at: performance.now(), keys: concatBytes(entries.map(entry => entry.publicKey)) };
    }
    const { keys } = known;
    return Array.from({ length: keys.length / PUBLIC_KEY_LENGTH }, (_, i) =>
      keys.subarray(i * PUBLIC_KEY_LENGTH, (i + 1) * PUBLIC_KEY_LENGTH),
    );
  };
  const listLoaded = async () => {
    const { metrics, signer } = deps;
    try {
      const loaded = await signer.listPublicKeys();
      metrics.signerReachable.set(1);
      metrics.signerKeys.set(loaded.size);
      return loaded;
    } catch (error) {
      metrics.signerReachable.set(0);
      throw error;
    }
  };
  return {
    name: 'count-unused-keys',
    intervalMs: network.secondsPerSlot * network.slotsPerEpoch * 1000,
    async run() {
      const [loaded, config] = await Promise.all([listLoaded(), deps.sources.remoteSigner.read()]);
      const keys = await readKeys(loaded);
      const signing = { loaded, shares: knownShares(config) };
      const named = isRemoteSigner ? config?.validators.map(({ publicKey }) => publicKey) : undefined;
      const configured = named ?? keys;
      deps.metrics.configuredValidators.set(configured.length);
      deps.metrics.unsignableValidators.set(
        configured.filter(publicKey => !canSign(signing, publicKey)).length,
      );
      const registered = await deps.networkValidators.findRegistered(keys);
      // Deposits are signed by whole keys.
      const canRegister = (publicKey: Uint8Array) =>
        ownKeys === undefined ? canSign(signing, publicKey) : loaded.has(toHex(publicKey));
      const unused = keys.filter(publicKey => canRegister(publicKey) && !registered.has(toHex(publicKey)));
      deps.metrics.unusedValidatorKeys.set(unused.length);
      deps.outlook.keysCounted(unused);
      const open = keys.filter(publicKey => !registered.has(toHex(publicKey))).length;
      await deps.supply?.keysCounted(unused.length, open - unused.length);
      if (unused.length > 0) return undefined;
      return ownKeys === undefined
        ? 'more validators in the deposit data, or their keys'
        : `more keys: deposits have used all of ${ownKeys.source}, or the signer does not have them`;
    },
  };
}
