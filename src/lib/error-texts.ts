// What docs/errors.md says, which is written from it. Only the script that writes that page reads it: no process of the program
// has to load 50 kB of texts that it never shows.
import type { ErrorCode } from './error-codes.ts';

interface ErrorText {
  /** What has happened, in full sentences. */
  readonly meaning: string;
  /** What to do next, in full sentences. */
  readonly remedy: string;
}

/** What a user is told of each code, in the order of the codes. */
export const ERROR_TEXTS: Readonly<Record<ErrorCode, ErrorText>> = {
  aborted: {
    meaning: 'A question was left with Ctrl-C or Ctrl-D.',
    remedy:
      'Run the command again when you have the answer; nothing that it had not yet asked about was done.',
  },
  'another-operator': {
    meaning:
      '"start --once" or "exit-validators" found that another process acts for the vault, and did nothing for it.',
    remedy:
      'Leave it to that process, or stop it first; "exit-validators" can take its place with --take-over.',
  },
  'approval-not-possible': {
    meaning:
      'The oracles approve no validators in this way for a vault of this version: signatures of a validators manager go with version 2 and above.',
    remedy:
      "Check the vault's address and network. If they are right, install a newer version of this program.",
  },
  'assignments-changed': {
    meaning:
      'The stored plan, which says which validator client runs which key, is not as it was written: rows were removed, added or changed, or they name a client or a key that does not exist.',
    remedy:
      'Stop the validator clients first, since a key on two clients is slashed. Then run "remote-db assign --reassign", or restore the database from a backup.',
  },
  'assignments-incomplete': {
    meaning:
      'Rows of the stored plan are lost: keys of the vault have no validator client in it, or the plan itself is gone.',
    remedy:
      'Restore the database from a backup. Without one, stop the validator clients, then run "remote-db assign --reassign".',
  },
  'beacon-chain-reorganised': {
    meaning:
      'While the state of one block was read from a beacon node, the node took another block for that slot. Nothing of what was read is used.',
    remedy: 'Nothing is to be done: it is read again from the new head.',
  },
  'beacon-node-not-ready': {
    meaning: 'A beacon node is reached, but it is not synced or refuses to answer for now.',
    remedy: 'Wait until it is synced, or name another one with --consensus-endpoints.',
  },
  'beacon-node-unavailable': {
    meaning: 'All beacon nodes failed, each in another way; the message has what each of them said.',
    remedy: "Check --consensus-endpoints, and see the nodes' logs.",
  },
  'beacon-nodes-differ': {
    meaning:
      'Two consensus nodes say different things of a validator, both of a finalized state: one of them is wrong, or lies. Nothing was retired.',
    remedy: 'Find out which one, and name others with --consensus-endpoints.',
  },
  'beacon-query-not-served': {
    meaning:
      'No beacon node answers which deposits, withdrawals or consolidations wait on the beacon chain. Without that nothing is withdrawn or topped up.',
    remedy:
      'Update the beacon node to a release that knows Electra, or name another one with --consensus-endpoints.',
  },
  'body-too-large': {
    meaning:
      'Keystores were sent to a remote signer in one request that is larger than it, or a proxy in front of it, takes.',
    remedy: 'Send fewer keystores at once, and let the proxy pass requests of 10 MiB.',
  },
  'bump-above-ceiling': {
    meaning: '"tx bump" asks for a fee that is higher than the operator may offer.',
    remedy: 'Ask for less, or start the operator with a higher --max-fee-per-gas-gwei-bump.',
  },
  'cannot-listen': {
    meaning:
      'A server of this program cannot listen on the address or socket that it was given. The reason of the operating system is in the message.',
    remedy: 'Choose an address of this machine and a port above 1023, or free the one that is in use.',
  },
  'chain-heads-differ': {
    meaning:
      'The execution node has another block than the beacon node at the same height: one of them is behind, or on a branch that is being given up.',
    remedy:
      'Nothing is to be done if it passes within minutes. Else check whether both nodes are of the network, and synced.',
  },
  'client-names-without-ca': {
    meaning:
      '--client-names is given, and no --tls-client-ca: without certificates, clients have no names that could be compared.',
    remedy: 'Give --tls-client-ca as well, or leave --client-names out.',
  },
  'config-among-keys': {
    meaning:
      'The configuration of a Web3Signer would lie in the directory of its key files, where it would be taken for a broken one.',
    remedy: 'Give --config-file a path in another directory.',
  },
  'connection-reset': {
    meaning: 'The signer has cut the connection in the middle of a request.',
    remedy:
      'See whether it was restarted. If it goes on, check that the URL has the right scheme (http or https), and that the signer accepts the client certificate.',
  },
  'contract-call-failed': {
    meaning: 'A contract did not answer as a contract of its kind does, or a call of it was refused.',
    remedy:
      "Check the network, the vault's address and the addresses in the network file, and that the execution node is synced.",
  },
  'contract-not-found': {
    meaning: 'There is no code at the address of a contract on this chain.',
    remedy: 'Check the network and the address, and that the execution node is synced.',
  },
  contradiction: {
    meaning:
      'Two options are given that exclude each other, or that give different values for the same thing.',
    remedy:
      'Leave one of the two out. Remember that options may also come from environment variables and from a file.',
  },
  'db-auth-failed': {
    meaning: 'The database server refused the role or its password.',
    remedy: "Check role and password in the database URL, and the server's pg_hba.conf.",
  },
  'db-channel-not-bound': {
    meaning:
      'The database URL asks for channel binding (channel_binding=require), and the server does not offer it.',
    remedy:
      'Somebody may stand between you and the server: find that out first. Otherwise let the server use SCRAM over TLS, or take channel_binding out of the URL.',
  },
  'db-conflict': {
    meaning:
      "Another process works on the same rows of the database, so that this one's statement was given up.",
    remedy: 'Run the command again; find out what else writes to the database if it goes on.',
  },
  'db-connection-lost': {
    meaning: 'The connection to the database broke in the middle of the work.',
    remedy:
      'Run the command again: it continues where it stopped. If it goes on, see the log of the server and of what stands between.',
  },
  'db-disk-full': {
    meaning: 'The disk of the database server, or that of the embedded database, is full.',
    remedy: 'Free space on it and run the command again: it continues where it stopped.',
  },
  'db-in-use': {
    meaning: 'Another process has the embedded database open, and only one at a time may have it.',
    remedy: 'Stop the other process, whose number and host the message names, or use a Postgres server.',
  },
  'db-is-mount-point': {
    meaning:
      'The directory of the embedded database is the top of a volume, so that the lock beside it would lie outside of the volume and not hold for other containers.',
    remedy: 'Name a directory below the top of the volume, and move what is there into it.',
  },
  'db-not-found': {
    meaning: 'The server has no database of the name in the URL.',
    remedy: 'Create the database, or correct the URL.',
  },
  'db-open-failed': {
    meaning: 'The embedded database cannot be opened. What it says itself is in the message.',
    remedy:
      'Check that the directory belongs to this user and that its disk has room. Restore it from a backup when its files are damaged.',
  },
  'db-password-in-clear': {
    meaning:
      'The database server asks for the password in clear text over a connection that is not encrypted. The password was not sent.',
    remedy:
      'Use sslmode=verify-full in the database URL. Use sslmode=disable only where nobody else can be on the way.',
  },
  'db-permission-denied': {
    meaning: 'The database role lacks a right that this command needs.',
    remedy:
      'Apply the SQL that "remote-db grants" prints, with the administrator\'s role, or give the URL of the role that this command is meant for.',
  },
  'db-read-only': {
    meaning:
      'The database takes no changes from this role: the server is a standby, or the role is set to read only.',
    remedy: 'Connect to the primary server, with a role whose default_transaction_read_only is off.',
  },
  'db-schema-missing': {
    meaning: 'The database has no tables of this program in the schema that is looked at.',
    remedy: 'Run "remote-db setup" on first use; otherwise correct --db-url or --db-schema.',
  },
  'db-schema-too-old': {
    meaning: 'The tables in the database are those of an older version of this program.',
    remedy: 'Run "remote-db migrate" with the role that owns the tables.',
  },
  'db-timeout': {
    meaning: 'The database has ended a statement because it took too long.',
    remedy:
      'Run the command again when the server has less to do, or raise its statement_timeout for this role.',
  },
  'db-tls-failed': {
    meaning:
      'The encrypted connection to the database server could not be made: the server has no TLS, or its certificate is not the expected one.',
    remedy: 'Check sslmode, sslrootcert and the host name in the database URL.',
  },
  'db-too-many-connections': {
    meaning: 'The database server takes no more connections.',
    remedy: 'End connections that nobody needs, raise max_connections, or try again later.',
  },
  'db-unreachable': {
    meaning:
      'The database server cannot be reached; the message says which address was tried and what happened.',
    remedy:
      'Check host and port in the database URL, that the server runs, and that no firewall stands between.',
  },
  'debugger-open': {
    meaning:
      'Node runs with a debugger, or with an option that would show the memory of this process, and this process is about to hold keys.',
    remedy: 'Take the option out of NODE_OPTIONS and out of the command line, then start the command again.',
  },
  'deposit-data-bad-root': {
    meaning:
      'A deposit data root in the deposit data is not that of the deposit that the same entry describes.',
    remedy: 'Do not deposit with this file. Create the deposit data again for this vault and network.',
  },
  'deposit-data-bad-signature': {
    meaning:
      'A deposit signature in the deposit data is not valid for this vault and network. A deposit with it would be lost.',
    remedy: 'Do not deposit with this file. Create the deposit data again for this vault and network.',
  },
  'deposit-data-changed': {
    meaning: 'The deposit data in the remote db is not that of the last upload.',
    remedy:
      'Run "remote-db verify" for the details, find out who writes to the database, and restore it from a backup.',
  },
  'deposit-data-compounding': {
    meaning:
      'The deposit data is for compounding validators (0x02 withdrawal credentials), which this operator does not register.',
    remedy: 'Create it with "create-keys", or in the other program without compounding.',
  },
  'deposit-data-duplicate': {
    meaning:
      'The deposit data names one public key twice. A second deposit would not make a second validator.',
    remedy: 'Remove the second entry, or create the deposit data again.',
  },
  'deposit-data-empty': {
    meaning: 'The deposit data has no entries, so it has no validators root.',
    remedy: 'Run "create-keys", or name the right file.',
  },
  'deposit-data-entries-lost': {
    meaning:
      'The file that "deposit-data" is to replace has entries of keys that no deposit has used and that the new deposit data would not have: they would be lost, and these keys never registered. Nothing was changed.',
    remedy:
      'Name that file with --deposit-data-file, too, write to another one with --output-file, or repeat with --force to do without these keys.',
  },
  'deposit-data-invalid': {
    meaning: 'The file is JSON, but not deposit data; the message names the member that is wrong.',
    remedy: 'Name a file that "create-keys" or the deposit CLI has written.',
  },
  'deposit-data-mismatch': {
    meaning: 'Deposit data of two vaults or of two networks would be put into one file.',
    remedy: 'Keep the files apart: move the other one away, or merge only those of one vault and network.',
  },
  'deposit-data-missing': {
    meaning: 'There is no deposit data file of this vault.',
    remedy: 'Run "create-keys", or name the file with --deposit-data-file.',
  },
  'deposit-data-next-registered': {
    meaning:
      'The vault takes validators in the order of its deposit data, and the next entry of this one is registered already, so that no validator would be registered any more. Nothing was changed.',
    remedy:
      'Write the deposit data of the other keys with "operator deposit-data", set the root that it prints, and upload that file. --allow-registered uploads all the same.',
  },
  'deposit-data-not-json': {
    meaning: 'The deposit data file is not JSON: it may have been cut off, or be another file.',
    remedy: 'Name the right file, or create the deposit data again.',
  },
  'deposit-data-not-uploaded': {
    meaning:
      'The deposit data that is there has entries of keys that the remote database does not have: replaced, they would be lost, and these keys never registered. Nothing was changed.',
    remedy:
      'Upload their keystores with "remote-db upload-keypairs" first, or repeat with --force to do without them.',
  },
  'deposit-data-other-keys': {
    meaning:
      'The deposit data names public keys that are neither among those to upload nor in the remote db. Their validators could never exit.',
    remedy: 'Upload the missing keys, too, or name the right file with --deposit-data-file.',
  },
  'deposit-data-other-network': {
    meaning: 'The deposit data was made for another network: its fork version is not that of this one.',
    remedy: 'Check --network, or name the deposit data of this network.',
  },
  'deposit-data-other-vault': {
    meaning:
      'The deposit data was made for another vault: its withdrawal credentials are not those of this one.',
    remedy: 'Check --vault, or name the deposit data of this vault. Never deposit with data of another.',
  },
  'deposit-data-root-mismatch': {
    meaning: 'The validators root of the deposit data is not the one that the vault has on the chain.',
    remedy:
      'Upload this deposit data to the vault first, or name the file that was uploaded with --deposit-data-file.',
  },
  'deposits-missing': {
    meaning:
      'The execution node left out deposits of the deposit contract: their numbers have a gap. Without them a validator might be registered twice.',
    remedy:
      'Check that the node is synced and keeps the logs of old blocks, or name another one with --execution-endpoints.',
  },
  'directory-is-link': {
    meaning: 'The directory whose files are to get another owner (--owner) is a symbolic link.',
    remedy: 'Name the directory that the link leads to.',
  },
  'directory-missing': {
    meaning: 'A directory that an option names does not exist.',
    remedy: 'Correct the path, or create the directory.',
  },
  'directory-of-others': {
    meaning:
      'The output directory belongs to another user, has files in it, and stands where others could have put it. Its owner and mode are not changed.',
    remedy:
      'Give it the owner by hand when it is the right one, or let the directory above it belong to root and be writable to nobody else.',
  },
  'directory-swapped': {
    meaning:
      'While files were written, another process has put something else in the place of their directory.',
    remedy: 'Find out who writes to the directory above it, then run the command again.',
  },
  'directory-through-link': {
    meaning:
      'The path of the output directory leads through a symbolic link that another user could have put there.',
    remedy:
      'Name the directory without the link, or let the link stand in a directory that only root writes to.',
  },
  'disk-full': {
    meaning:
      "The disk is full, or the user's quota is used up. The file that was to be written is as it was before.",
    remedy: 'Free space and run the command again.',
  },
  'empty-secret-file': {
    meaning: 'A file that should hold a secret is empty.',
    remedy: 'Write the secret into it, or name another file.',
  },
  'encryption-key-missing': {
    meaning: 'The vault is set up in the remote db, and the file with its encryption key does not exist.',
    remedy:
      'Bring the key file back from its backup. Only when the vault has no keys of worth, run "remote-db cleanup" and set it up again.',
  },
  'execution-node-syncing': {
    meaning: 'The execution node is syncing, so that what it says of the chain is out of date.',
    remedy: 'Wait until it is synced, or name another one with --execution-endpoints.',
  },
  'execution-node-unavailable': {
    meaning: 'All execution nodes failed, each in another way; the message has what each of them said.',
    remedy: "Check --execution-endpoints, and see the nodes' logs.",
  },
  'exit-key-not-loaded': {
    meaning:
      'The signer has neither the key of a validator nor its shares, so that nobody can sign its exit.',
    remedy: "Load the validator's key into the signer, or shares of the current oracle set.",
  },
  'exit-not-possible': {
    meaning:
      'Validators that were named cannot exit now: they are not active yet, have not been active for long enough, have pending partial withdrawals, exit already, or a deposit waits for them. Nothing was sent.',
    remedy: 'Leave them out, or wait until the epoch or the withdrawal that the message names.',
  },
  'exits-incomplete': {
    meaning: 'Some exits were sent and some failed; the message says which.',
    remedy:
      'Mend what the message names, then run the command again with --indexes of those that failed: exits already made are not made twice. With --count it would exit so many others.',
  },
  'facts-changed': {
    meaning:
      'The validators or shares in the remote db are not those that were sealed: rows were added, or exchanged among themselves.',
    remedy:
      'Run "remote-db verify" for the details, find out who writes to the database, and restore it from a backup.',
  },
  'file-changed': {
    meaning: 'A file was changed while the command used it. Nothing was stored.',
    remedy: 'Run the command again when nobody writes this file.',
  },
  'file-error': {
    meaning:
      'A file could not be read or written, for a reason that is none of the usual ones; it is in the message.',
    remedy: 'See what the operating system says, and check the disk and the path.',
  },
  'file-exists': {
    meaning: 'A file would be overwritten that must not be.',
    remedy: 'Move the file away if you want another one.',
  },
  'file-missing': {
    meaning: 'A file or directory that is needed does not exist.',
    remedy: 'Correct the path in the option that names it, or create the file.',
  },
  'file-too-large': {
    meaning: 'A file in the output directory is far larger than any that is written there.',
    remedy: 'Find out what it is, move it away, then run the command again.',
  },
  'files-differ': {
    meaning:
      'With --check or --dry-run, files were found that the command would change. Nothing was written.',
    remedy: 'Run the command without it when the changes are wanted.',
  },
  'foreign-key-file': {
    meaning:
      'A file stands in the key directory under the name of a key file of this vault, and is not known as one.',
    remedy:
      "Use --adopt when its keys are this vault's. Otherwise choose another --output-dir, or --layout buckets.",
  },
  'funding-refused': {
    meaning: 'The vault refuses to top up validators, with the reason that the message gives.',
    remedy:
      'The operator plans anew and tries again; until it succeeds, nothing is registered either. If it goes on, check that the hot wallet is the validators manager of the vault, or switch top-ups off with --disable-validators-funding.',
  },
  'given-twice': {
    meaning: 'An option is given twice that may be given once.',
    remedy: 'Leave one of the two out.',
  },
  'harvest-refused': {
    meaning: 'The vault refuses the harvest, with the reason that the message gives.',
    remedy:
      'Nothing was sent, and the operator tries again. If it goes on, check the IPFS gateways and the execution nodes.',
  },
  'hashi-vault-busy': {
    meaning: 'HashiCorp Vault refuses more requests for now (HTTP status 429).',
    remedy: 'Try again later; ask for a higher rate limit, or use a node that is no standby.',
  },
  'hashi-vault-denied': {
    meaning:
      'HashiCorp Vault denies access to the path: the token is wrong or expired, or its policy does not allow to read it.',
    remedy:
      'Renew the token. Let its policy read <mount>/data/<path> and list <mount>/metadata/<path> (KV version 2), and check that the mount exists.',
  },
  'hashi-vault-incomplete': {
    meaning:
      'Keys are to be read from HashiCorp Vault, and not all of the options that this takes are given.',
    remedy: 'Give --hashi-vault-url, --hashi-vault-token-file and --hashi-vault-key-path.',
  },
  'hashi-vault-invalid-key': {
    meaning:
      'A secret of HashiCorp Vault is not a key: its name is no public key, its value no secret key, or it has more members than one. Names and values may be the wrong way round.',
    remedy: 'Store each key as "public key": "secret key", in hex.',
  },
  'hashi-vault-invalid-namespace': {
    meaning: 'The namespace of HashiCorp Vault is empty, or has blanks or characters other than ASCII.',
    remedy:
      'Write it as the path that VAULT_NAMESPACE has for its own programs, as in team-a or team-a/signing.',
  },
  'hashi-vault-invalid-token': {
    meaning:
      'The token for HashiCorp Vault is no token: it has spaces, line breaks or other characters that no token has.',
    remedy: 'Write the token alone into the file.',
  },
  'hashi-vault-no-keys': {
    meaning: 'The path in HashiCorp Vault holds no keys.',
    remedy:
      'Check --hashi-vault-key-path. Its members must be "public key": "secret key", in hex, and the engine must be KV version 2.',
  },
  'hashi-vault-no-mount': {
    meaning: 'HashiCorp Vault has no secrets engine at this mount.',
    remedy: 'Name the mount with --hashi-vault-mount.',
  },
  'hashi-vault-path-missing': {
    meaning: 'HashiCorp Vault has no secret at this path.',
    remedy: 'Give the path without the mount and without "data/", and check that the engine is KV version 2.',
  },
  'hashi-vault-redirect': {
    meaning:
      'HashiCorp Vault sends the request on to another server. It was not followed, so that the token goes nowhere else.',
    remedy: 'Name the active node, or a load balancer that finds it, with --hashi-vault-url.',
  },
  'hashi-vault-refused': {
    meaning: 'HashiCorp Vault answered with an unexpected HTTP status; its own words are in the message.',
    remedy: 'See what it says, and the log of HashiCorp Vault.',
  },
  'hashi-vault-sealed': {
    meaning: 'HashiCorp Vault is sealed or not initialised.',
    remedy: 'Unseal it, then start again.',
  },
  'hashi-vault-upgrading': {
    meaning: 'HashiCorp Vault is upgrading this mount to KV version 2.',
    remedy: 'Wait until it has ended, then start again.',
  },
  'hashi-vault-version-deleted': {
    meaning: 'The latest version of the secret in HashiCorp Vault is deleted.',
    remedy: 'Undelete that version, or write the secret again.',
  },
  'http-status': {
    meaning: 'A server answered with an HTTP status that is not the expected one.',
    remedy:
      "Check the URL, and whether it needs credentials. Statuses of 500 and above are the server's own: see its log.",
  },
  'import-failed': {
    meaning: 'The remote signer refused keys that were sent to it. No keystore was removed here.',
    remedy: "See the signer's log, then run the command again: keys that arrived are not sent twice.",
  },
  'index-out-of-range': {
    meaning:
      'The index of a validator client is not below the number of clients. The first client has index 0.',
    remedy: 'Correct --validator-index or --total-validators.',
  },
  'insufficient-funds': {
    meaning: 'The hot wallet does not hold enough to pay for the transaction.',
    remedy: "Send it some of the chain's currency. The operator goes on by itself.",
  },
  'intent-unproven': {
    meaning:
      "A transaction in the operator's database was not recorded by this operator's wallet as it stands there. It is not signed.",
    remedy: 'Somebody else has written to the tables of the operator: find out who may, and see "tx list".',
  },
  'internal-error': {
    meaning: 'The program met something that it does not expect: this is a bug.',
    remedy: 'Please report it, with the lines that were printed and the version of the program.',
  },
  'invalid-address': {
    meaning: 'A text is not an Ethereum address, or its checksum is wrong because a character is mistyped.',
    remedy: 'Copy the address again. Without capital letters the checksum is not looked at.',
  },
  'invalid-answer': {
    meaning:
      "A server was reached and its answer is not what such a server says: it may be another program, a proxy's page, or a server that lies.",
    remedy:
      'Check that the URL is the right one, for this kind of server. Name another node when it goes on.',
  },
  'invalid-boolean': {
    meaning: 'A value is not one of those that stand for yes and no.',
    remedy: 'Give true or false.',
  },
  'invalid-choice': {
    meaning: 'A value is not one of the words that the option knows.',
    remedy: 'Give one of the words in the message.',
  },
  'invalid-client-name': {
    meaning: 'A name in --client-names is empty or has wildcards. Names are compared as they are.',
    remedy: 'Give the full name of each client, as its certificate has it.',
  },
  'invalid-command-line': {
    meaning: 'The command line cannot be read.',
    remedy: 'See the usage of the command with --help.',
  },
  'invalid-config': {
    meaning: "The vault's config.json is damaged: it is not JSON, or a member is wrong.",
    remedy: 'Bring the file back from a backup, or run "recover" with the mnemonic into another directory.',
  },
  'invalid-db-schema': {
    meaning:
      'The name of the database schema is empty, longer than Postgres allows, or has characters that do not show.',
    remedy: 'Give another --db-schema.',
  },
  'invalid-db-url': {
    meaning: 'The database URL cannot be used: its form is wrong, or one of its parameters is.',
    remedy:
      'Write it as postgresql://username:pass@hostname/dbname, or as pglite:PATH for the embedded database.',
  },
  'invalid-encryption-key': {
    meaning: 'The encryption key is not the one of this vault in the remote db.',
    remedy:
      'Give the key that "remote-db setup" printed for this vault; check --vault and --network as well.',
  },
  'invalid-env-file': {
    meaning:
      'A file of --env-file is no text, so no variables can be read from it; or it is a pipe that Node of the single executable has read before the program could.',
    remedy:
      'Name a text file with one NAME=value a line, as .env.example is. docs/installation.md says how the single executable is given a pipe.',
  },
  'invalid-execution-endpoint': {
    meaning: 'An execution endpoint is not an http or https URL.',
    remedy: 'Correct --execution-endpoints; several are separated by commas.',
  },
  'invalid-file-mode': {
    meaning: 'A file mode is not written in octal digits, or would lock out the owner of the files.',
    remedy: 'Write it as in 0640.',
  },
  'invalid-graffiti': {
    meaning: 'The graffiti has more than the 32 bytes that a block has room for.',
    remedy: 'Shorten --graffiti; letters beyond ASCII take two to four bytes each.',
  },
  'invalid-hash': {
    meaning: 'A value is not a hash of 32 bytes.',
    remedy: 'Give 64 hex digits, with or without 0x.',
  },
  'invalid-index': {
    meaning: 'A value is not a validator index.',
    remedy: 'Give whole numbers, separated by commas.',
  },
  'invalid-integer': {
    meaning: 'A value is not a whole number.',
    remedy: 'Give digits only.',
  },
  'invalid-ipfs-cid': {
    meaning:
      'A text that the chain gives is not an IPFS content identifier, so that the document cannot be fetched.',
    remedy: 'Check the network and the execution nodes: one of them may not be what it should be.',
  },
  'invalid-ipfs-gateway': {
    meaning: 'A gateway in IPFS_FETCH_ENDPOINTS is not an http or https URL.',
    remedy: 'Correct IPFS_FETCH_ENDPOINTS; gateways are separated by commas.',
  },
  'invalid-jwt-secret': {
    meaning: 'The JWT secret of the execution node is not hex.',
    remedy: "Set --execution-jwt-secret to the content of the node's jwt.hex.",
  },
  'invalid-key': {
    meaning:
      "Something that should be a validator's secret key is none: it is zero, not below the group's order, or not 32 bytes.",
    remedy: 'Do not use that key. Restore its source from a backup.',
  },
  'invalid-key-file': {
    meaning: 'A file in the key directory is not a key file of Web3Signer, or one that is not understood.',
    remedy: 'Move it away, or let "remote-db setup-web3signer" write the directory anew.',
  },
  'invalid-keymanager': {
    meaning: 'A validator client was named without the file of its token.',
    remedy:
      'Write its URL, "=", and the token file that the client has written: --keymanager http://client:5062=./token.',
  },
  'invalid-listen': {
    meaning: 'The address to listen on is not a host and a port, or its host is not known.',
    remedy: 'Write it as in 127.0.0.1:9000.',
  },
  'invalid-mac': {
    meaning: 'The signer did not answer with the tag that proves a record of the operator.',
    remedy: 'Check that the signer and the operator are of the same version.',
  },
  'invalid-metrics-prefix': {
    meaning: 'The prefix of the metrics holds something that no name of a metric may have.',
    remedy: 'Give `--metrics-prefix` letters, digits, "_" and ":" only, and no digit first.',
  },
  'invalid-mnemonic': {
    meaning: 'The words are not a mnemonic: a word is not in the list, or the checksum does not fit.',
    remedy: 'Check the words and their order for typos, and the language.',
  },
  'invalid-network-file': {
    meaning: 'The network file cannot be read, is not JSON, or a member of it is wrong or missing.',
    remedy: 'Correct the member that the message names.',
  },
  'invalid-obsolete-keys': {
    meaning: 'The file with the keys that the remote signer no longer needs is damaged.',
    remedy: 'Move it away: it only says which keys of the signer may be removed.',
  },
  'invalid-owner': {
    meaning: 'An owner of files is not written in numbers.',
    remedy: 'Write it as in 1000 or 1000:1000.',
  },
  'invalid-proxy': {
    meaning: 'HTTP_PROXY or HTTPS_PROXY is not an http or https URL of a proxy.',
    remedy: 'Write it as in http://proxy.example:3128, or unset it. Other kinds of proxies are not used.',
  },
  'invalid-rate': {
    meaning: 'A rate is not a number per second, minute, hour or day.',
    remedy: 'Write it as in 100/s, 60/min, 20/h or 50/d.',
  },
  'invalid-remote-signer-config': {
    meaning: 'The remote signer configuration is damaged: it is not JSON, or a member is wrong.',
    remedy:
      'Bring it back from a backup, or write it anew with "remote-signer-setup" or "remote-db setup-operator".',
  },
  'invalid-role-name': {
    meaning:
      "The name of a database role is empty, longer than Postgres allows, has characters that do not show, or is one of Postgres' own.",
    remedy: 'Choose another name for the role.',
  },
  'invalid-secret-file': {
    meaning: 'A file that should hold a secret is not text.',
    remedy: 'Check that the option names the right file.',
  },
  'invalid-signature': {
    meaning:
      'A signer answered with a signature that is not one of the key, or the wallet, over what was to be signed. It was not used.',
    remedy:
      'The signer has another key, or works for another network: check its key files and its --network.',
  },
  'invalid-signer-url': {
    meaning:
      'A URL of a Web3Signer is no http or https URL, or has blanks, a query, a fragment or letters that the validator clients read each in its own way.',
    remedy: 'Write it as in http://web3signer:6174.',
  },
  'invalid-signer-version': {
    meaning: 'A version of Web3Signer is not written as its releases are.',
    remedy: 'Write it as in 25.12.0.',
  },
  'invalid-since': {
    meaning: 'The time from which on something is to be shown is neither a date nor how long ago.',
    remedy:
      'Give a date in UTC, such as 2026-11-30 or 2026-11-30T12:00Z, or how long ago, such as 90m, 24h or 7d.',
  },
  'invalid-slashing-db-url': {
    meaning:
      'The slashing protection database is not given as Web3Signer takes it: its URL is none of Postgres or holds a password, or a user stands without it.',
    remedy:
      'Write it as in jdbc:postgresql://db:5432/web3signer; the password stays in WEB3SIGNER_ETH2_SLASHING_PROTECTION_DB_PASSWORD.',
  },
  'invalid-template': {
    meaning: 'A template for a validator client does not work; the reason is in the message.',
    remedy: 'Correct the template, or leave --template-dir out to use the built-in one.',
  },
  'invalid-timeout': {
    meaning: 'A time limit from the environment is not a number of seconds above 0.',
    remedy: 'Correct the variable that the message names, or unset it.',
  },
  'invalid-tls': {
    meaning:
      'The TLS certificate, key or authority cannot be used: a file is not in the right form, or the key is not that of the certificate.',
    remedy:
      'Check that each option names the file that it stands for, in PEM form, and that the password of a PFX file is right.',
  },
  'invalid-total': {
    meaning: 'The number of validator clients is below 1.',
    remedy: 'Give 1 or more as --total-validators.',
  },
  'invalid-url': {
    meaning: 'A value is not an http or https URL.',
    remedy: 'Write it with its scheme, as in http://localhost:9000.',
  },
  'invalid-validators-snapshot': {
    meaning:
      "The snapshot of the network's validators has a length that it cannot have: it was cut off or changed.",
    remedy:
      'Name other gateways in IPFS_FETCH_ENDPOINTS, and check the network file when the network is your own.',
  },
  'invalid-vault-public-key': {
    meaning: 'A text is not the public key of a vault.',
    remedy:
      'Copy it from what "remote-db setup", "upload-keypairs", "assign" or "verify" prints: 0x and 64 hex digits.',
  },
  'invalid-vault-validators-dump': {
    meaning:
      'The dump of what all vaults have registered, which the network names by its IPFS hash, is not in the form of such a dump.',
    remedy:
      'Check vaultValidatorsDump of the network file, or leave it out: then the vault is asked by its log.',
  },
  'ipfs-document-too-large': {
    meaning: 'An IPFS document is larger than any of its kind.',
    remedy: 'A gateway may lie: name other gateways in IPFS_FETCH_ENDPOINTS.',
  },
  'ipfs-document-unproven': {
    meaning: 'A gateway gave an IPFS document, but not the blocks that would prove that it is the right one.',
    remedy:
      'Name a trustless gateway in IPFS_FETCH_ENDPOINTS. Pass --allow-unverified-ipfs only if you trust the gateway.',
  },
  'ipfs-not-a-file': {
    meaning: 'The IPFS content identifier leads to a directory or something else that is no file.',
    remedy: 'Check the network and the execution nodes: the identifier comes from the chain.',
  },
  'ipfs-unavailable': {
    meaning: 'None of the IPFS gateways has given the document.',
    remedy: 'Name other gateways in IPFS_FETCH_ENDPOINTS, or try again later.',
  },
  'ipfs-unsupported-hash': {
    meaning:
      'The IPFS content identifier uses a hash function that this program cannot compute, so that no answer could be checked.',
    remedy: 'Check the network and the execution nodes: the identifier comes from the chain.',
  },
  'ipfs-web-page': {
    meaning:
      'An IPFS gateway, or a proxy on the way to it, answered with a web page in place of the document.',
    remedy: 'Name other gateways in IPFS_FETCH_ENDPOINTS; a browser shows what the page says.',
  },
  'ipfs-wrong-block': {
    meaning:
      'A gateway answered with bytes that are not those of the IPFS content identifier. They were not used.',
    remedy: 'Name other gateways in IPFS_FETCH_ENDPOINTS: this one is broken, or lies.',
  },
  'is-a-directory': {
    meaning: 'A path leads to a directory where a file is expected.',
    remedy: 'Correct the path in the option that names it.',
  },
  'key-exists': {
    meaning: 'A share has a public key that the database has for another key of this vault.',
    remedy: 'Run "remote-db verify", and report it: two keys cannot have the same share.',
  },
  'key-files-missing': {
    meaning: 'The key directory of the signer has no key files.',
    remedy: 'Run "remote-db setup-web3signer" first, or correct --keys-dir.',
  },
  'key-mislabelled': {
    meaning: 'A secret key in HashiCorp Vault is stored under the public key of another. Nothing was loaded.',
    remedy: 'Store the key under its own public key.',
  },
  'key-not-loaded': {
    meaning: 'The signer has not loaded the key that is to sign.',
    remedy:
      'Load the key into the signer and have it reload. Shares have to be uploaded again after a change of the oracle set.',
  },
  'keymanager-missing': {
    meaning: 'The remote signer, or the validator client, has no key manager API.',
    remedy:
      'Start Web3Signer with --key-manager-api-enabled=true; a validator client has an option of its own for that.',
  },
  'keymanager-refused': {
    meaning: 'The validator client does not take the token that its key manager API was asked with.',
    remedy: 'Name the token file that this client has written: --keymanager URL=FILE.',
  },
  'keypairs-incomplete': {
    meaning:
      'The public keys in the remote db are not those of the last upload: some were removed, added or changed.',
    remedy: 'If an upload ended just now, run the command again. Otherwise run "remote-db verify".',
  },
  'keys-from-another-client': {
    meaning:
      'The plan gives this validator client keys that were another client’s in a plan that "setup-validator --watch" has seen. The other client may still run them, and nobody has said that it is stopped. Nothing was changed.',
    remedy:
      'Stop the client that had the keys and wait two epochs, then run the same "remote-db setup-validator" without --watch: it writes the files, and --watch goes on from them. If nobody was to move keys, put the plan back.',
  },
  'keys-not-listed': {
    meaning: 'The remote signer took keys and does not list all of them. Nothing was removed here.',
    remedy: "The signer's log says why. Run the command again: keys that arrived are not sent twice.",
  },
  'keys-of-another-client': {
    meaning:
      'Files of this validator client have keys that belong to another client now. Kept here, they would run on two clients and be slashed. Nothing was changed.',
    remedy: 'Stop this client and repeat with --removals allow; "remote-db assign" shows the plan.',
  },
  'keys-would-move': {
    meaning:
      'The number of validator clients that was given is not that of the plan; keys would move from one client to another. Nothing was changed.',
    remedy:
      'Give the number of the plan. To change it, stop the clients that lose keys first, wait two epochs, then run "remote-db assign --reassign".',
  },
  'keystore-changed': {
    meaning: 'A keystore file names another public key than when it was read first, earlier in the same run.',
    remedy: 'Run the command again when nobody writes to the directory any more.',
  },
  'keystore-duplicate': {
    meaning: 'One public key stands in two keystores.',
    remedy: 'Remove one of the two files, which the message names.',
  },
  'keystore-invalid': {
    meaning: 'A file is JSON, but not an EIP-2335 keystore; the message names the member that is wrong.',
    remedy: 'Restore the keystore from a backup, or move the file away.',
  },
  'keystore-kdf': {
    meaning: 'A keystore asks for parameters of its key derivation that cannot be computed.',
    remedy: 'Restore the keystore from a backup: such parameters are damaged or made to harm.',
  },
  'keystore-not-json': {
    meaning: 'A keystore is not JSON: it may have been cut off.',
    remedy: 'Restore the keystore from a backup, or make it again with "create-keys" or "recover".',
  },
  'keystore-version': {
    meaning: 'A keystore is not of version 4.',
    remedy: 'Make it again as an EIP-2335 keystore of version 4.',
  },
  'keystore-wrong-password': {
    meaning: 'The password does not open a keystore, or the keystore is damaged.',
    remedy: 'Check which password file belongs to it; then restore the keystore from a backup.',
  },
  'keystore-wrong-public-key': {
    meaning: 'A keystore names one public key and holds the secret key of another.',
    remedy: 'Do not use it. Find out where it comes from, and make it again from the mnemonic.',
  },
  'keystores-missing': {
    meaning: 'There are no keystores in the directory.',
    remedy: 'Run "create-keys", or name the directory with --keystores-dir.',
  },
  'lease-lost': {
    meaning: 'Another process acts for the vault now, or may do so, so that this one must not.',
    remedy:
      'Nothing was lost: this process stands by. Run one operator for each vault if that was not meant.',
  },
  'listener-unauthenticated': {
    meaning:
      'The signer would listen where others can reach it, and would not ask who they are: anyone could exit every validator.',
    remedy:
      'Give --tls-cert, --tls-key and --tls-client-ca. Use --allow-unauthenticated only where the network itself keeps others out.',
  },
  'lock-failed': {
    meaning: 'A lock file cannot be locked: something else stands in its place, or the file system refuses.',
    remedy: 'Move away what stands at that path; the file is empty and made by this program.',
  },
  'lock-lost': {
    meaning:
      'Another process has taken over the lock while this one stood still. This one changes nothing more.',
    remedy: 'Run one of the two only. If both were to run, see what the other one has done.',
  },
  'logs-pruned': {
    meaning:
      'The execution node does not have an event that is known to be on the chain: it keeps the logs of later blocks only. Without it nobody can tell who the oracles are.',
    remedy:
      'Name an execution node that keeps the logs of the block in the message with --execution-endpoints, alone or beside the one at hand.',
  },
  'manifest-mismatch': {
    meaning:
      'The rows of the vault in the remote db are not those of its manifest: keys were removed, added, exchanged or restored from an older state.',
    remedy:
      'Run "remote-db verify" for the details, find out who writes to the database, and restore it from a backup.',
  },
  'missing-argument': {
    meaning: 'A word that the command needs behind its name is missing.',
    remedy: 'See "--help" of the command.',
  },
  'missing-command': {
    meaning: 'A group of commands was named, and no command of it.',
    remedy: 'See the commands of the group with --help.',
  },
  'missing-option': {
    meaning: 'Options are missing that the command needs, and there is no terminal to ask on.',
    remedy: 'Give the options that the message names. Secrets are better read from a file.',
  },
  'missing-value': {
    meaning: 'An option was given without the value that it takes.',
    remedy: 'Write the value behind the option.',
  },
  'network-incomplete': {
    meaning:
      'A task needs a contract or a value that the network does not name: the message says which member it is.',
    remedy:
      'For a network file, add the member. A built-in network lacks what the protocol has not deployed there: switch the task off.',
  },
  'network-mismatch': {
    meaning: 'NETWORK names another network than the one that the vault was initialised for.',
    remedy: 'Unset NETWORK, or name the data directory of the other network with --data-dir.',
  },
  'network-missing': {
    meaning: 'The network is not named, and there is no config.json of the vault to take it from.',
    remedy: 'Name the network with --network, or a vault that was initialised here with --vault.',
  },
  'network-validators-not-synced': {
    meaning:
      'The deposits of the network have not been read to the end yet, so that no validator may be registered.',
    remedy: 'Wait: the operator reads them and goes on by itself.',
  },
  'no-active-validators': {
    meaning:
      'No validator of the vault is active, has its withdrawals go to the vault, and has its key or shares in the signer.',
    remedy: 'Check the vault, the network and which keys the signer has loaded.',
  },
  'no-bump': {
    meaning:
      "The transaction was recorded without the tag of the operator's wallet, as an older version did. It is not signed anew.",
    remedy: 'Let it wait for its block, or take it back with "tx cancel".',
  },
  'no-consensus-endpoint': {
    meaning: 'No beacon node is named.',
    remedy: 'Set --consensus-endpoints.',
  },
  'no-database': {
    meaning: 'There is no database of an operator where it is looked for.',
    remedy: 'Name it with --db-url-file or --database-dir, as for "start".',
  },
  'no-deposit-data-registry': {
    meaning:
      'The vault is of a version whose validators root stands in a deposit data registry, and the network names none.',
    remedy: 'Put the address of the registry into the network file.',
  },
  'no-execution-endpoint': {
    meaning: 'No execution node is named.',
    remedy: 'Set --execution-endpoints.',
  },
  'no-ipfs-gateway': {
    meaning: 'No IPFS gateway is configured.',
    remedy: 'Set IPFS_FETCH_ENDPOINTS.',
  },
  'no-key-source': {
    meaning: 'There are no keystores, and no other place of keys is named.',
    remedy:
      'Name one: --remote-signer-url, --keystores-dir, --keys-dir or --hashi-vault-url; --help says which of them the command takes.',
  },
  'no-keypairs': {
    meaning: 'The remote db has no keypairs of this vault.',
    remedy: 'Run "remote-db upload-keypairs" first, and check --vault, --network and --db-schema.',
  },
  'no-keys': {
    meaning: 'The place that the signer was told to read keys from holds none.',
    remedy: 'Check the option that names it, and that the keys are there.',
  },
  'no-oracle-config': {
    meaning: 'The keeper contract has published no oracle configuration.',
    remedy: 'Check the network and the execution nodes.',
  },
  'no-probe-port': {
    meaning: 'The operator was not told to answer probes, or on a port that nobody can know.',
    remedy: 'Give start and healthcheck the same --health-port (HEALTH_PORT), or --enable-metrics.',
  },
  'no-registered-validators': {
    meaning: 'The vault has registered no validators, so that there is nothing to prove the mnemonic by.',
    remedy: 'Use "init" and "create-keys" for a new vault. Otherwise check vault and network.',
  },
  'no-remote-signer-config': {
    meaning: 'The remote db has no remote signer configuration of this vault.',
    remedy: 'Run "remote-db upload-keypairs" first.',
  },
  'no-such-command': {
    meaning: 'There is no command of this name.',
    remedy: 'See the commands with --help.',
  },
  'no-such-option': {
    meaning: 'The command has no option of this name.',
    remedy: 'See its options with --help.',
  },
  'no-transaction': {
    meaning:
      'There is no transaction of this number, or it is not under way. Only what waits for a block can be replaced.',
    remedy: 'See "tx list".',
  },
  'no-unused-keys': {
    meaning:
      'Each key that was found has a deposit, or the signer does not have it: there is no deposit data to write.',
    remedy: 'Make more keys with "create-keys", or name the deposit data that has their entries.',
  },
  'no-wallet': {
    meaning: 'The signer has no wallet, or more than one.',
    remedy: 'Check that the URL or socket is that of the signer that the operator started.',
  },
  'node-behind': {
    meaning:
      'A node is behind a block that was read before: it is another one behind a load balancer, or has gone back.',
    remedy: 'Wait until it has caught up, or name another one with --execution-endpoints.',
  },
  'nodes-unavailable': {
    meaning:
      'Execution nodes and beacon nodes that the operator needs at its start do not answer; the message has what each of them said.',
    remedy: 'The operator tries again. Check --execution-endpoints and --consensus-endpoints.',
  },
  'not-a-directory': {
    meaning: 'A path leads to a file, or below one, where a directory is expected.',
    remedy: 'Correct the path in the option that names it.',
  },
  'not-enough-approvals': {
    meaning:
      'Fewer oracles approved of the validators than the keeper asks for; the message has what each of them said.',
    remedy:
      'The operator tries again. When it goes on, see what the oracles say, and that the shares are those of the current oracle set.',
  },
  'not-permitted': {
    meaning: 'A directory with a lock, or a part of an embedded database, belongs to another user.',
    remedy:
      'Run the command as that user, or give the directory with all its files to this one (chown -R). A container has to be started as that user.',
  },
  'not-readable': {
    meaning: 'This user may not read a file.',
    remedy: 'Check the owner and the mode of the file, and of the directories above it.',
  },
  'not-ready': {
    meaning: 'The operator runs, and waits for something or fails in a task.',
    remedy: 'The message says for what it waits; its log and /readyz say more.',
  },
  'not-validators-manager': {
    meaning: "The hot wallet is not the vault's validators manager, so that it cannot register validators.",
    remedy:
      "The vault's admin has to call setValidatorsManager of the vault with the address that the message names.",
  },
  'not-writable': {
    meaning: 'This user may not write a file, or the file system is read only.',
    remedy: 'Check the owner and the mode of the directory. Only root can give files to another owner.',
  },
  'nothing-seen': {
    meaning: 'None of the counterparts that were named has answered, or none was named.',
    remedy:
      'Name those to be looked at, such as --db-url, --signer-url and --execution-endpoints; the messages say why none of them answers.',
  },
  'one-signer-only': {
    meaning: 'Keys are to be imported, and several remote signers are named.',
    remedy: 'Give one --remote-signer-url.',
  },
  'operator-db-differs': {
    meaning:
      'The operator.db of the Python operator is not what nodes and snapshot say: a row is no validator, a validator or deposit is in no row, or its last block is not final yet. Nothing was stored.',
    remedy:
      'Try again once where a deposit was made just now, and wait until the last block is final. Otherwise leave the import out: start reads the validators from the chain.',
  },
  'operator-db-malformed': {
    meaning:
      'A row of the operator.db of the Python operator is no public key with a block number, or stands there twice.',
    remedy: 'Leave the import out: start reads the validators from the chain.',
  },
  'operator-db-unreadable': {
    meaning:
      'The file of --operator-db is no SQLite database that the Python operator has made for this network, is damaged, or is being written.',
    remedy: 'Check --operator-db and --network. Stop the Python operator and wait until it has ended.',
  },
  'operator-facts-changed': {
    meaning:
      'The oracles, shares or deposit data in the remote db are not those of the last upload: rows were removed, added or changed.',
    remedy:
      'Run "remote-db verify" for the details, find out who writes to the database, and restore it from a backup.',
  },
  'oracle-config-duplicate-key': {
    meaning:
      "The oracle configuration names one oracle's public key twice, so that one oracle would hold two shares.",
    remedy:
      "Check the network and the execution nodes. Otherwise ask the protocol's team: the document is published by them.",
  },
  'oracle-config-invalid': {
    meaning: 'The oracle configuration is JSON, but a member of it is wrong or missing.',
    remedy:
      'Check the network and the execution nodes. A newer version of this program may know the document.',
  },
  'oracle-config-threshold': {
    meaning:
      'The oracle configuration asks for more shares than it names oracles, so that nobody could ever join them.',
    remedy:
      "Check the network and the execution nodes. Otherwise ask the protocol's team: the document is published by them.",
  },
  'oracle-config-unparsable': {
    meaning: 'The oracle configuration is not JSON.',
    remedy: 'Check the IPFS gateways, the network and the execution nodes.',
  },
  'oracle-refused': {
    meaning: 'An oracle refused the request; its own words are in the message.',
    remedy: 'See what it says. A refusal is mostly about the shares, the deposit data or the deadline.',
  },
  'oracle-set-changed': {
    meaning:
      'The oracle set in the remote db is not what was written: its threshold, its oracles or its document were changed.',
    remedy:
      'Run "remote-db verify" for the details, find out who writes to the database, and restore it from a backup.',
  },
  'oracle-set-hash-mismatch': {
    meaning: 'The oracle set of the keeper is not the one that --oracle-set-hash asks for.',
    remedy:
      'Check the oracles of the document that the message names. When they are the right ones, give their hash.',
  },
  'oracle-set-unconfirmed': {
    meaning:
      'The execution nodes do not agree on the oracle set, or the set is not the one that was accepted before. Nothing was made for it.',
    remedy:
      'Try again when all nodes are synced. If they go on contradicting each other, one of them is not to be trusted: name others.',
  },
  'oracle-threshold-one': {
    meaning: "The oracle set has a threshold of one: each oracle's share would be the validator key itself.",
    remedy: 'Check that the network and the keeper are the right ones. Never make shares for such a set.',
  },
  'oracle-unavailable': {
    meaning: 'An oracle has no endpoint, or all of its endpoints failed, each in another way.',
    remedy: 'The operator asks again. One oracle less does no harm as long as enough approve.',
  },
  'out-of-range': {
    meaning: 'A number is not in the range that the option takes.',
    remedy: 'Give a number in the range that the message names.',
  },
  'passes-failed': {
    meaning: 'Tasks of "start --once" failed; the message names each, and the others have had their pass.',
    remedy: 'Remove the reason that the message names; the next run tries again what failed.',
  },
  'passes-interrupted': {
    meaning: '"start --once" was stopped by a signal before every task had its pass.',
    remedy: 'Run it again: what was sent is recorded, and followed by the next run.',
  },
  'password-missing': {
    meaning: 'There is no password file of a keystore, so that it cannot be opened.',
    remedy:
      'Bring the password file back, or move the keystores away: "create-keys" and "recover" then write them anew.',
  },
  'pending-deposits-not-served': {
    meaning:
      'The consensus node does not tell the pending deposits of the beacon chain, which it does from Electra on.',
    remedy: 'Name another consensus node, or leave the import out.',
  },
  'plan-not-signed': {
    meaning:
      "The plan of validator clients is not signed with the vault's key: it was stored or changed without the encryption key.",
    remedy:
      'Compare the plan with the files of the validator clients. If it is right, run "remote-db assign --encrypt-key-file" with --trust-stored; if not, stop all clients and use --reassign.',
  },
  'plan-would-change': {
    meaning:
      'The check of "remote-db assign" found that the stored plan of validator clients is not the one that the command would store, or that none is stored. Nothing was changed.',
    remedy: 'Run the command without --check. Where keys would move, stop the clients that lose them first.',
  },
  'port-in-use': {
    meaning: 'The port of the health or metrics server is in use.',
    remedy: 'Stop what uses it, or choose another --health-port or --metrics-port.',
  },
  'program-too-old': {
    meaning:
      'A newer version of this program has changed the tables in the database, and this version would not understand them.',
    remedy: 'Install the newer version; nothing was changed.',
  },
  'redeemable-positions-invalid': {
    meaning:
      'The list of positions that osToken redemptions go by cannot be read, or is not the one that the redeemer has the Merkle root of. What has to stay in the vault for them is not known, and nothing is staked.',
    remedy:
      'Check the IPFS gateways and the execution nodes: one of them does not tell the truth, or is behind.',
  },
  'registration-would-revert': {
    meaning:
      'The registration of validators was tried on the node and would be refused by the contract. Nothing was sent.',
    remedy:
      'The operator begins again. When it goes on, look up the name of the refusal, which the message has.',
  },
  'reload-timeout': {
    meaning: 'Web3Signer has not finished loading its keys within the time limit.',
    remedy: 'Wait and run the command again; many keys take long. Its log says how far it is.',
  },
  'remote-db-not-empty': {
    meaning: 'The remote database has a vault already.',
    remedy: 'Use it, or run "remote-db cleanup" first when its keys are of no worth: that removes them.',
  },
  'removal-failed': {
    meaning: 'The remote signer did not remove keys that are no longer needed. The new keys are in place.',
    remedy: 'Run the command again to remove the rest.',
  },
  'request-fee-too-high': {
    meaning:
      'A request to withdraw costs more than --max-withdrawal-request-fee-gwei, or the contract that takes requests takes none yet. Nothing was sent.',
    remedy: 'Try again when fewer requests are made, or allow more with --max-withdrawal-request-fee-gwei.',
  },
  'response-too-large': {
    meaning: 'A server answered with more bytes than any answer of its kind has. The rest was not read.',
    remedy: 'Check that the URL is the right one, and what stands between.',
  },
  'retired-keys-not-signed': {
    meaning:
      "The rows of retired keys in the remote db are not those that the vault's key has signed: somebody without the encryption key has changed them.",
    remedy:
      'Run "remote-db prune --exited" where the encryption key is: it retires what the beacon chain says, and nothing else, and signs that. "remote-db log" tells who has written.',
  },
  'rewards-invalid': {
    meaning: 'The rewards document is JSON, but a member of it is wrong or missing.',
    remedy:
      'Check the network and the execution nodes. A newer version of this program may know the document.',
  },
  'rewards-proof-invalid': {
    meaning: "The rewards document does not prove the vault's rewards under the root that the keeper has.",
    remedy:
      'Check the IPFS gateways and the execution nodes: one of them does not tell the truth, or is behind.',
  },
  'rewards-unparsable': {
    meaning: 'The rewards document is not JSON.',
    remedy: 'Check the IPFS gateways, the network and the execution nodes.',
  },
  'rotation-refused': {
    meaning: 'The keeper refuses the new exit signatures, with the reason that the message gives.',
    remedy:
      'Nothing was sent, and the operator tries again. If it goes on, check that the shares are those of the current oracle set.',
  },
  'row-tampered': {
    meaning:
      'An encrypted row in the remote db is not what was written for this vault: it was damaged, changed or exchanged.',
    remedy:
      'Restore the database from a backup, or clean up and upload the keystores again. Find out who writes to the database.',
  },
  'rows-not-as-written': {
    meaning:
      'Rows in the remote db are not what was written, and the keystores to write them anew are not here. Nothing was activated.',
    remedy:
      'Run upload-keypairs with the keystores of these validators as well ("create-keys" or "recover" makes them from the mnemonic), or restore the database from a backup.',
  },
  'rpc-error': {
    meaning:
      'An execution node refused a request with an error of JSON-RPC; its own words are in the message.',
    remedy:
      'See what it says: limits of a provider, a method that is off, or blocks that the node does not keep are the usual reasons.',
  },
  'setting-refused': {
    meaning:
      'An option or a variable of another generation of the Python operator is given, which asks for something that this program does not do. Ignored, it would have something else staked, signed or left undone than it says.',
    remedy:
      'Leave it out, and do what the message says instead. The page python-operator-settings.md beside this one decides each of these settings.',
  },
  'shares-incomplete': {
    meaning: 'A validator has not one share for each oracle in the remote db.',
    remedy: 'Run "remote-db verify" for the details, and restore the database from a backup.',
  },
  'shares-inconsistent': {
    meaning:
      'The shares of a validator do not join to its signature, so that an exit made of them would be worth nothing. Nothing was sent.',
    remedy:
      'Make the shares anew with "remote-db upload-keypairs" or "remote-signer-setup", or load the validator\'s key into the signer.',
  },
  'shares-not-loaded': {
    meaning: 'The signer has not loaded enough shares of a validator.',
    remedy: 'Have the signer read its key files again, or upload the shares again.',
  },
  'shares-outdated': {
    meaning:
      'The remote signer configuration is missing, or has shares of another oracle set than the current one.',
    remedy:
      'Run "remote-db upload-keypairs" and "remote-db setup-operator" again, or "remote-signer-setup"; then have the signer read its keys.',
  },
  'sign-deposits-without-vault': {
    meaning:
      '--sign-deposits (SIGNER_SIGN_DEPOSITS) is given to "signer", and no --vault: it signs deposits to the withdrawal credentials of one vault only.',
    remedy: 'Name the vault with --vault, or leave --sign-deposits out.',
  },
  'signer-busy': {
    meaning: 'The signer, or a proxy in front of it, is overloaded or starting.',
    remedy: 'Wait. Ask it with fewer requests at once (--signer-concurrency) if it goes on.',
  },
  'signer-crashed': {
    meaning: 'The built-in signer, a process of its own, ended before it was ready.',
    remedy: 'See the lines that it printed before; the machine may be out of memory.',
  },
  'signer-keys-unknown': {
    meaning:
      'Validators of a vault of version 5 are to be registered with keys of a remote signer, which may have keys of other vaults, and nothing says which of them are this vault’s.',
    remedy:
      'Name them with --deposit-data-file, by the remote database (--db-url), by remote_signer_config.json or by keystores in the vault’s directory; or say --remote-signer-exclusive when the signer has keys of this vault only.',
  },
  'signer-lacks-keys': {
    meaning: 'After its reload, Web3Signer lacks keys that were written for it.',
    remedy:
      'Check that it reads this directory and may read its files (--file-mode, --owner); its log names files that it refuses.',
  },
  'signer-refused-deposit': {
    meaning:
      'A signer refused to sign a deposit: it is not told to (the built-in one), or it computes another signing root since its --network is not the network of the vault.',
    remedy:
      'Start "signer" with --sign-deposits and the vault; of a Web3Signer look at its --network and its log.',
  },
  'signer-refused-exit': {
    meaning: 'The signer refuses to sign an exit: it computes another signing root.',
    remedy: 'Check that its --network is the network of the vault; its log says why.',
  },
  'signer-without-keys': {
    meaning: "The remote signer has none of the vault's keys.",
    remedy: 'Load its key files, or run "remote-signer-setup"; then start the operator again.',
  },
  'signers-failed': {
    meaning: 'All signers failed; the message has what each of them said.',
    remedy: "Check --remote-signer-url, and see the signers' logs.",
  },
  'signing-key-tampered': {
    meaning: "The vault's signing key in the remote db is not what was written for it.",
    remedy:
      "Restore the database from a backup. Without one, delete the vault's row of signing_keys: the next upload makes another key, whose public half then goes to whoever has --vault-public-key.",
  },
  'slashing-db-other': {
    meaning:
      'The database of --slashing-db-url has no slashing protection of Web3Signer, or one of before version 10.',
    remedy:
      'Give the database that Web3Signer keeps its slashing protection in, as postgresql://…; its own migrations bring it up to date.',
  },
  'socket-directory-open': {
    meaning: "The directory of the signer's socket is not one that only this user may enter.",
    remedy: 'Name a directory that does not exist yet: it is made with mode 0700.',
  },
  'socket-path-taken': {
    meaning: "Something stands at the path of the signer's socket: a file, or the socket of another process.",
    remedy: 'Stop that process, or name another path with --socket.',
  },
  'socket-path-too-long': {
    meaning: "The path of the signer's socket is longer than a socket's path may be.",
    remedy: 'Name a shorter path with --socket.',
  },
  'statement-forked': {
    meaning:
      'The remote db has a state with the same numbers as one that was seen here before, and other contents.',
    remedy:
      'Somebody put the database back and went on from there: find out who. When it was done on purpose, remove the record that the message names.',
  },
  'statement-invalid': {
    meaning: 'What the remote db has of the vault is not signed by the key of --vault-public-key.',
    remedy:
      'Compare --vault-public-key with what "remote-db verify" prints where the encryption key is. If it is right, restore the database from a backup or upload again.',
  },
  'statement-mismatch': {
    meaning:
      'What the remote db has of the vault is not what was signed: rows were changed, or an upload is just being stored.',
    remedy:
      'If an upload ended just now, run the command again. Otherwise run "remote-db verify" where the encryption key is.',
  },
  'statement-missing': {
    meaning: 'What the remote db has of the vault is not signed, and --vault-public-key asks for it.',
    remedy:
      'Run "remote-db upload-keypairs" or "remote-db assign --encrypt-key-file" where the encryption key is: they sign it.',
  },
  'statement-old': {
    meaning: 'The remote db has an older state than was seen here before.',
    remedy:
      'Somebody put the database back: find out who. When it was done on purpose, remove the record that the message names.',
  },
  'statement-other-vault': {
    meaning: 'The signed statement in the remote db belongs to another vault or chain.',
    remedy: 'Restore the database from a backup, and find out who exchanged it.',
  },
  'statement-record-invalid': {
    meaning: 'The file that records the last statement that was believed here is damaged.',
    remedy: 'Remove it when you know that the database is in its newest state; the next run writes it anew.',
  },
  timeout: {
    meaning: 'A server did not answer within the time limit.',
    remedy: "Try again. When it goes on, check the server's load and the way to it, or raise the time limit.",
  },
  'tls-client-certificate': {
    meaning: 'The signer wants a client certificate, or does not accept the one that it was shown.',
    remedy:
      "Give one with --signer-cert and --signer-key, or --signer-pfx. Put its common name and SHA-256 fingerprint into the signer's --tls-known-clients-file and restart the signer.",
  },
  'tls-expired': {
    meaning: 'The certificate of the signer has expired or is not valid yet.',
    remedy: 'Renew it, and check the clocks of both machines.',
  },
  'tls-failed': {
    meaning: 'The TLS handshake with the signer failed, or it does not speak TLS.',
    remedy: 'Check the scheme of the URL, --signer-ca, --signer-cert and --signer-key.',
  },
  'tls-incomplete': {
    meaning:
      'TLS options are missing that belong together: a certificate goes with its key, and a PFX file stands alone.',
    remedy: 'Give both options of the pair, or leave both out.',
  },
  'tls-untrusted': {
    meaning: 'The certificate of the signer is not signed by an authority that is trusted here.',
    remedy: 'Give the authority, or a self-signed certificate itself, with --signer-ca.',
  },
  'tls-wrong-name': {
    meaning: 'The certificate of the signer is for another host name.',
    remedy: 'Use a name of the certificate in the URL.',
  },
  'too-few-files': {
    meaning: 'Fewer than two deposit data files are given, so that there is nothing to merge.',
    remedy: 'Name two files or more.',
  },
  'too-many-removals': {
    meaning:
      'More than a tenth of the keys, or all of them, would be removed, which looks like a wrong database or an interrupted upload. Of the keys for Web3Signer those of validators count, and no shares. Nothing was changed.',
    remedy:
      'Check that this is the right database and vault. Then repeat with --removals keep, which only adds, or with --removals allow.',
  },
  'unexpected-argument': {
    meaning: 'There is a word on the command line that belongs to no option.',
    remedy: 'Put values that contain spaces in quotes, and see the usage with --help.',
  },
  'unknown-network': {
    meaning: 'The network is none that is known here, and no path of a network file.',
    remedy: 'Give one of the names in the message, or a path with a "/" in it or one that ends in .json.',
  },
  'unknown-signer-network': {
    meaning: "Web3Signer, or this version of it, does not know the vault's network by its name.",
    remedy:
      "Give --web3signer-network: a name that it knows, or the path or URL of the network's configuration of the consensus layer.",
  },
  'unknown-validator': {
    meaning: 'A validator index was given that is not one of a key of the vault.',
    remedy: "Check the indexes: only the vault's own validators with a key at hand can exit.",
  },
  unreachable: {
    meaning: 'A server cannot be reached: its name is not known, nothing listens there, or the way is cut.',
    remedy: 'Check host and port in the URL, and that the server runs.',
  },
  'unsupported-vault-version': {
    meaning:
      'The vault is of a version that this program does not support, or it is a meta vault, which registers no validators.',
    remedy: "Check the vault's address; install a newer version of this program if there is one.",
  },
  'upload-incomplete': {
    meaning:
      'Uploaded keypairs are missing in the remote db, or have not all their shares. Nothing was activated.',
    remedy: 'Run upload-keypairs again: it stores what is missing.',
  },
  'v3-key-malformed': {
    meaning: "The encryption key of the Python operator's database is not 32 bytes in base64.",
    remedy: 'Give the key that its "remote-db setup" has printed, as --from-encrypt-key-file.',
  },
  'v3-keys-broken': {
    meaning:
      "Keys in the Python operator's database, which stores nothing that would prove them, were decrypted and have other public keys than their rows say. Nothing was changed.",
    remedy:
      'Upload the keystores of the whole vault with "remote-db upload-keypairs" instead, or import the other keys alone with --skip-broken. A validator that is left out signs nothing.',
  },
  'v3-no-deposit-data': {
    meaning:
      "The Python operator's database has no deposit data of the vault: its versions 4 and 5 store none.",
    remedy: 'Name the file with --deposit-data-file; "operator deposit-data" writes it from keystores.',
  },
  'v3-no-keys': {
    meaning: "The Python operator's database has no key of this vault and network.",
    remedy: 'Check --vault, --network and --from-db-url.',
  },
  'v3-rows-without-vault': {
    meaning:
      "Keys in the Python operator's database name no vault, as its versions 4 and 5 store them, so that they may be another vault's. Two signers with one key can get a validator slashed.",
    remedy: 'If all of them are of this vault, repeat with --rows-without-vault.',
  },
  'v3-tables-ambiguous': {
    meaning:
      'The database of --from-db-url has tables of the Python operator for this network in several schemas.',
    remedy: 'Say with --from-db-schema which of them is meant.',
  },
  'v3-tables-missing': {
    meaning: 'The database of --from-db-url has no tables of the Python operator for this network.',
    remedy: 'Check --from-db-url, --from-db-schema and --network.',
  },
  'v3-wrong-key': {
    meaning:
      "The encryption key of --from-encrypt-key opens no key in the Python operator's database: every public key that was derived is another one.",
    remedy: 'Give the key that its "remote-db setup" has printed for these keys.',
  },
  'validator-type-unsupported': {
    meaning:
      '--validator-type (VALIDATOR_TYPE) asks for 0x02, and the vault takes validators of 0x01 only: it is older than version 5, registers by deposit data, or the hot wallet is not its validators manager.',
    remedy:
      'Leave it out or give 0x01; for 0x02 have the vault upgraded, and the hot wallet set as its validators manager.',
  },
  'validators-disabled': {
    meaning:
      'Validators whose keys Web3Signer is to have are disabled in its slashing protection database: it signs their exits, and refuses their blocks and attestations (412). Their keys were gone at one of its reloads. The key files were written all the same.',
    remedy:
      "Make sure that no other signer or client works with these keys, then run UPDATE validators SET enabled = true WHERE public_key = '\\x<hex of the key>' in that database.",
  },
  'validators-left-out': {
    meaning:
      'The remote signer configuration has validators whose keystores are not here. It would be written without them, and nobody could exit them. Nothing was changed.',
    remedy:
      'Bring their keystores back first ("create-keys" with mnemonic_next_index 0, or "recover"), or move the file away to leave them out.',
  },
  'vault-busy': {
    meaning:
      'Another process is uploading to this vault of the remote db, and has not ended within the time limit.',
    remedy: 'Run the command again when it has ended.',
  },
  'vault-changed': {
    meaning:
      'Another process has changed the vault in the remote db while this one worked on it. Nothing was activated.',
    remedy:
      'Run the command again: what it has stored so far is kept. Find out who else writes to the database if you do not know.',
  },
  'vault-has-key': {
    meaning:
      'The vault was set up before and has an encryption key, though no keypairs yet. The tables were brought up to date, and the key was kept.',
    remedy:
      'Use that key: "remote-db setup --if-needed" checks it and exits with 0. If it was lost, "remote-db setup --replace-key" makes another one.',
  },
  'vault-in-use': {
    meaning: 'Another process works in the directory of this vault; the message names it.',
    remedy: 'Wait until it has ended, then run the command again.',
  },
  'vault-initialised': {
    meaning: 'The vault is initialised already: its config.json exists.',
    remedy:
      'Go on with "create-keys" and the mnemonic of the first "init". Move the file away for a new mnemonic.',
  },
  'vault-not-initialised': {
    meaning: 'The vault has no config.json in the data directory.',
    remedy: 'Run "init" or "recover" first, or correct --vault and --data-dir.',
  },
  'vault-not-registered': {
    meaning: "The address is not one of a vault that the protocol's registry knows.",
    remedy: "Check the vault's address and the network.",
  },
  'vault-not-set-up': {
    meaning: 'The vault is not in the remote db.',
    remedy: 'Run "remote-db setup" first, or correct --vault, --network and --db-schema.',
  },
  'vault-other-chain': {
    meaning: 'The vault in the remote db was set up for another chain id than the network has here.',
    remedy: 'Check --network, and the chain id in the network file.',
  },
  'vault-removed': {
    meaning: 'The vault was removed from the remote db while the command worked on it.',
    remedy:
      'Find out who ran "remote-db cleanup". To have the vault back, set it up and upload its keystores again.',
  },
  'vault-set-up-meanwhile': {
    meaning: 'Another process has set up this vault just now, with an encryption key of its own.',
    remedy: 'Use the encryption key that the other process made.',
  },
  'wallet-changed': {
    meaning:
      'A transaction of another wallet is under way, so that this wallet must not act for the vault yet.',
    remedy:
      'Start the operator with the wallet that the message names until the transaction has its receipt.',
  },
  'wallet-exists': {
    meaning: 'There is a wallet already, and it is not overwritten.',
    remedy: 'Move its directory away first if you want another wallet.',
  },
  'wallet-invalid': {
    meaning: 'A file is not a JSON wallet of version 3 that can be opened.',
    remedy: 'Check the path of the wallet, and restore it from a backup.',
  },
  'wallet-key-invalid': {
    meaning: 'What was given as the private key of the hot wallet is none; it is not repeated.',
    remedy: 'Give 32 bytes of hex, with or without 0x, or better an encrypted wallet with --hot-wallet-file.',
  },
  'wallet-refused': {
    meaning: 'The signer refused to sign for the wallet; its own words are in the message.',
    remedy:
      "See what it says: the wallet signs only the operator's own calls, under the limits it was started with.",
  },
  'wallet-wrong-password': {
    meaning: 'The password does not open the wallet.',
    remedy: 'Check which password file belongs to it.',
  },
  'web3signer-refused': {
    meaning: 'Web3Signer answered with an HTTP status that is not the expected one.',
    remedy:
      'Follow the hint below the message. Check that the URL is that of a Web3Signer in eth2 mode; its log says more.',
  },
  'withdrawal-refused': {
    meaning:
      'The vault refuses to request withdrawals from its validators, with the reason that the message gives.',
    remedy:
      'The operator plans anew and tries again: a fee that has risen in between passes. If it goes on, check that the hot wallet is the validators manager of the vault.',
  },
  'withdrawals-interval-too-long': {
    meaning:
      'The operator would look for assets that the exit queue lacks less often than the oracles, which exit whole validators for what they find missing.',
    remedy:
      'Give --withdrawals-interval no more seconds than the message names, or leave it out: 12 hours is its default.',
  },
  'worker-crashed': {
    meaning: 'A worker thread ended unexpectedly. Nothing of its batch was kept.',
    remedy:
      'The machine may be out of memory: run the command with more of it, or with a smaller --pool-size.',
  },
  'worker-pool-closed': {
    meaning: 'The worker threads were stopped before a job was done, mostly because the command was.',
    remedy: 'Run the command again.',
  },
  'wrong-chain': {
    meaning: 'An execution node belongs to another chain.',
    remedy: 'Check the network and --execution-endpoints.',
  },
  'wrong-mnemonic': {
    meaning:
      'The mnemonic is not the one of the vault: its keys are not those that are expected. Nothing was changed.',
    remedy:
      'Give the mnemonic that "init" printed for this vault, and check vault and network; --search-limit of "recover" searches further.',
  },
  'wrong-network': {
    meaning: 'A node belongs to another network: its genesis or its deposit contract is another one.',
    remedy: 'Check the network and --consensus-endpoints.',
  },
};
