/** What is thrown for each code, and with which exit code the program ends. */
export const EXIT_CODES_OF_KINDS = {
  /** The command line or a setting is wrong: UsageError. */
  usage: 2,
  /** Differences were found, or a brake stopped the command: DifferencesError. */
  differences: 3,
  /** Something outside refused, was unreachable or answered nonsense: ExternalError. */
  external: 1,
  /** Anything else that a user can act on: OperatorError itself. */
  failure: 1,
  /** A bug of this program: any other error. */
  bug: 70,
} as const;

export type ErrorKind = keyof typeof EXIT_CODES_OF_KINDS;

interface ErrorCodeFacts {
  readonly kinds: readonly ErrorKind[];
  /** Whether several modules throw it, each in its own words. */
  readonly shared?: true | undefined;
}

/**
 * The codes of all errors, which scripts may rely on; error-texts.ts says what each means. A code that stands here and is thrown nowhere fails a test, as
 * does one that two modules throw and that is not marked as shared.
 */
export const ERROR_CODES = {
  aborted: {
    kinds: ['failure'],
  },
  'another-operator': {
    kinds: ['failure'],
    shared: true,
  },
  'approval-not-possible': {
    kinds: ['failure'],
  },
  'assignments-changed': {
    kinds: ['failure'],
    shared: true,
  },
  'assignments-incomplete': {
    kinds: ['failure'],
    shared: true,
  },
  'beacon-chain-reorganised': {
    kinds: ['external'],
  },
  'beacon-node-not-ready': {
    kinds: ['external'],
  },
  'beacon-node-unavailable': {
    kinds: ['external'],
  },
  'beacon-nodes-differ': {
    kinds: ['external'],
  },
  'beacon-query-not-served': {
    kinds: ['external'],
  },
  'body-too-large': {
    kinds: ['usage', 'external'],
    shared: true,
  },
  'bump-above-ceiling': {
    kinds: ['usage'],
  },
  'cannot-listen': {
    kinds: ['failure'],
    shared: true,
  },
  'chain-heads-differ': {
    kinds: ['external'],
  },
  'client-names-without-ca': {
    kinds: ['usage'],
  },
  'config-among-keys': {
    kinds: ['usage'],
  },
  'connection-reset': {
    kinds: ['external'],
  },
  'contract-call-failed': {
    kinds: ['external'],
    shared: true,
  },
  'contract-not-found': {
    kinds: ['failure'],
  },
  contradiction: {
    kinds: ['usage'],
    shared: true,
  },
  'db-auth-failed': {
    kinds: ['external'],
  },
  'db-channel-not-bound': {
    kinds: ['external'],
  },
  'db-conflict': {
    kinds: ['external'],
  },
  'db-connection-lost': {
    kinds: ['external'],
  },
  'db-disk-full': {
    kinds: ['external'],
  },
  'db-in-use': {
    kinds: ['failure'],
  },
  'db-is-mount-point': {
    kinds: ['failure'],
  },
  'db-not-found': {
    kinds: ['external'],
  },
  'db-open-failed': {
    kinds: ['failure'],
  },
  'db-password-in-clear': {
    kinds: ['external'],
  },
  'db-permission-denied': {
    kinds: ['external'],
  },
  'db-read-only': {
    kinds: ['external'],
  },
  'db-schema-missing': {
    kinds: ['external', 'failure'],
    shared: true,
  },
  'db-schema-too-old': {
    kinds: ['failure'],
  },
  'db-timeout': {
    kinds: ['external'],
  },
  'db-tls-failed': {
    kinds: ['external'],
  },
  'db-too-many-connections': {
    kinds: ['external'],
  },
  'db-unreachable': {
    kinds: ['external'],
  },
  'debugger-open': {
    kinds: ['usage'],
  },
  'deposit-data-bad-root': {
    kinds: ['failure'],
  },
  'deposit-data-bad-signature': {
    kinds: ['failure'],
  },
  'deposit-data-changed': {
    kinds: ['failure'],
  },
  'deposit-data-compounding': {
    kinds: ['failure'],
  },
  'deposit-data-duplicate': {
    kinds: ['failure'],
  },
  'deposit-data-empty': {
    kinds: ['failure'],
  },
  'deposit-data-entries-lost': {
    kinds: ['differences'],
  },
  'deposit-data-invalid': {
    kinds: ['failure'],
  },
  'deposit-data-mismatch': {
    kinds: ['failure'],
    shared: true,
  },
  'deposit-data-missing': {
    kinds: ['failure'],
  },
  'deposit-data-next-registered': {
    kinds: ['differences'],
  },
  'deposit-data-not-json': {
    kinds: ['failure'],
  },
  'deposit-data-not-uploaded': {
    kinds: ['differences'],
  },
  'deposit-data-other-keys': {
    kinds: ['failure'],
  },
  'deposit-data-other-network': {
    kinds: ['failure'],
  },
  'deposit-data-other-vault': {
    kinds: ['failure'],
  },
  'deposit-data-root-mismatch': {
    kinds: ['failure'],
  },
  'deposits-missing': {
    kinds: ['external'],
  },
  'directory-is-link': {
    kinds: ['failure'],
  },
  'directory-missing': {
    kinds: ['usage'],
  },
  'directory-of-others': {
    kinds: ['failure'],
  },
  'directory-swapped': {
    kinds: ['failure'],
  },
  'directory-through-link': {
    kinds: ['failure'],
  },
  'disk-full': {
    kinds: ['failure'],
  },
  'empty-secret-file': {
    kinds: ['usage', 'failure'],
  },
  'encryption-key-missing': {
    kinds: ['failure'],
  },
  'execution-node-syncing': {
    kinds: ['external'],
  },
  'execution-node-unavailable': {
    kinds: ['external'],
  },
  'exit-key-not-loaded': {
    kinds: ['failure'],
  },
  'exit-not-possible': {
    kinds: ['failure'],
    shared: true,
  },
  'exits-incomplete': {
    kinds: ['external'],
    shared: true,
  },
  'facts-changed': {
    kinds: ['failure'],
  },
  'file-changed': {
    kinds: ['failure'],
  },
  'file-error': {
    kinds: ['usage', 'failure'],
  },
  'file-exists': {
    kinds: ['failure'],
  },
  'file-missing': {
    kinds: ['usage', 'failure'],
    shared: true,
  },
  'file-too-large': {
    kinds: ['failure'],
  },
  'files-differ': {
    kinds: ['differences'],
  },
  'foreign-key-file': {
    kinds: ['failure'],
  },
  'funding-refused': {
    kinds: ['external'],
  },
  'given-twice': {
    kinds: ['usage'],
  },
  'harvest-refused': {
    kinds: ['external'],
  },
  'hashi-vault-busy': {
    kinds: ['external'],
  },
  'hashi-vault-denied': {
    kinds: ['external'],
  },
  'hashi-vault-incomplete': {
    kinds: ['usage'],
  },
  'hashi-vault-invalid-key': {
    kinds: ['failure'],
  },
  'hashi-vault-invalid-namespace': {
    kinds: ['usage'],
  },
  'hashi-vault-invalid-token': {
    kinds: ['usage'],
  },
  'hashi-vault-no-keys': {
    kinds: ['external'],
  },
  'hashi-vault-no-mount': {
    kinds: ['external'],
  },
  'hashi-vault-path-missing': {
    kinds: ['external'],
  },
  'hashi-vault-redirect': {
    kinds: ['external'],
  },
  'hashi-vault-refused': {
    kinds: ['external'],
  },
  'hashi-vault-sealed': {
    kinds: ['external'],
  },
  'hashi-vault-upgrading': {
    kinds: ['external'],
  },
  'hashi-vault-version-deleted': {
    kinds: ['external'],
  },
  'http-status': {
    kinds: ['external'],
  },
  'import-failed': {
    kinds: ['external'],
  },
  'index-out-of-range': {
    kinds: ['usage'],
  },
  'insufficient-funds': {
    kinds: ['external'],
  },
  'intent-unproven': {
    kinds: ['failure'],
  },
  'internal-error': {
    kinds: ['bug'],
    shared: true,
  },
  'invalid-address': {
    kinds: ['usage'],
    shared: true,
  },
  'invalid-answer': {
    kinds: ['external'],
    shared: true,
  },
  'invalid-boolean': {
    kinds: ['usage'],
  },
  'invalid-choice': {
    kinds: ['usage'],
    shared: true,
  },
  'invalid-client-name': {
    kinds: ['usage'],
  },
  'invalid-command-line': {
    kinds: ['usage'],
  },
  'invalid-config': {
    kinds: ['failure'],
  },
  'invalid-db-schema': {
    kinds: ['usage'],
  },
  'invalid-db-url': {
    kinds: ['usage'],
    shared: true,
  },
  'invalid-encryption-key': {
    kinds: ['failure'],
  },
  'invalid-env-file': {
    kinds: ['usage'],
  },
  'invalid-execution-endpoint': {
    kinds: ['usage'],
  },
  'invalid-file-mode': {
    kinds: ['usage'],
  },
  'invalid-graffiti': {
    kinds: ['usage'],
  },
  'invalid-hash': {
    kinds: ['usage'],
  },
  'invalid-index': {
    kinds: ['usage'],
  },
  'invalid-integer': {
    kinds: ['usage'],
  },
  'invalid-ipfs-cid': {
    kinds: ['failure'],
  },
  'invalid-ipfs-gateway': {
    kinds: ['usage', 'failure'],
    shared: true,
  },
  'invalid-jwt-secret': {
    kinds: ['usage'],
  },
  'invalid-key': {
    kinds: ['failure'],
    shared: true,
  },
  'invalid-key-file': {
    kinds: ['failure'],
  },
  'invalid-keymanager': {
    kinds: ['usage'],
  },
  'invalid-listen': {
    kinds: ['usage'],
    shared: true,
  },
  'invalid-mac': {
    kinds: ['external'],
  },
  'invalid-metrics-prefix': {
    kinds: ['usage'],
  },
  'invalid-mnemonic': {
    kinds: ['usage'],
  },
  'invalid-network-file': {
    kinds: ['usage'],
    shared: true,
  },
  'invalid-obsolete-keys': {
    kinds: ['failure'],
  },
  'invalid-owner': {
    kinds: ['usage'],
  },
  'invalid-proxy': {
    kinds: ['usage'],
  },
  'invalid-rate': {
    kinds: ['usage'],
  },
  'invalid-remote-signer-config': {
    kinds: ['failure'],
  },
  'invalid-role-name': {
    kinds: ['usage'],
  },
  'invalid-secret-file': {
    kinds: ['usage', 'failure'],
  },
  'invalid-signature': {
    kinds: ['external'],
    shared: true,
  },
  'invalid-signer-url': {
    kinds: ['usage'],
  },
  'invalid-signer-version': {
    kinds: ['usage'],
  },
  'invalid-since': {
    kinds: ['usage'],
  },
  'invalid-slashing-db-url': {
    kinds: ['usage'],
  },
  'invalid-template': {
    kinds: ['failure'],
  },
  'invalid-timeout': {
    kinds: ['usage'],
  },
  'invalid-tls': {
    kinds: ['usage', 'failure'],
    shared: true,
  },
  'invalid-total': {
    kinds: ['usage'],
  },
  'invalid-url': {
    kinds: ['usage'],
    shared: true,
  },
  'invalid-validators-snapshot': {
    kinds: ['external'],
  },
  'invalid-vault-public-key': {
    kinds: ['usage'],
  },
  'invalid-vault-validators-dump': {
    kinds: ['external'],
  },
  'ipfs-document-too-large': {
    kinds: ['external'],
  },
  'ipfs-document-unproven': {
    kinds: ['external'],
  },
  'ipfs-not-a-file': {
    kinds: ['external'],
  },
  'ipfs-unavailable': {
    kinds: ['external'],
  },
  'ipfs-unsupported-hash': {
    kinds: ['external'],
  },
  'ipfs-web-page': {
    kinds: ['external'],
  },
  'ipfs-wrong-block': {
    kinds: ['external'],
  },
  'is-a-directory': {
    kinds: ['usage', 'failure'],
    shared: true,
  },
  'key-exists': {
    kinds: ['failure'],
  },
  'key-files-missing': {
    kinds: ['failure'],
  },
  'key-mislabelled': {
    kinds: ['failure'],
  },
  'key-not-loaded': {
    kinds: ['external'],
  },
  'keymanager-missing': {
    kinds: ['external'],
    shared: true,
  },
  'keymanager-refused': {
    kinds: ['external'],
  },
  'keypairs-incomplete': {
    kinds: ['failure'],
  },
  'keys-from-another-client': {
    kinds: ['differences'],
  },
  'keys-not-listed': {
    kinds: ['external'],
  },
  'keys-of-another-client': {
    kinds: ['differences'],
  },
  'keys-would-move': {
    kinds: ['differences'],
    shared: true,
  },
  'keystore-changed': {
    kinds: ['failure'],
  },
  'keystore-duplicate': {
    kinds: ['failure'],
  },
  'keystore-invalid': {
    kinds: ['failure'],
    shared: true,
  },
  'keystore-kdf': {
    kinds: ['failure'],
  },
  'keystore-not-json': {
    kinds: ['failure'],
  },
  'keystore-version': {
    kinds: ['failure'],
  },
  'keystore-wrong-password': {
    kinds: ['failure'],
  },
  'keystore-wrong-public-key': {
    kinds: ['failure'],
  },
  'keystores-missing': {
    kinds: ['failure'],
  },
  'lease-lost': {
    kinds: ['failure'],
  },
  'listener-unauthenticated': {
    kinds: ['usage'],
  },
  'lock-failed': {
    kinds: ['failure'],
  },
  'lock-lost': {
    kinds: ['failure'],
  },
  'logs-pruned': {
    kinds: ['external'],
  },
  'manifest-mismatch': {
    kinds: ['failure'],
  },
  'missing-argument': {
    kinds: ['usage'],
    shared: true,
  },
  'missing-command': {
    kinds: ['usage'],
  },
  'missing-option': {
    kinds: ['usage'],
  },
  'missing-value': {
    kinds: ['usage'],
    shared: true,
  },
  'network-incomplete': {
    kinds: ['failure'],
  },
  'network-mismatch': {
    kinds: ['usage'],
  },
  'network-missing': {
    kinds: ['usage'],
    shared: true,
  },
  'network-validators-not-synced': {
    kinds: ['external'],
  },
  'no-active-validators': {
    kinds: ['failure'],
    shared: true,
  },
  'no-bump': {
    kinds: ['failure'],
  },
  'no-consensus-endpoint': {
    kinds: ['usage'],
  },
  'no-database': {
    kinds: ['failure'],
  },
  'no-deposit-data-registry': {
    kinds: ['failure'],
  },
  'no-execution-endpoint': {
    kinds: ['usage'],
  },
  'no-ipfs-gateway': {
    kinds: ['failure'],
  },
  'no-key-source': {
    kinds: ['usage'],
  },
  'no-keypairs': {
    kinds: ['failure'],
  },
  'no-keys': {
    kinds: ['failure'],
  },
  'no-oracle-config': {
    kinds: ['external'],
  },
  'no-probe-port': {
    kinds: ['usage'],
  },
  'no-registered-validators': {
    kinds: ['failure'],
  },
  'no-remote-signer-config': {
    kinds: ['failure'],
  },
  'no-such-command': {
    kinds: ['usage'],
  },
  'no-such-option': {
    kinds: ['usage'],
    shared: true,
  },
  'no-transaction': {
    kinds: ['failure'],
  },
  'no-unused-keys': {
    kinds: ['failure'],
  },
  'no-wallet': {
    kinds: ['external'],
  },
  'node-behind': {
    kinds: ['external'],
    shared: true,
  },
  'nodes-unavailable': {
    kinds: ['external'],
  },
  'not-a-directory': {
    kinds: ['usage', 'failure'],
    shared: true,
  },
  'not-enough-approvals': {
    kinds: ['external'],
  },
  'not-permitted': {
    kinds: ['failure'],
  },
  'not-readable': {
    kinds: ['usage', 'failure'],
  },
  'not-ready': {
    kinds: ['external'],
  },
  'not-validators-manager': {
    kinds: ['failure'],
    shared: true,
  },
  'not-writable': {
    kinds: ['failure'],
  },
  'nothing-seen': {
    kinds: ['failure'],
  },
  'one-signer-only': {
    kinds: ['usage'],
  },
  'operator-db-differs': {
    kinds: ['differences'],
  },
  'operator-db-malformed': {
    kinds: ['failure'],
  },
  'operator-db-unreadable': {
    kinds: ['failure'],
  },
  'operator-facts-changed': {
    kinds: ['failure'],
  },
  'oracle-config-duplicate-key': {
    kinds: ['external'],
  },
  'oracle-config-invalid': {
    kinds: ['external'],
  },
  'oracle-config-threshold': {
    kinds: ['external'],
  },
  'oracle-config-unparsable': {
    kinds: ['external'],
  },
  'oracle-refused': {
    kinds: ['external'],
  },
  'oracle-set-changed': {
    kinds: ['failure'],
  },
  'oracle-set-hash-mismatch': {
    kinds: ['failure'],
  },
  'oracle-set-unconfirmed': {
    kinds: ['external'],
    shared: true,
  },
  'oracle-threshold-one': {
    kinds: ['external'],
  },
  'oracle-unavailable': {
    kinds: ['external'],
  },
  'out-of-range': {
    kinds: ['usage'],
  },
  'passes-failed': {
    kinds: ['failure'],
  },
  'passes-interrupted': {
    kinds: ['failure'],
  },
  'password-missing': {
    kinds: ['failure'],
    shared: true,
  },
  'pending-deposits-not-served': {
    kinds: ['external'],
  },
  'plan-not-signed': {
    kinds: ['differences', 'failure'],
    shared: true,
  },
  'plan-would-change': {
    kinds: ['differences'],
  },
  'port-in-use': {
    kinds: ['failure'],
  },
  'program-too-old': {
    kinds: ['failure'],
  },
  'redeemable-positions-invalid': {
    kinds: ['external'],
  },
  'registration-would-revert': {
    kinds: ['external'],
  },
  'reload-timeout': {
    kinds: ['external'],
  },
  'remote-db-not-empty': {
    kinds: ['failure'],
  },
  'removal-failed': {
    kinds: ['external'],
  },
  'request-fee-too-high': {
    kinds: ['external'],
  },
  'response-too-large': {
    kinds: ['external'],
  },
  'retired-keys-not-signed': {
    kinds: ['failure'],
  },
  'rewards-invalid': {
    kinds: ['external'],
  },
  'rewards-proof-invalid': {
    kinds: ['external'],
  },
  'rewards-unparsable': {
    kinds: ['external'],
  },
  'rotation-refused': {
    kinds: ['external'],
  },
  'row-tampered': {
    kinds: ['failure'],
    shared: true,
  },
  'rows-not-as-written': {
    kinds: ['failure'],
  },
  'rpc-error': {
    kinds: ['external'],
  },
  'setting-refused': {
    kinds: ['usage'],
  },
  'shares-incomplete': {
    kinds: ['failure'],
  },
  'shares-inconsistent': {
    kinds: ['external'],
    shared: true,
  },
  'shares-not-loaded': {
    kinds: ['failure'],
    shared: true,
  },
  'shares-outdated': {
    kinds: ['failure'],
  },
  'sign-deposits-without-vault': {
    kinds: ['usage'],
  },
  'signer-busy': {
    kinds: ['external'],
  },
  'signer-crashed': {
    kinds: ['failure'],
  },
  'signer-keys-unknown': {
    kinds: ['failure'],
  },
  'signer-lacks-keys': {
    kinds: ['external'],
  },
  'signer-refused-deposit': {
    kinds: ['external'],
  },
  'signer-refused-exit': {
    kinds: ['external'],
  },
  'signer-without-keys': {
    kinds: ['failure'],
  },
  'signers-failed': {
    kinds: ['external'],
  },
  'signing-key-tampered': {
    kinds: ['failure'],
  },
  'slashing-db-other': {
    kinds: ['failure'],
  },
  'socket-directory-open': {
    kinds: ['usage'],
  },
  'socket-path-taken': {
    kinds: ['usage'],
  },
  'socket-path-too-long': {
    kinds: ['usage'],
  },
  'statement-forked': {
    kinds: ['failure'],
  },
  'statement-invalid': {
    kinds: ['failure'],
  },
  'statement-mismatch': {
    kinds: ['failure'],
    shared: true,
  },
  'statement-missing': {
    kinds: ['failure'],
    shared: true,
  },
  'statement-old': {
    kinds: ['failure'],
  },
  'statement-other-vault': {
    kinds: ['failure'],
  },
  'statement-record-invalid': {
    kinds: ['failure'],
  },
  timeout: {
    kinds: ['external'],
    shared: true,
  },
  'tls-client-certificate': {
    kinds: ['external'],
  },
  'tls-expired': {
    kinds: ['external'],
  },
  'tls-failed': {
    kinds: ['external'],
  },
  'tls-incomplete': {
    kinds: ['usage'],
    shared: true,
  },
  'tls-untrusted': {
    kinds: ['external'],
  },
  'tls-wrong-name': {
    kinds: ['external'],
  },
  'too-few-files': {
    kinds: ['usage'],
  },
  'too-many-removals': {
    kinds: ['differences'],
  },
  'unexpected-argument': {
    kinds: ['usage'],
  },
  'unknown-network': {
    kinds: ['usage'],
  },
  'unknown-signer-network': {
    kinds: ['usage'],
  },
  'unknown-validator': {
    kinds: ['usage'],
  },
  unreachable: {
    kinds: ['external'],
    shared: true,
  },
  'unsupported-vault-version': {
    kinds: ['failure'],
    shared: true,
  },
  'upload-incomplete': {
    kinds: ['failure'],
  },
  'v3-key-malformed': {
    kinds: ['failure'],
  },
  'v3-keys-broken': {
    kinds: ['differences'],
  },
  'v3-no-deposit-data': {
    kinds: ['failure'],
  },
  'v3-no-keys': {
    kinds: ['failure'],
  },
  'v3-rows-without-vault': {
    kinds: ['differences'],
  },
  'v3-tables-ambiguous': {
    kinds: ['failure'],
  },
  'v3-tables-missing': {
    kinds: ['failure'],
  },
  'v3-wrong-key': {
    kinds: ['failure'],
  },
  'validator-type-unsupported': {
    kinds: ['usage'],
  },
  'validators-disabled': {
    kinds: ['differences'],
  },
  'validators-left-out': {
    kinds: ['differences'],
  },
  'vault-busy': {
    kinds: ['failure'],
  },
  'vault-changed': {
    kinds: ['failure'],
    shared: true,
  },
  'vault-has-key': {
    kinds: ['differences'],
  },
  'vault-in-use': {
    kinds: ['failure'],
  },
  'vault-initialised': {
    kinds: ['failure'],
  },
  'vault-not-initialised': {
    kinds: ['failure'],
  },
  'vault-not-registered': {
    kinds: ['failure'],
  },
  'vault-not-set-up': {
    kinds: ['failure'],
  },
  'vault-other-chain': {
    kinds: ['failure'],
  },
  'vault-removed': {
    kinds: ['failure'],
  },
  'vault-set-up-meanwhile': {
    kinds: ['failure'],
  },
  'wallet-changed': {
    kinds: ['failure'],
  },
  'wallet-exists': {
    kinds: ['failure'],
  },
  'wallet-invalid': {
    kinds: ['failure'],
  },
  'wallet-key-invalid': {
    kinds: ['usage'],
  },
  'wallet-refused': {
    kinds: ['external'],
  },
  'wallet-wrong-password': {
    kinds: ['failure'],
  },
  'web3signer-refused': {
    kinds: ['external'],
  },
  'withdrawal-refused': {
    kinds: ['external'],
    shared: true,
  },
  'withdrawals-interval-too-long': {
    kinds: ['usage'],
  },
  'worker-crashed': {
    kinds: ['failure'],
  },
  'worker-pool-closed': {
    kinds: ['failure'],
  },
  'wrong-chain': {
    kinds: ['external'],
  },
  'wrong-mnemonic': {
    kinds: ['failure'],
    shared: true,
  },
  'wrong-network': {
    kinds: ['external'],
    shared: true,
  },
} as const satisfies Readonly<Record<string, ErrorCodeFacts>>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** The codes that errors of a kind may have. */
export type ErrorCodeOf<K extends ErrorKind> = {
  [C in ErrorCode]: K extends (typeof ERROR_CODES)[C]['kinds'][number] ? C : never;
}[ErrorCode];

/** Whether a text, such as one of another process, is a code of the table. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}

/** Whether errors of a kind may have a code. */
export function isErrorCodeOf<K extends ErrorKind>(kind: K, text: string): text is ErrorCodeOf<K> {
  if (!isErrorCode(text)) return false;
  const kinds: readonly ErrorKind[] = ERROR_CODES[text].kinds;
  return kinds.includes(kind);
}
