import { timingSafeEqual } from 'node:crypto';
import { findAcceptance, type StoredAcceptance, storeAcceptance } from '../../db/accepted-oracle-sets.ts';
import type { Session } from '../../db/database.ts';
import { concatBytes, fromHex, toHex } from '../../lib/bytes.ts';
import { ADDRESS_LENGTH } from '../../lib/lengths.ts';

/** An oracle set that this operator has accepted, and the event that named it. */
export interface AcceptedOracleSet {
  /** 32 bytes. */
  readonly setHash: Uint8Array;
  readonly configIpfsHash: string;
  readonly eventBlock: number;
  /** 32 bytes. */
  readonly eventBlockHash: Uint8Array;
}

/** The memory of what was accepted, in a database that is not believed: every record carries a MAC. */
export interface AcceptedOracleSets {
  /** What was accepted last; undefined when there is nothing that the MAC proves. */
  find(): Promise<AcceptedOracleSet | undefined>;
  remember(set: AcceptedOracleSet): Promise<void>;
}

export interface AcceptedOracleSetsDeps {
  readonly database: Session;
  /** HMAC of a record, 32 bytes, under a key that the database does not hold. */
  readonly mac: (record: Uint8Array) => Promise<Uint8Array>;
  /** Is told of a record that is not believed. */
  readonly warn: (line: string) => void;
}

export interface AcceptanceOf {
  readonly chainId: number;
  /** Checksummed. */
  readonly vault: string;
  /** Checksummed. */
  readonly keeper: string;
  /** Names the key of the MAC. */
  readonly acceptedBy: string;
}

const DOMAIN = new TextEncoder().encode('stakewise-operator/accepted-oracle-set/v1\0');

/** Opens the memory of one vault and one key. */
export function openAcceptedOracleSets(
  { database, mac, warn }: AcceptedOracleSetsDeps,
  acceptance: AcceptanceOf,
): AcceptedOracleSets {
  const { chainId, vault, keeper, acceptedBy } = acceptance;
  const scope = { chainId, vault: fromHex(vault, ADDRESS_LENGTH), acceptedBy };
  return {
    async find() {
      const row = await findAcceptance(database, scope);
      if (row === undefined) return undefined;
      const set = {
        setHash: row.setHash,
        configIpfsHash: row.configIpfsHash,
        eventBlock: Number(row.eventBlock),
        eventBlockHash: row.eventBlockHash,
      };
      // The keeper is the network's own: a record that was made for another one has another MAC.
      if (isEqual(row.mac, await mac(encodeRecord(acceptance, set)))) return set;
      warn(
        `The database calls oracle set ${toHex(row.setHash)} accepted, but the record is not one of ${acceptedBy}: it is not believed.`,
      );
      return undefined;
    },
    async remember(set) {
      const row: StoredAcceptance = {
        keeper: fromHex(keeper, ADDRESS_LENGTH),
        setHash: set.setHash,
        configIpfsHash: set.configIpfsHash,
        eventBlock: BigInt(set.eventBlock),
        eventBlockHash: set.eventBlockHash,
        mac: await mac(encodeRecord(acceptance, set)),
      };
      await storeAcceptance(database, scope, row);
    },
  };
}

/** Fixed widths before the one text, so that no two records have one encoding. */
function encodeRecord({ chainId, vault, keeper }: AcceptanceOf, set: AcceptedOracleSet): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(16));
  numbers.setBigUint64(0, BigInt(chainId));
  numbers.setBigUint64(8, BigInt(set.eventBlock));
  return concatBytes([
    DOMAIN,
    new Uint8Array(numbers.buffer),
    fromHex(vault, ADDRESS_LENGTH),
    fromHex(keeper, ADDRESS_LENGTH),
    set.setHash,
    set.eventBlockHash,
    new TextEncoder().encode(set.configIpfsHash),
  ]);
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
