import { countOf } from '../../../lib/plural.ts';
import { factsOf, type Observation, type SignerFacts } from '../observation/observation.ts';
import type { Difference } from './difference.ts';
import { nameKeys } from './name-keys.ts';

const SYNC = 'operator remote-db setup-web3signer, then /reload of the signer';

/** Each signer's keys against what it should have. */
export function signerDrift({ signers }: Observation): Difference[] {
  return signers.flatMap(({ name, seen }) => {
    const facts = factsOf(seen);
    return facts === undefined ? [] : driftOf(`signer ${name}`, facts);
  });
}

function driftOf(where: string, { loaded, expected, missing, extra }: SignerFacts): Difference[] {
  const found: Difference[] = [];
  if (expected !== undefined && expected > 0 && missing.total === expected) {
    const own = loaded === 0 ? 'lists no key at all' : `lists ${countOf(loaded, 'key')}, none of the vault`;
    found.push({
      code: 'signer-empty',
      severity: 'error',
      where,
      what: `${own}: it should have ${expected}`,
      remedy: SYNC,
    });
  } else if (missing.total > 0) {
    found.push({
      code: 'signer-keys-missing',
      severity: 'warning',
      where,
      what: `lacks ${nameKeys(missing)}`,
      remedy: SYNC,
    });
  }
  if (extra.total > 0 && expected !== undefined) {
    found.push({
      code: 'signer-keys-foreign',
      severity: 'note',
      where,
      what: `has ${nameKeys(extra)}, which are not this vault’s or are shares of earlier oracles`,
      remedy:
        'Nothing has to be done where vaults share the signer; else operator remote-db setup-web3signer --removals=allow',
    });
  }
  return found;
}
