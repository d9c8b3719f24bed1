import type { Database } from '../../../db/database.ts';
import {
  countSlashingClients,
  listDisabledValidators,
  readSlashingRoots,
} from '../../../db/slashing-protection.ts';
import { type OwnCheck, passed, skipped } from '../../../domain/fleet/doctor/check.ts';
import { WAY_BACK } from '../../../domain/fleet/slashing-protection.ts';
import { equalBytes, toHex } from '../../../lib/bytes.ts';
import { nameList } from '../../../lib/name-list.ts';
import type { RecordTable } from '../../../lib/record-table.ts';
import { ask } from '../observe/ask.ts';

const WHERE = 'slashing database';

export interface SlashingToCheck {
  /** Opens Web3Signer's slashing protection database; undefined where none is named. */
  readonly open: ((limitMs: number) => Promise<Database>) | undefined;
  readonly limitMs: number;
  /** 32 bytes. */
  readonly genesisValidatorsRoot: Uint8Array;
  /** The vault's validators; undefined when nobody knows them. */
  readonly validators: RecordTable | undefined;
  /** How many signers there are. */
  readonly signers: number;
}

/** Whether the signers share one slashing protection database, of this network, in which every wanted validator may sign. */
export async function checkSlashing(target: SlashingToCheck): Promise<OwnCheck[]> {
  const { open, limitMs } = target;
  if (open === undefined) return [skipped('slashing-database', WHERE, '--slashing-db-url names none')];
  const seen = await ask(limitMs, async () => {
    await using database = await open(limitMs);
    return {
      disabled: await listDisabledValidators(database),
      roots: await readSlashingRoots(database),
      clients: await countSlashingClients(database),
    };
  });
  if (seen.answer === 'not-asked') return [];
  if (seen.answer === 'failed') {
    const { message, hint = 'Check --slashing-db-url' } = seen.fault;
    return [
      { code: 'slashing-database', severity: 'fail', where: WHERE, what: message.replace(/\.$/, ''), hint },
    ];
  }
  const { disabled, roots, clients } = seen.facts;
  return [
    passed('slashing-database', WHERE, `answers (${seen.latencyMs} ms)`),
    checkNetwork(roots, target.genesisValidatorsRoot),
    checkShared(clients, target.signers),
    checkDisabled(disabled, target.validators),
  ];
}

function checkNetwork(roots: readonly Uint8Array[], own: Uint8Array): OwnCheck {
  const code = 'slashing-network';
  if (roots.length === 0) {
    const what = 'has not been told its network yet: no signer has used it';
    return {
      code,
      severity: 'warn',
      where: WHERE,
      what,
      hint: 'Give the signers this database, and start them',
    };
  }
  const other = roots.find(root => !equalBytes(root, own));
  if (other === undefined) return passed(code, WHERE, 'is of this network');
  const what = `is of a network with the genesis validators root ${toHex(other)}`;
  return {
    code,
    severity: 'fail',
    where: WHERE,
    what,
    hint: 'Give the signers the database of this network',
  };
}

/** One without a connection protects nothing there: what it signs the others do not know. */
function checkShared(clients: number, signers: number): OwnCheck {
  const code = 'slashing-shared';
  if (signers === 0) return skipped(code, WHERE, '--signer-url names no signer');
  if (clients >= signers)
    return passed(code, WHERE, `has connections from ${clients} machines, for ${signers} signers`);
  return {
    code,
    severity: 'warn',
    where: WHERE,
    what: `shows connections from ${clients} machines, and there are ${signers} signers`,
    hint: 'Give all signers the same --slashing-protection-db-url; a role without pg_monitor does not see all of them',
  };
}

function checkDisabled(disabled: RecordTable, validators: RecordTable | undefined): OwnCheck {
  const code = 'disabled-validators';
  if (validators === undefined) return skipped(code, WHERE, 'nobody knows which keys the vault has');
  const wanted = [...disabled].filter(publicKey => validators.has(publicKey)).map(toHex);
  if (wanted.length === 0) return passed(code, WHERE, 'lets every validator of the vault sign');
  const what = `has disabled ${wanted.length} validators of the vault, first ${nameList(wanted.slice(0, 1))}`;
  return { code, severity: 'fail', where: WHERE, what, hint: WAY_BACK };
}
