import type { SignerClient } from '../../clients/signer/signer-client.ts';
import { canSign, knownShares } from '../../domain/fleet/signing-ability.ts';
import { concatBytes, toHex } from '../../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../../lib/lengths.ts';
import type { Network } from '../../networks/network.ts';
import type { NetworkValidators } from '../../services/staking/network-validators/network-validators.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';
import type { Outlook } from '../probes/outlook.ts';
import type { OperatorSources } from '../sources.ts';

export interface CountUnusedKeysDeps {
  readonly sources: OperatorSources;
  readonly signer: Pick<SignerClient, 'listPublicKeys'>;
  readonly networkValidators: Pick<NetworkValidators, 'findRegistered'>;
  readonly metrics: Pick<OperatorMetrics, 'unusedValidatorKeys'>;
  readonly outlook: Pick<Outlook, 'keysCounted'>;
}

/** Deposit data of ten thousand validators takes a tenth of a second to read. */
const READ_AGAIN_MS = 600_000;

/** Shows how many validators of the deposit data can still be registered with the keys at hand. */
export function countUnusedKeys(
  deps: CountUnusedKeysDeps,
  { secondsPerSlot, slotsPerEpoch }: Pick<Network, 'secondsPerSlot' | 'slotsPerEpoch'>,
): Task {
  // Flat: a view of its own for each key would stay for as long as the process lives.
  let known: { readonly at: number; readonly keys: Uint8Array } | undefined;
  const readKeys = async () => {
    if (known === undefined || performance.now() - known.at >= READ_AGAIN_MS) {
      const entries = await deps.sources.depositData.read();
      known = { at: performance.now(), keys: concatBytes(entries.map(entry => entry.publicKey)) };
    }
    const { keys } = known;
    return Array.from({ length: keys.length / PUBLIC_KEY_LENGTH }, (_, i) =>
      keys.subarray(i * PUBLIC_KEY_LENGTH, (i + 1) * PUBLIC_KEY_LENGTH),
    );
  };
  return {
    name: 'count-unused-keys',
    intervalMs: secondsPerSlot * slotsPerEpoch * 1000,
    async run() {
      const [keys, loaded, config] = await Promise.all([
        readKeys(),
        deps.signer.listPublicKeys(),
        deps.sources.remoteSigner.read(),
      ]);
      const registered = await deps.networkValidators.findRegistered(keys);
      const signing = { loaded, shares: knownShares(config) };
      const unused = keys.filter(
        publicKey => canSign(signing, publicKey) && !registered.has(toHex(publicKey)),
      );
      deps.metrics.unusedValidatorKeys.set(unused.length);
      deps.outlook.keysCounted(unused);
      return unused.length === 0 ? 'more validators in the deposit data, or their keys' : undefined;
    },
  };
}
