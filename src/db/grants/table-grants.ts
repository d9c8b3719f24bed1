import type { Schema } from '../schema.ts';

/** Who works on the tables beside their owner, each with what its commands need and nothing else. */
export const ROLES = ['uploader', 'signer-sync', 'validator-config', 'operator', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

/** What a role may change of a table. Columns are named, so that what the database fills stays its own. */
export interface WriteGrant<Column extends string = string> {
  readonly insert?: readonly Column[] | undefined;
  /** Locking rows (`for update`, `for share`) needs the right to update one column. */
  readonly update?: readonly Column[] | undefined;
  readonly delete?: true | undefined;
}

/** Rights on one table. */
export interface TableGrant<Column extends string = string> {
  /** Who may read every column. */
  readonly read: readonly Role[];
  readonly write?: { readonly [R in Role]?: WriteGrant<Column> | undefined } | undefined;
}

/** What is recorded of an accepted oracle set, beside whose it is. */
const ACCEPTANCE = [
  'keeper',
  'oracle_set_hash',
  'config_ipfs_hash',
  'event_block',
  'event_block_hash',
  'mac',
] as const;

/** What is recorded of files that were written for a validator client, beside whose they are. */
const WRITTEN_KEYS = ['total_clients', 'key_count', 'digest', 'manifest_counter', 'host'] as const;

/** Names of the two tables that kysely's migrator keeps for itself. */
type MigratorTable = 'schema_migrations' | 'schema_migrations_lock';

/**
 * Rights on every table: one that is missing here does not compile, and fails the tests. What sets the roles apart: sealed
 * keys (`data_keys`, `key_secrets`, `signing_keys`) are read by those alone who open them; what the operator is told to send
 * (`transactions*`, `operator_leases`) and believes of the chain (`deposit_registries`, `network_validators`) is written by it
 * alone; the audit log is added to, on the columns that a writer may choose.
 */
export const TABLE_GRANTS: {
  readonly [T in keyof Schema]: TableGrant<keyof Schema[T] & string>;
} & Readonly<Record<MigratorTable, TableGrant>> = {
  schema_steps: { read: ROLES },
  schema_migrations: { read: [] },
  schema_migrations_lock: { read: [] },
  vaults: {
    read: ROLES,
    write: {
      uploader: {
        insert: ['network', 'chain_id', 'address', 'data_key_id', 'manifest_mac'],
        update: [
          'data_key_id',
          'manifest_counter',
          'manifest_mac',
          'oracle_set_hash',
          'deposit_data_root',
          'validators_digest',
          'operator_digest',
        ],
        delete: true,
      },
    },
  },
  data_keys: {
    read: ['uploader', 'signer-sync'],
    write: {
      uploader: {
        insert: ['vault_id', 'data_key_id', 'nonce', 'ciphertext'],
        delete: true,
      },
    },
  },
  signing_keys: {
    read: ['uploader', 'signer-sync'],
    write: {
      uploader: {
        insert: ['vault_id', 'data_key_id', 'verifying_key', 'nonce', 'ciphertext'],
        delete: true,
      },
    },
  },
  statements: {
    read: ROLES,
    write: {
      uploader: {
        insert: ['vault_id', 'body', 'signature'],
        update: ['body', 'signature', 'updated_at'],
        delete: true,
      },
    },
  },
  upload_proofs: {
    read: ['uploader'],
    write: {
      uploader: {
        insert: ['vault_id', 'rows_digest', 'document_digest', 'mac'],
        update: ['rows_digest', 'document_digest', 'mac', 'updated_at'],
      },
    },
  },
  oracle_sets: {
    read: ROLES,
    write: {
      uploader: {
        insert: [
          'vault_id',
          'oracle_set_hash',
          'config_ipfs_hash',
          'threshold',
          'share_count',
          'public_keys',
        ],
        update: ['config_ipfs_hash'],
        delete: true,
      },
    },
  },
  keypairs: {
    read: ROLES,
    write: {
      uploader: {
        insert: ['vault_id', 'public_key'],
        update: ['active', 'shares_set_hash'],
        delete: true,
      },
    },
  },
  key_shares: {
    read: ROLES,
    write: {
      uploader: {
        insert: ['vault_id', 'parent_public_key', 'oracle_set_hash', 'share_index', 'public_key'],
        delete: true,
      },
    },
  },
  key_secrets: {
    read: ['uploader', 'signer-sync'],
    write: {
      uploader: {
        insert: ['vault_id', 'public_key', 'data_key_id', 'nonce', 'ciphertext'],
        delete: true,
      },
    },
  },
  deposit_data: {
    read: ROLES,
    write: {
      uploader: {
        insert: ['vault_id', 'root', 'document', 'entry_count'],
        update: ['root', 'document', 'entry_count', 'updated_at'],
        delete: true,
      },
    },
  },
  assignment_plans: {
    read: ROLES,
    write: {
      uploader: {
        insert: ['vault_id', 'total_clients', 'digest'],
        update: ['total_clients', 'digest'],
        delete: true,
      },
    },
  },
  assignments: {
    read: ROLES,
    write: {
      uploader: {
        insert: ['vault_id', 'public_key', 'client_index'],
        delete: true,
      },
    },
  },
  written_key_sets: {
    read: ROLES,
    write: {
      uploader: {
        insert: ['vault_id', 'client_index', ...WRITTEN_KEYS],
        update: [...WRITTEN_KEYS, 'written_at'],
      },
      'validator-config': {
        insert: ['vault_id', 'client_index', ...WRITTEN_KEYS],
        update: [...WRITTEN_KEYS, 'written_at'],
      },
    },
  },
  retired_keys: {
    read: ROLES,
    write: {
      uploader: {
        insert: ['vault_id', 'public_key', 'stage'],
        delete: true,
      },
    },
  },
  audit_log: {
    read: ['auditor'],
    write: {
      uploader: { insert: ['actor', 'command', 'network', 'vault', 'counts'] },
    },
  },
  operator_leases: {
    read: ['operator', 'auditor'],
    write: {
      operator: {
        insert: ['chain_id', 'vault', 'epoch', 'holder', 'expires_at'],
        update: ['epoch', 'holder', 'expires_at'],
      },
    },
  },
  transactions: {
    read: ['operator', 'auditor'],
    write: {
      operator: {
        insert: [
          'chain_id',
          'vault',
          'kind',
          'intent_key',
          'lease_epoch',
          'sender',
          'nonce',
          'recipient',
          'call_data',
          'gas_limit',
          'deadline',
          'value_wei',
          'bump_ceiling_wei',
          'state',
        ],
        update: [
          'kind',
          'lease_epoch',
          'sender',
          'nonce',
          'recipient',
          'call_data',
          'gas_limit',
          'deadline',
          'value_wei',
          'bump_ceiling_wei',
          'mac',
          'state',
          'reason',
          'mined_hash',
          'mined_block',
          'request',
          'fee_ceiling_wei',
          'updated_at',
        ],
      },
    },
  },
  transaction_attempts: {
    read: ['operator', 'auditor'],
    write: {
      operator: {
        insert: [
          'hash',
          'transaction_id',
          'lease_epoch',
          'nonce',
          'purpose',
          'raw',
          'max_fee_wei',
          'max_priority_fee_wei',
          'mac',
        ],
        update: [
          'lease_epoch',
          'transaction_id',
          'nonce',
          'purpose',
          'raw',
          'max_fee_wei',
          'max_priority_fee_wei',
          'mac',
        ],
      },
    },
  },
  deposit_registries: {
    read: ['operator', 'auditor'],
    write: {
      operator: {
        insert: ['chain_id', 'deposit_contract', 'synced_block', 'next_deposit_index', 'last_deposit_block'],
        update: ['synced_block', 'validator_count', 'next_deposit_index', 'last_deposit_block', 'updated_at'],
      },
    },
  },
  network_validators: {
    read: ['operator', 'auditor'],
    write: {
      operator: { insert: ['registry_id', 'key_prefix'] },
    },
  },
  wallet_turns: {
    read: ['operator', 'auditor'],
    write: {
      operator: {
        insert: ['chain_id', 'wallet', 'vault', 'nonce', 'taken_at'],
        update: ['vault', 'nonce', 'taken_at'],
      },
    },
  },
  // Each row carries a MAC of whoever accepted the set, so that neither role has to trust the other's rows.
  accepted_oracle_sets: {
    read: ['uploader', 'operator', 'auditor'],
    write: {
      uploader: {
        insert: ['chain_id', 'vault', 'accepted_by', ...ACCEPTANCE],
        update: [...ACCEPTANCE, 'accepted_at'],
        delete: true,
      },
      operator: {
        insert: ['chain_id', 'vault', 'accepted_by', ...ACCEPTANCE],
        update: [...ACCEPTANCE, 'accepted_at'],
      },
    },
  },
};
