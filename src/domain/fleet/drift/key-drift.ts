import { countOf } from '../../../lib/plural.ts';
import { countRetired, factsOf, type Observation } from '../observation/observation.ts';
import type { Difference } from './difference.ts';
import { nameKeys } from './name-keys.ts';

/** Somebody should make keys when they are enough for less time than that. */
const SCARCE_DAYS = 7;

const UPLOAD = 'operator remote-db upload-keypairs';

/** The way of keys from the disk into deposit data, database, contract and beacon chain, and how long they last. */
export function keyDrift(observation: Observation): Difference[] {
  return [
    ...localDrift(observation),
    ...databaseDrift(observation),
    ...contractDrift(observation),
    ...supplyDrift(observation),
    ...validatorDrift(observation),
  ];
}

function localDrift({ local, database }: Observation): Difference[] {
  const here = factsOf(local);
  const stored = factsOf(database);
  if (here === undefined || stored === undefined || here.keystores <= stored.total) return [];
  return [
    {
      code: 'keys-not-uploaded',
      severity: 'warning',
      where: 'database',
      what: `has ${countOf(stored.total, 'key')}, and ${countOf(here.keystores, 'keystore')} lie in the vault directory`,
      remedy: UPLOAD,
    },
  ];
}

function databaseDrift({ database, beaconChain }: Observation): Difference[] {
  const stored = factsOf(database);
  if (stored === undefined) return [];
  const found: Difference[] = [];
  if (stored.unfinished > 0) {
    found.push({
      code: 'upload-unfinished',
      severity: 'warning',
      where: 'database',
      what: `has ${countOf(stored.unfinished, 'key')} of an upload that never ended, which nobody sees`,
      remedy: UPLOAD,
    });
  }
  const { depositDataEntries, total } = stored;
  // Deposit data of a vault that has grown leaves out what is registered already, so it may be of fewer keys.
  const unused = factsOf(beaconChain)?.unregistered;
  const tooFew = depositDataEntries !== undefined && unused !== undefined && depositDataEntries < unused;
  if (tooFew || (depositDataEntries ?? 0) > total) {
    const ofThem = tooFew ? `, ${unused} of them unused,` : '';
    found.push({
      code: 'deposit-data-missing-keys',
      severity: 'warning',
      where: 'database',
      what: `has ${countOf(total, 'key')}${ofThem} and deposit data of ${depositDataEntries}`,
      remedy: `${UPLOAD} with all keystores and their deposit data`,
    });
  }
  if (stored.planIntact === false) {
    found.push({
      code: 'plan-changed',
      severity: 'error',
      where: 'database',
      what: 'has a plan of validator clients that is not as it was stored: keys may seem to be another client’s',
      remedy: 'operator remote-db verify, and restore the database from a backup',
    });
  }
  if (stored.planned !== undefined && stored.unassigned.total > 0) {
    found.push({
      code: 'keys-unassigned',
      severity: 'warning',
      where: 'database',
      what: `gives ${nameKeys(stored.unassigned)} to no validator client`,
      remedy: `operator remote-db assign --total-validators=${stored.planned}`,
    });
  }
  const { outOfSigners = 0, outOfClients = 0 } = stored.retired ?? {};
  if (outOfSigners + outOfClients > 0) {
    found.push({
      code: 'prune-unfinished',
      severity: 'warning',
      where: 'database',
      what:
        outOfSigners > 0
          ? `has ${countOf(outOfSigners, 'retired key')} that signers may have still`
          : `has ${countOf(outOfClients, 'retired key')} that files of validator clients may have still`,
      remedy: 'operator remote-db prune --exited, which says what is missing and goes on',
    });
  }
  if (stored.planned === undefined && stored.total > 0) {
    found.push({
      code: 'plan-missing',
      severity: 'note',
      where: 'database',
      what: 'has no plan of validator clients yet',
      remedy: 'operator remote-db setup-validator, which stores one',
    });
  }
  return found;
}

function contractDrift({ contracts, database, local }: Observation): Difference[] {
  const seen = factsOf(contracts);
  const own = factsOf(database)?.depositDataRoot ?? factsOf(local)?.depositDataRoot;
  // A vault whose validators manager is somebody else registers without a root.
  if (own === undefined || !seen?.depositDataUsed || seen.depositDataRoot === own) return [];
  const root = seen.depositDataRoot;
  return [
    {
      code: 'deposit-data-root-differs',
      severity: 'warning',
      where: 'contracts',
      what:
        root === undefined
          ? 'have no root of deposit data: nothing is registered from it'
          : `take deposit data of root ${short(root)}, and the keys’ is ${short(own)}: nothing is registered from it`,
      remedy: 'Upload the vault’s deposit data in the StakeWise app, or set its root',
    },
  ];
}

/** How many days the keys last that no deposit has used; undefined where nobody knows. */
export function daysLeft({ contracts, beaconChain }: Observation): number | undefined {
  const lately = factsOf(contracts)?.registeredLately;
  const unused = factsOf(beaconChain)?.unregistered;
  if (unused === undefined || !lately) return undefined;
  return Math.floor((unused * 7) / lately);
}

function supplyDrift(observation: Observation): Difference[] {
  const unused = factsOf(observation.beaconChain)?.unregistered;
  const days = daysLeft(observation);
  const isScarce = unused === 0 || (days !== undefined && days < SCARCE_DAYS);
  if (unused === undefined || !isScarce) return [];
  return [
    {
      code: 'keys-run-out',
      severity: 'warning',
      where: 'beacon chain',
      what:
        unused === 0
          ? 'knows every key: no validator can be registered'
          : `does not know ${countOf(unused, 'key')} yet, enough for ${countOf(days ?? 0, 'day')}`,
      remedy: 'operator create-keys, then upload the deposit data and the keys',
    },
  ];
}

function validatorDrift({ beaconChain, database }: Observation): Difference[] {
  const seen = factsOf(beaconChain);
  if (seen === undefined) return [];
  const found: Difference[] = [];
  if (seen.slashed.total > 0) {
    found.push({
      code: 'validators-slashed',
      severity: 'error',
      where: 'beacon chain',
      what: `has slashed ${nameKeys(seen.slashed)}`,
      remedy:
        'Stop every client that may run one of them, and find out where else it ran before anything is started again',
    });
  }
  const exited = seen.exited - countRetired(factsOf(database));
  if (exited > 0) {
    found.push({
      code: 'validators-exited',
      severity: 'note',
      where: 'beacon chain',
      what: `has ${countOf(exited, 'validator')} that exited, whose keys nobody will need any more`,
      remedy: 'operator remote-db prune --exited, which retires those that never have to sign again',
    });
  }
  return found;
}

function short(hash: string): string {
  return `${hash.slice(0, 8)}…${hash.slice(-4)}`;
}
