import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Interfaces } from '@oclif/core';
import { describe, expect, it, vi } from 'vitest';
import { REMOTE_DB_OPTIONS } from '../../src/cli/flags/remote-db.ts';
import { assertUnchanged } from '../../src/cli/flags/written-files.ts';
import { CommandLineError, invalidValue, missingOptions } from '../../src/cli/options/command-line-error.ts';
import { fileVariable, flagName, type Options } from '../../src/cli/options/option.ts';
import { presentError } from '../../src/cli/present-error.ts';
import { runProgram } from '../../src/cli/program.ts';
import { RouteError } from '../../src/cli/route.ts';
import { Aborted } from '../../src/cli/terminal/aborted.ts';
import { ExternalError, OperatorError, UsageError } from '../../src/lib/errors.ts';
import { PROJECT_ROOT } from '../support/programs/cli.ts';

const commands = globSync('**/*.ts', { cwd: join(PROJECT_ROOT, 'src/commands') })
  .map(file => file.replace(/\.ts$/, '').replaceAll('/', ' '))
  .sort();
const manifest: Interfaces.PJSON = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'));

const pages = new Map<string, Promise<string>>();

/** What `--help` prints behind these words, of the source, at 80 columns and without a terminal. */
function helpPage(words: string): Promise<string> {
  const page = pages.get(words) ?? printHelp(words);
  pages.set(words, page);
  return page;
}

async function printHelp(words: string): Promise<string> {
  // oclif prints through the console.
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  const exitCode = process.exitCode;
  try {
    const argv = [...words.split(' ').filter(word => word !== ''), '--help'];
    await runProgram({ program: 'operator', argv, root: PROJECT_ROOT, manifest, fromSource: true });
    const printed = log.mock.calls.map(([line]) => `${line}\n`).join('');
    return stripVTControlCharacters(printed).replaceAll(/ +$/gm, '');
  } finally {
    log.mockRestore();
    process.exitCode = exitCode;
  }
}

/** One line for each option: name, short form, variables, presence. */
function optionTable(options: Options): string {
  const rows = Object.entries(options).map(([key, option]) => {
    const fileName = option.secret && !option.hasOwnFileOption ? fileVariable(option) : undefined;
    const variables = [option.env, fileName].filter(name => name !== undefined).join(' ');
    const presence =
      option.unless === undefined ? option.presence : `${option.presence} unless --${option.unless}`;
    return [`--${flagName(key)}`, option.char ?? '', variables, presence];
  });
  const widths = [0, 1, 2].map(column => Math.max(1, ...rows.map(row => row[column]?.length ?? 0)));
  return rows
    .map(row => row.map((cell, column) => (cell || '-').padEnd(widths[column] ?? 0)).join('  '))
    .join('\n');
}

/** The table of the options that a command declares itself. */
async function optionsOf(words: string): Promise<string> {
  const path = join(PROJECT_ROOT, 'src/commands', `${words.replaceAll(' ', '/')}.ts`);
  const { default: command }: { default: { options: Options } } = await import(path);
  return optionTable(command.options);
}

describe('the help page of', () => {
  it('the program', async () => {
    expect(await helpPage('')).toMatchInlineSnapshot(`
      "Remote-signing orchestrator for StakeWise vaults: validator keys and shares
      encrypted in Postgres, served by Web3Signer

      VERSION
        stakewise-operator/1.0.0 linux-x64 node-v24.21.0

      USAGE
        $ operator COMMAND [OPTIONS]

      Start here: operator init

      KEYS OF A VAULT
        init                   Initializes vault data directory and generates
                               mnemonic.
        create-keys            Creates the validator keys from the mnemonic.
        deposit-data           Writes the deposit data of the keys that no deposit has
                               used yet.
        get-validators-root    Calculates Merkle tree root for the deposit data file.
        merge-deposit-data     Merges multiple deposit data files into one.
        create-wallet          Creates the encrypted hot wallet from the mnemonic.

      KEYS FOR SIGNERS AND VALIDATOR CLIENTS
        remote-db              Manages Postgres database encrypted keystores.
        remote-signer-setup    Generates and uploads private key shares to a remote
                               signer.
        signer                 Signs exits, and deposits of one vault where it is told
                               to, and nothing else, over Web3Signer's HTTP API.

      THE OPERATOR
        import-operator-db     Takes over the network's validators that the Python
                               operator has read, so that start need not read them
                               again.
        plan                   Shows what the operator would do for the vault now,
                               why, and at what cost.
        start                  Start operator service
        healthcheck            Asks the operator that runs on this machine, or in this
                               container, whether it is alive.
        tx                     Shows and replaces the operator's transactions.

      LATER
        validators-exit        Performs a voluntary exit for active vault validators.
        exit-validators        Has a vault of version 5 exit its validators.
        recover                Recover vault data directory and keystores.

      THIS PROGRAM
        config                 Shows the options of a command line and where each
                               value comes from.
        completion             Prints a script that completes command lines in bash,
                               zsh or fish.

      MORE COMMANDS
        doctor                 Checks everything that the fleet stands on, one line
                               each. Changes nothing; exits with 3 when a check fails.
        status                 Shows where every key of the vault is and where it
                               should be. Changes nothing; exits with 3 on
                               differences.

      operator COMMAND --help shows the options of a command, docs/errors.md every error.

      "
    `);
  });

  it('remote-db, whose options all commands below it take', async () => {
    expect(await helpPage('remote-db')).toMatchInlineSnapshot(`
      "Manages Postgres database encrypted keystores.

      USAGE
        $ operator remote-db COMMAND [OPTIONS]

      COMMANDS
        setup                  Creates database tables and generates new encryption
                               key.
        upload-keypairs        Generates shares for the local keypairs, updates
                               configs in the remote DB.
        import-v3-operator     Takes the keys of the Python operator's database, which
                               stays as it is, into the remote DB.
        setup-web3signer       Retrieves web3signer private keys from the database.
        setup-validator        Creates validator configuration files for Lighthouse,
                               Prysm, and Teku clients to sign data using keys from
                               database.
        setup-operator         Create operator remote signer configuration.
        assign                 Stores which validator runs which key.
        verify                 Opens and checks every row of the vault. Changes
                               nothing; exits with 3 on findings.
        log                    Shows who has changed the rows of the vault and when,
                               and which operator holds the lease.
        grants                 Prints SQL that gives every part of the program a
                               database role with its rights alone.
        migrate                Brings the database's tables up to this version of the
                               program.
        prune                  Retires the keys of exited validators from signers'
                               files, validator clients' files and rotation, in this
                               order.
        cleanup                Removes all the entries for the vault from the
                               database.

      operator remote-db COMMAND --help shows the options of a command.

      "
    `);
    expect(optionTable(REMOTE_DB_OPTIONS)).toMatchInlineSnapshot(`
      "--vault          -  VAULT                             required
      --network        -  NETWORK                           optional
      --db-url         -  REMOTE_DB_URL REMOTE_DB_URL_FILE  required
      --db-schema      -  REMOTE_DB_SCHEMA                  optional
      --wait-for-db    -  WAIT_FOR_DB                       optional
      --data-dir       -  DATA_DIR                          optional
      --keystores-dir  -  KEYSTORES_DIR                     optional
      --verbose        v  VERBOSE                           switch"
    `);
  });

  it('tx', async () => {
    expect(await helpPage('tx')).toMatchInlineSnapshot(`
      "Shows and replaces the operator's transactions.

      USAGE
        $ operator tx COMMAND [OPTIONS]

      COMMANDS
        list                   Shows the transactions of the operator, the newest
                               first.
        bump                   Has the operator replace a waiting transaction by one
                               with a higher fee.
        cancel                 Has the operator cancel a waiting transaction.

      operator tx COMMAND --help shows the options of a command.

      "
    `);
  });

  it('deposit-data, and its options', async () => {
    expect(await helpPage('deposit-data')).toMatchInlineSnapshot(`
      "Writes the deposit data of the keys that no deposit has used yet.

      USAGE
        $ operator deposit-data --vault=ADDRESS --execution-endpoints=URL[,URL…]
            [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]
        --execution-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for execution nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: EXECUTION_ENDPOINTS]

      OPTIONS
        -m, --output-file=FILE      Path of the file that is written. Default is
                                    ~/.stakewise/<vault>/deposit_data.json, whose
                                    content of before is kept beside it.

      VAULT
        -d, --deposit-data-file=FILE...
                                    Path to a deposit data file with entries of the
                                    vault; may be given several times. Default is the
                                    file generated with "create-keys" command, if
                                    there is one.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      NODES
        --execution-timeout=SECONDS
                                    Time limit of one request to an execution node, in
                                    seconds. Default is 30. [env: EXECUTION_TIMEOUT]
        --execution-retry-timeout=SECONDS
                                    How long requests that fail are sent to execution
                                    nodes again, in seconds. Default is 60.
                                    [env: EXECUTION_RETRY_TIMEOUT]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --keystores-password-file=FILE
                                    Password of keystores that have no password file
                                    of their own. Default is password.txt beside them.
                                    [env: KEYSTORES_PASSWORD_FILE]
        --keystores-password-dir=DIRECTORY
                                    Directory with one password file per keystore,
                                    <keystore name>.txt. Default is beside the
                                    keystores. [env: KEYSTORES_PASSWORD_DIR]
        --remote-signer-url=URL[,URL…]
                                    The base URL of the remote signer, e.g.
                                    http://signer:9000, or unix:PATH of its socket;
                                    several that hold the same keys are separated by
                                    commas. [env: REMOTE_SIGNER_URL]
        --signer-ca=FILE            Certificate authority of the signer, or its
                                    self-signed certificate (PEM). [env: SIGNER_CA]
        --signer-cert=FILE          Client certificate for the signer (PEM).
                                    [env: SIGNER_CERT]
        --signer-key=FILE           Key of the client certificate (PEM).
                                    [env: SIGNER_KEY]
        --signer-pfx=FILE           Client certificate and key in one PKCS#12 file,
                                    instead of the two. [env: SIGNER_PFX]
        --signer-pfx-password=TEXT  Password of the PKCS#12 file, or of the key of the
                                    client certificate. [env: SIGNER_PFX_PASSWORD]
        --signer-pfx-password-file=FILE
                                    File to read --signer-pfx-password from.
                                    [env: SIGNER_PFX_PASSWORD_FILE]
        --remote-signer-timeout=SECONDS
                                    Time limit of one request to a signer, in seconds.
                                    Default is 30. [env: REMOTE_SIGNER_TIMEOUT]
        --pool-size=INTEGER         Number of threads. Default is the number of cores,
                                    at most 4. [env: POOL_SIZE]

      DATABASE
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --vault-public-key=HEX      The vault's public key, as remote-db setup,
                                    upload-keypairs, assign and verify print it: then
                                    only what its holder has signed is believed, and
                                    nothing older than what was believed before.
                                    [env: VAULT_PUBLIC_KEY]

      FILES
        --force                     Replaces the file also when it has entries that no
                                    deposit has used and that the new deposit data
                                    would not have.
        --check, --dry-run          Writes nothing; exits with 3 when the file would
                                    change.

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Writes the deposit data of the keys that no deposit has used yet.

        What a vault that takes validators in the order of its deposit data needs to
        grow: at each new root its contract begins again at the first entry, and
        stops at one that is registered already. The entries are those of the
        deposit data files, then what the remote database has beside them, then
        those of keystores that have none yet, which are signed. With a remote
        signer, entries whose keys it does not have are left out. Each entry is
        looked up in the deposit contract, and each signature is verified. Exits
        with 1 when every key has a deposit, and with 3 when the file that is there
        would lose an entry of another key.

      EXAMPLES
        $ operator deposit-data --vault 0x3320a...68 --execution-endpoints http://localhost:8545

        $ operator deposit-data --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --db-url-file ./db-url --output-file ./deposit_data.json

        $ operator deposit-data --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --remote-signer-url http://signer:9000

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
  });

  it('create-keys, and its options', async () => {
    expect(await helpPage('create-keys')).toMatchInlineSnapshot(`
      "Creates the validator keys from the mnemonic.

      USAGE
        $ operator create-keys --vault=ADDRESS --count=INTEGER
            --mnemonic-file=FILE [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]
        --count=INTEGER             (required) The number of the validator keys to
                                    generate.
        --mnemonic=TEXT             (required) The mnemonic for generating the
                                    validator keys.
        --mnemonic-file=FILE        File to read --mnemonic from. [env: MNEMONIC_FILE]

      OPTIONS
        --json                      Format output as json.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Refused when it is not
                                    the network specified at "init" command.
                                    [env: NETWORK]
        --per-keystore-password     Creates separate password file for each keystore.
        --dry-run, --check          Derives the keys, shows which files would get
                                    them, and writes nothing. Exits as the command
                                    would: with 0 if nothing stops it.
        --kdf=[scrypt|pbkdf2]       Key derivation of the keystores. Default is
                                    scrypt; pbkdf2 is faster and weaker.
        --pool-size=INTEGER         Number of threads. Default is the number of cores,
                                    at most 4. [env: POOL_SIZE]
        --data-dir=DIRECTORY        Path where the data of vaults is. Default is
                                    ~/.stakewise. [env: DATA_DIR]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator create-keys

        $ operator create-keys --vault 0x3320a...68 --count 10 --mnemonic-file ./mnemonic

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('create-keys')).toMatchInlineSnapshot(`
      "--vault                  -  VAULT          required
      --count                  -  -              required
      --mnemonic               -  MNEMONIC_FILE  required
      --network                -  NETWORK        optional
      --per-keystore-password  -  -              switch
      --dry-run                -  -              switch
      --kdf                    -  -              optional
      --pool-size              -  POOL_SIZE      optional
      --data-dir               -  DATA_DIR       optional"
    `);
  });

  it('create-wallet, and its options', async () => {
    expect(await helpPage('create-wallet')).toMatchInlineSnapshot(`
      "Creates the encrypted hot wallet from the mnemonic.

      USAGE
        $ operator create-wallet --vault=ADDRESS --mnemonic-file=FILE [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]
        --mnemonic=TEXT             (required) The mnemonic for generating the wallet.
        --mnemonic-file=FILE        File to read --mnemonic from. [env: MNEMONIC_FILE]

      OPTIONS
        --json                      Format output as json.
        --dry-run, --check          Shows the address that the wallet would have, and
                                    writes nothing. Exits as the command would: with 0
                                    if nothing stops it.
        --data-dir=DIRECTORY        Path where the data of vaults is. Default is
                                    ~/.stakewise. [env: DATA_DIR]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator create-wallet

        $ operator create-wallet --vault 0x3320a...68 --mnemonic-file ./mnemonic

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('create-wallet')).toMatchInlineSnapshot(`
      "--vault     -  VAULT          required
      --mnemonic  -  MNEMONIC_FILE  required
      --dry-run   -  -              switch
      --data-dir  -  DATA_DIR       optional"
    `);
  });

  it('healthcheck, and its options', async () => {
    expect(await helpPage('healthcheck')).toMatchInlineSnapshot(`
      "Asks the operator that runs on this machine, or in this container, whether it is alive.

      USAGE
        $ operator healthcheck [OPTIONS]

      OPTIONS
        --json                      Format output as json.
        --ready                     Asks whether it can do its work (/readyz), not
                                    only whether it runs (/livez).
        --enable-metrics            Whether to enable metrics server. Disabled by
                                    default. [env: ENABLE_METRICS]
        --metrics-host=TEXT         The prometheus metrics host. Default is 127.0.0.1.
                                    [env: METRICS_HOST]
        --metrics-port=INTEGER      The prometheus metrics port. Default is 9100.
                                    [env: METRICS_PORT]
        --health-port=INTEGER       Port of /livez and /readyz, on the metrics host.
                                    Default is none. [env: HEALTH_PORT]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Asks the operator that runs on this machine, or in this container, whether
        it is alive.

        Takes the same options and variables as start, so that it finds the same
        port. Ends with 0 when the operator answers, else with 1.

      EXAMPLES
        $ operator healthcheck --health-port=9101

        $ operator healthcheck --ready

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
  });

  it('get-validators-root, and its options', async () => {
    expect(await helpPage('get-validators-root')).toMatchInlineSnapshot(`
      "Calculates Merkle tree root for the deposit data file.

      USAGE
        $ operator get-validators-root --vault=ADDRESS [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      OPTIONS
        --json                      Format output as json.
        --deposit-data-file=FILE    Path to the deposit data file. Default is
                                    ~/.stakewise/<vault>/deposit_data.json.
        --data-dir=DIRECTORY        Path where the data of vaults is. Default is
                                    ~/.stakewise. [env: DATA_DIR]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator get-validators-root --vault 0x3320a...68

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('get-validators-root')).toMatchInlineSnapshot(`
      "--vault              -  VAULT     required
      --deposit-data-file  -  -         optional
      --data-dir           -  DATA_DIR  optional"
    `);
  });

  it('init, and its options', async () => {
    expect(await helpPage('init')).toMatchInlineSnapshot(`
      "Initializes vault data directory and generates mnemonic.

      USAGE
        $ operator init
            --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
            --vault=ADDRESS [OPTIONS]

      REQUIRED
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    (required) The network of your vault, or the path
                                    of a network file. [env: NETWORK]
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      OPTIONS
        --json                      Format output as json.
        --language=WORD             The mnemonic language. One of chinese_simplified,
                                    chinese_traditional, czech, english, italian,
                                    korean, portuguese, spanish.
        --no-verify                 Skips mnemonic verification when provided.
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator init

        $ operator init --network hoodi --vault 0x3320a...68 --language english

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('init')).toMatchInlineSnapshot(`
      "--network    -  NETWORK   required
      --vault      -  VAULT     required
      --language   -  -         required
      --no-verify  -  -         switch
      --data-dir   -  DATA_DIR  optional"
    `);
  });

  it('merge-deposit-data, and its options', async () => {
    expect(await helpPage('merge-deposit-data')).toMatchInlineSnapshot(`
      "Merges multiple deposit data files into one.

      USAGE
        $ operator merge-deposit-data --deposit-data-files=FILE...
            --output-file=FILE [OPTIONS]

      REQUIRED
        -d, --deposit-data-files=FILE...
                                    (required) Path to the deposit data file. To
                                    specify multiple deposit data files, use the -d
                                    option multiple times.
        -m, --output-file=FILE      (required) Path where the merged deposit data file
                                    will be created, with the file name.

      OPTIONS
        --json                      Format output as json.
        --check, --dry-run          Writes nothing; exits with 3 when the merged file
                                    would change.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Merges multiple deposit data files into one.

        The first validator in the merged file will be the validator from the first
        deposit data file, then the first validator key from the second file, etc.,
        until all the first keys from all the deposit data files are processed. Then
        it continues with the second key from each file the same way.

      EXAMPLES
        $ operator merge-deposit-data -d ./first.json -d ./second.json -m ./merged.json

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('merge-deposit-data')).toMatchInlineSnapshot(`
      "--deposit-data-files  d  -  repeated-required
      --output-file         m  -  required
      --check               -  -  switch"
    `);
  });

  it('recover, and its options', async () => {
    expect(await helpPage('recover')).toMatchInlineSnapshot(`
      "Recover vault data directory and keystores.

      USAGE
        $ operator recover --mnemonic-file=FILE --vault=ADDRESS
            --execution-endpoints=URL[,URL…] --consensus-endpoints=URL[,URL…]
            [OPTIONS]

      REQUIRED
        --mnemonic=TEXT             (required) The mnemonic for generating the
                                    validator keys.
        --mnemonic-file=FILE        File to read --mnemonic from. [env: MNEMONIC_FILE]
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]
        --execution-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for execution nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: EXECUTION_ENDPOINTS]
        --consensus-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for consensus nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: CONSENSUS_ENDPOINTS]

      OPTIONS
        --per-keystore-password     Creates separate password file for each keystore.
        --no-confirm                Skips confirmation messages when provided.
        --dry-run, --check          Searches the keys, shows which keystores would be
                                    written and replaced, and writes nothing. Exits as
                                    the command would: with 0 if nothing stops it.
        --search-limit=INTEGER      Keys in a row that are none of the vault’s before
                                    the search ends. Default is 1000.
        --kdf=[scrypt|pbkdf2]       Key derivation of the keystores. Default is
                                    scrypt; pbkdf2 is faster and weaker.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of your vault, or the path of a
                                    network file. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      NODES
        --execution-timeout=SECONDS
                                    Time limit of one request to an execution node, in
                                    seconds. Default is 30. [env: EXECUTION_TIMEOUT]
        --execution-retry-timeout=SECONDS
                                    How long requests that fail are sent to execution
                                    nodes again, in seconds. Default is 60.
                                    [env: EXECUTION_RETRY_TIMEOUT]
        --consensus-timeout=SECONDS
                                    Time limit of one request to a consensus node, in
                                    seconds. Default is 60. [env: CONSENSUS_TIMEOUT]
        --consensus-retry-timeout=SECONDS
                                    How long requests that fail are sent to consensus
                                    nodes again, in seconds. Default is 120.
                                    [env: CONSENSUS_RETRY_TIMEOUT]

      SIGNING
        --pool-size=INTEGER         Number of threads. Default is the number of cores,
                                    at most 4. [env: POOL_SIZE]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator recover

        $ operator recover --vault 0x3320a...68 --mnemonic-file ./mnemonic --network mainnet --execution-endpoints http://localhost:8545 --consensus-endpoints http://localhost:5052

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('recover')).toMatchInlineSnapshot(`
      "--mnemonic                 -  MNEMONIC_FILE            required
      --vault                    -  VAULT                    required
      --execution-endpoints      -  EXECUTION_ENDPOINTS      required
      --execution-timeout        -  EXECUTION_TIMEOUT        optional
      --execution-retry-timeout  -  EXECUTION_RETRY_TIMEOUT  optional
      --consensus-endpoints      -  CONSENSUS_ENDPOINTS      required
      --consensus-timeout        -  CONSENSUS_TIMEOUT        optional
      --consensus-retry-timeout  -  CONSENSUS_RETRY_TIMEOUT  optional
      --network                  -  NETWORK                  required
      --per-keystore-password    -  -                        switch
      --no-confirm               -  -                        switch
      --dry-run                  -  -                        switch
      --search-limit             -  -                        optional
      --kdf                      -  -                        optional
      --pool-size                -  POOL_SIZE                optional
      --data-dir                 -  DATA_DIR                 optional
      --verbose                  v  VERBOSE                  switch"
    `);
  });

  it('remote-db assign, and its options', async () => {
    expect(await helpPage('remote-db assign')).toMatchInlineSnapshot(`
      "Stores which validator runs which key.

      USAGE
        $ operator remote-db assign --vault=ADDRESS --db-url-file=FILE
            --total-validators=INTEGER [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --total-validators=INTEGER  (required) The total number of validators
                                    connected to the web3signer.

      OPTIONS
        --like-reference            Stores the ranges of the Python operator, for a
                                    move from it.
        --reference-version=[1.0.1|1.0.2]
                                    Whose ranges: up to 1.0.1 (rounded down, the
                                    default), or 1.0.2 and later (rounded up).
        --reassign                  Lets keys move between validators. Stop those that
                                    lose keys first.
        --trust-stored              Signs the stored plan although it was stored or
                                    changed without the encryption key.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]

      DATABASE
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --encrypt-key=TEXT          The encryption key for the remote database: signs
                                    the plan, and all that is read without this key.
                                    [env: REMOTE_DB_ENCRYPT_KEY]
        --encrypt-key-file=FILE     File to read --encrypt-key from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]

      FILES
        --check, --dry-run          Shows how many keys each validator would have and
                                    how many would move. Stores nothing; exits with 3
                                    when the plan would change.

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc assign --total-validators 10

        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc assign --total-validators 10 --check

        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc assign --total-validators 3 --like-reference

        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc assign --total-validators 10 --encrypt-key-file ./encrypt-key

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db assign')).toMatchInlineSnapshot(`
      "--total-validators   -  -                                                 required
      --like-reference     -  -                                                 switch
      --reference-version  -  -                                                 optional
      --reassign           -  -                                                 switch
      --check              -  -                                                 switch
      --encrypt-key        -  REMOTE_DB_ENCRYPT_KEY REMOTE_DB_ENCRYPT_KEY_FILE  optional
      --trust-stored       -  -                                                 switch"
    `);
  });

  it('remote-db prune, and its options', async () => {
    expect(await helpPage('remote-db prune')).toMatchInlineSnapshot(`
      "Retires the keys of exited validators from signers' files, validator clients' files and rotation, in this order.

      USAGE
        $ operator remote-db prune --vault=ADDRESS --db-url-file=FILE
            --encrypt-key-file=FILE --consensus-endpoints=URL[,URL…] [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --encrypt-key=TEXT          (required) The encryption key for the remote
                                    database. [env: REMOTE_DB_ENCRYPT_KEY]
        --encrypt-key-file=FILE     File to read --encrypt-key from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]
        --consensus-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for consensus nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached. Not with
                                    --undo. [env: CONSENSUS_ENDPOINTS]

      OPTIONS
        --exited                    Retires the keys of validators that can never have
                                    to sign again. Not with --undo.
        --undo                      Brings all retired keys back.
        --web3signer-endpoint=URL...
                                    A Web3Signer to ask whether it still has retired
                                    keys; to be given for every signer of the vault.
        --yes                       Stores it without asking. Not with --check.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      NODES
        --consensus-timeout=SECONDS
                                    Time limit of one request to a consensus node, in
                                    seconds. Default is 60. [env: CONSENSUS_TIMEOUT]
        --consensus-retry-timeout=SECONDS
                                    How long requests that fail are sent to consensus
                                    nodes again, in seconds. Default is 120.
                                    [env: CONSENSUS_RETRY_TIMEOUT]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --signer-ca=FILE            Certificate authority of the signer, or its
                                    self-signed certificate (PEM). [env: SIGNER_CA]
        --signer-cert=FILE          Client certificate for the signer (PEM).
                                    [env: SIGNER_CERT]
        --signer-key=FILE           Key of the client certificate (PEM).
                                    [env: SIGNER_KEY]
        --signer-pfx=FILE           Client certificate and key in one PKCS#12 file,
                                    instead of the two. [env: SIGNER_PFX]
        --signer-pfx-password=TEXT  Password of the PKCS#12 file, or of the key of the
                                    client certificate. [env: SIGNER_PFX_PASSWORD]
        --signer-pfx-password-file=FILE
                                    File to read --signer-pfx-password from.
                                    [env: SIGNER_PFX_PASSWORD_FILE]
        --remote-signer-timeout=SECONDS
                                    Time limit of one request to a signer, in seconds.
                                    Default is 30. [env: REMOTE_SIGNER_TIMEOUT]

      DATABASE
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]

      FILES
        --check, --dry-run          Shows what would be retired, how far, and what is
                                    missing. Stores nothing; exits with 3 when there
                                    is anything to store.

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Retires the keys of exited validators from signers' files, validator
        clients' files and rotation, in this order.

        Each run goes as far as it is proven: the consensus nodes say by a finalized
        state who can never have to sign again, the signers that they have let the
        keys go, and the database that the files of validator clients were written
        since. The sealed rows stay, and the clients that the plan gives the keys
        to. What is retired is signed with the key of the vault.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc prune --exited --encrypt-key-file ./encrypt-key --consensus-endpoints http://a:5052,http://b:5052 --web3signer-endpoint http://signer-a:9000 --web3signer-endpoint http://signer-b:9000 --check

        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc prune --undo --encrypt-key-file ./encrypt-key

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db prune')).toMatchInlineSnapshot(`
      "--exited                   -  -                                                 switch unless --undo
      --undo                     -  -                                                 switch
      --encrypt-key              -  REMOTE_DB_ENCRYPT_KEY REMOTE_DB_ENCRYPT_KEY_FILE  required
      --consensus-endpoints      -  CONSENSUS_ENDPOINTS                               required unless --undo
      --consensus-timeout        -  CONSENSUS_TIMEOUT                                 optional
      --consensus-retry-timeout  -  CONSENSUS_RETRY_TIMEOUT                           optional
      --web3signer-endpoint      -  -                                                 repeated
      --signer-ca                -  SIGNER_CA                                         optional
      --signer-cert              -  SIGNER_CERT                                       optional
      --signer-key               -  SIGNER_KEY                                        optional
      --signer-pfx               -  SIGNER_PFX                                        optional
      --signer-pfx-password      -  SIGNER_PFX_PASSWORD SIGNER_PFX_PASSWORD_FILE      optional
      --remote-signer-timeout    -  REMOTE_SIGNER_TIMEOUT                             optional
      --yes                      -  -                                                 switch unless --check
      --check                    -  -                                                 switch
      --verbose                  v  VERBOSE                                           switch"
    `);
  });

  it('remote-db cleanup, and its options', async () => {
    expect(await helpPage('remote-db cleanup')).toMatchInlineSnapshot(`
      "Removes all the entries for the vault from the database.

      USAGE
        $ operator remote-db cleanup --vault=ADDRESS --db-url-file=FILE [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]

      OPTIONS
        --json                      Format output as json.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --yes                       Removes without asking. Not with --dry-run.
        --dry-run, --check          Shows what would be removed, and removes nothing.
                                    Exits as the command would: with 0 if nothing
                                    stops it.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc cleanup --dry-run

        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc cleanup

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db cleanup')).toMatchInlineSnapshot(`
      "--yes      -  -  switch unless --dryRun
      --dry-run  -  -  switch"
    `);
  });

  it('remote-db grants, and its options', async () => {
    expect(await helpPage('remote-db grants')).toMatchInlineSnapshot(`
      "Prints SQL that gives every part of the program a database role with its rights alone.

      USAGE
        $ operator remote-db grants --vault=ADDRESS --db-url-file=FILE [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]

      OPTIONS
        --role-prefix=TEXT          Begins the names of roles that are not named.
                                    Default is stakewise_.
        --uploader=TEXT             Name of the database role that sets up vaults,
                                    uploads keys, assigns them and cleans up.
        --validator-config=TEXT     Name of the database role that writes files of
                                    public facts: setup-validator of a stored plan,
                                    setup-operator.
        --operator=TEXT             Name of the database role that runs the operator:
                                    start, tx list, tx bump, tx cancel.
        --auditor=TEXT              Name of the database role that reads the audit log
                                    and all that is public.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --signer-sync=TEXT          Name of the database role that reads sealed keys:
                                    setup-web3signer, verify, signer.

      DATABASE
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Prints SQL that gives every part of the program a database role with its
        rights alone.

        Needs no database. To be run by the owner of the tables, and again after
        each setup or migrate that changed tables.

      EXAMPLES
        $ operator remote-db grants > grants.sql && psql -v ON_ERROR_STOP=1 -f grants.sql -U owner operator

        $ operator remote-db grants --db-schema operator --role-prefix mainnet_ --auditor compliance

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db grants')).toMatchInlineSnapshot(`
      "--role-prefix       -  -                 optional
      --uploader          -  -                 optional
      --signer-sync       -  -                 optional
      --validator-config  -  -                 optional
      --operator          -  -                 optional
      --auditor           -  -                 optional
      --db-schema         -  REMOTE_DB_SCHEMA  optional"
    `);
  });

  it('remote-db migrate, and its options', async () => {
    expect(await helpPage('remote-db migrate')).toMatchInlineSnapshot(`
      "Brings the database's tables up to this version of the program.

      USAGE
        $ operator remote-db migrate --vault=ADDRESS --db-url-file=FILE [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]

      OPTIONS
        --json                      Format output as json.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --dry-run, --check          Shows which steps would run, and runs none. Exits
                                    as the command would: with 0 if nothing stops it.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc migrate

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db migrate')).toMatchInlineSnapshot(`"--dry-run  -  -  switch"`);
  });

  it('remote-db setup, and its options', async () => {
    expect(await helpPage('remote-db setup')).toMatchInlineSnapshot(`
      "Creates database tables and generates new encryption key.

      USAGE
        $ operator remote-db setup --vault=ADDRESS --db-url-file=FILE [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]

      OPTIONS
        --json                      Format output as json.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --encrypt-key-file=FILE     File to create with the encryption key (readable
                                    by you alone), or to read an existing one from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]
        --encrypt-key=TEXT          An encryption key to use instead of a new one.
                                    [env: REMOTE_DB_ENCRYPT_KEY]
        --if-needed                 Exits with 0 when the vault is set up already,
                                    after checking the encryption key.
        --replace-key               Gives a vault that has no keypairs yet another
                                    encryption key, as when the first one was lost.
                                    The old one is of no use after it.
        --dry-run, --check          Shows which tables and keys would be made, and
                                    makes none. Exits as the command would: with 0 if
                                    nothing stops it.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-db --db-url=postgresql://postgres:postgres@localhost/operator --vault=0x8189aF89A7718C1baB5628399FC0ba50C6949bCc setup

        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc setup --if-needed --encrypt-key-file ./encrypt-key

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db setup')).toMatchInlineSnapshot(`
      "--encrypt-key-file  -  REMOTE_DB_ENCRYPT_KEY_FILE  optional
      --encrypt-key       -  REMOTE_DB_ENCRYPT_KEY       optional
      --if-needed         -  -                           switch
      --replace-key       -  -                           switch
      --dry-run           -  -                           switch"
    `);
  });

  it('remote-db setup-operator, and its options', async () => {
    expect(await helpPage('remote-db setup-operator')).toMatchInlineSnapshot(`
      "Create operator remote signer configuration.

      USAGE
        $ operator remote-db setup-operator --vault=ADDRESS --db-url-file=FILE
            [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]

      DATABASE
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --vault-public-key=HEX      The vault's public key, as remote-db setup,
                                    upload-keypairs, assign and verify print it: then
                                    only what its holder has signed is believed, and
                                    nothing older than what was believed before.
                                    [env: VAULT_PUBLIC_KEY]

      FILES
        --output-dir=DIRECTORY      The folder where configuration files will be
                                    saved. Default is the vault's directory.
                                    [env: REMOTE_DB_OUTPUT_DIR]
        --removals=[refuse|allow]   What to do when more than a tenth of the
                                    validators would vanish from
                                    remote_signer_config.json: refuse, or allow it.
        --force                     Replaces deposit_data.json also when it has
                                    entries of keys that were not uploaded, which are
                                    lost then.
        --file-mode=MODE            Permissions of written files. Default is 0600 for
                                    keys and 0644 for others; directories follow.
                                    [env: REMOTE_DB_FILE_MODE]
        --owner=UID[:GID]           Numeric owner of written files and directories;
                                    the output directory must be no link.
                                    [env: REMOTE_DB_FILE_OWNER]
        --check, --dry-run          Writes nothing; exits with 3 when a file would
                                    change.

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --network mainnet setup-operator

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db setup-operator')).toMatchInlineSnapshot(`
      "--output-dir        -  REMOTE_DB_OUTPUT_DIR  optional
      --removals          -  -                     optional
      --force             -  -                     switch
      --vault-public-key  -  VAULT_PUBLIC_KEY      optional
      --file-mode         -  REMOTE_DB_FILE_MODE   optional
      --owner             -  REMOTE_DB_FILE_OWNER  optional
      --check             -  -                     switch"
    `);
  });

  it('remote-db setup-validator, and its options', async () => {
    expect(await helpPage('remote-db setup-validator')).toMatchInlineSnapshot(`
      "Creates validator configuration files for Lighthouse, Prysm, and Teku clients to sign data using keys from database.

      USAGE
        $ operator remote-db setup-validator --vault=ADDRESS --db-url-file=FILE
            --validator-index=INTEGER --total-validators=INTEGER
            --web3signer-endpoint=URL --fee-recipient=ADDRESS [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --validator-index=INTEGER   (required) The validator index to generate the
                                    configuration files.
        --total-validators=INTEGER  (required) The total number of validators
                                    connected to the web3signer.
        --web3signer-endpoint=URL   (required) The endpoint of the web3signer service.
        --fee-recipient=ADDRESS     (required) The recipient address for MEV &
                                    priority fees.

      OPTIONS
        --disable-proposal-builder  Disable proposal builder for Teku and Prysm
                                    clients.
        --lighthouse-builder        Writes builder_proposals into the file of
                                    Lighthouse, too: true, or false with
                                    --disable-proposal-builder.
                                    [env: VALIDATOR_LIGHTHOUSE_BUILDER]
        --gas-limit=INTEGER         The gas limit that builders are told, for the
                                    files of Lighthouse and Teku and the option of
                                    Prysm. Default is that of the client.
                                    [env: VALIDATOR_GAS_LIMIT]
        --graffiti=TEXT             The graffiti of blocks, 32 bytes at most, for the
                                    file of Lighthouse and the options of Teku and
                                    Prysm. [env: VALIDATOR_GRAFFITI]
        --root-certificate-path=PATH
                                    The signer's certificate authority (PEM), by its
                                    path on the machine of the client, for the file of
                                    Lighthouse. [env: VALIDATOR_ROOT_CERTIFICATE_PATH]
        --client-identity-path=PATH
                                    The certificate and key of the client (PKCS#12),
                                    by its path on the machine of the client, for the
                                    file of Lighthouse and the option of Teku.
                                    [env: VALIDATOR_CLIENT_IDENTITY_PATH]
        --client-identity-password=TEXT
                                    The password of --client-identity-path; the file
                                    of Lighthouse has it, and is 0600 then.
                                    [env: VALIDATOR_CLIENT_IDENTITY_PASSWORD]
        --client-identity-password-file=FILE
                                    File to read --client-identity-password from.
                                    [env: VALIDATOR_CLIENT_IDENTITY_PASSWORD_FILE]
        --reassign                  Lets keys move between validators when their
                                    number changes. Stop those that lose keys first.
        --watch                     Goes on until SIGTERM: follows the database,
                                    writes what has changed, and serves probes and
                                    metrics where they are asked for.
        --watch-interval=SECONDS    Time from one look of --watch to the next, in
                                    seconds. Default is 5.
                                    [env: REMOTE_DB_WATCH_INTERVAL]
        --health-host=TEXT          Where --watch serves probes and metrics. Default
                                    is 127.0.0.1. [env: REMOTE_DB_HEALTH_HOST]

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]

      DATABASE
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --vault-public-key=HEX      The vault's public key, as remote-db setup,
                                    upload-keypairs, assign and verify print it: then
                                    only what its holder has signed is believed, and
                                    nothing older than what was believed before.
                                    [env: VAULT_PUBLIC_KEY]

      FILES
        --output-dir=DIRECTORY      The folder where configuration files will be
                                    saved. [env: REMOTE_DB_OUTPUT_DIR]
        --template-dir=DIRECTORY    Folder with templates of your own: each *.eta in
                                    it makes a file, as docs/templates.md tells.
        --removals=[refuse|keep|allow]
                                    What to do when more than a tenth of the files'
                                    keys would be removed: refuse, keep them, or allow
                                    it.
        --file-mode=MODE            Permissions of written files. Default is 0600 for
                                    keys and 0644 for others; directories follow.
                                    [env: REMOTE_DB_FILE_MODE]
        --owner=UID[:GID]           Numeric owner of written files and directories;
                                    the output directory must be no link.
                                    [env: REMOTE_DB_FILE_OWNER]
        --check, --dry-run          Writes nothing; exits with 3 when a file would
                                    change.

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --health-port=INTEGER       Port of /healthz, /readyz and /metrics of --watch.
                                    Default is none. [env: REMOTE_DB_HEALTH_PORT]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --network mainnet setup-validator --validator-index 0 --total-validators 10 --web3signer-endpoint http://localhost:9000 --fee-recipient 0xb793c3D2Cec1d0F35fF88BCA7655B88A44669e4B --output-dir ./validator0

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db setup-validator')).toMatchInlineSnapshot(`
      "--validator-index           -  -                                                                           required
      --total-validators          -  -                                                                           required
      --web3signer-endpoint       -  -                                                                           required
      --fee-recipient             -  -                                                                           required
      --output-dir                -  REMOTE_DB_OUTPUT_DIR                                                        required
      --disable-proposal-builder  -  -                                                                           switch
      --lighthouse-builder        -  VALIDATOR_LIGHTHOUSE_BUILDER                                                switch
      --gas-limit                 -  VALIDATOR_GAS_LIMIT                                                         optional
      --graffiti                  -  VALIDATOR_GRAFFITI                                                          optional
      --root-certificate-path     -  VALIDATOR_ROOT_CERTIFICATE_PATH                                             optional
      --client-identity-path      -  VALIDATOR_CLIENT_IDENTITY_PATH                                              optional
      --client-identity-password  -  VALIDATOR_CLIENT_IDENTITY_PASSWORD VALIDATOR_CLIENT_IDENTITY_PASSWORD_FILE  optional
      --template-dir              -  -                                                                           optional
      --reassign                  -  -                                                                           switch
      --removals                  -  -                                                                           optional
      --vault-public-key          -  VAULT_PUBLIC_KEY                                                            optional
      --file-mode                 -  REMOTE_DB_FILE_MODE                                                         optional
      --owner                     -  REMOTE_DB_FILE_OWNER                                                        optional
      --check                     -  -                                                                           switch
      --watch                     -  -                                                                           switch
      --watch-interval            -  REMOTE_DB_WATCH_INTERVAL                                                    optional
      --health-host               -  REMOTE_DB_HEALTH_HOST                                                       optional
      --health-port               -  REMOTE_DB_HEALTH_PORT                                                       optional"
    `);
  });

  it('remote-db setup-web3signer, and its options', async () => {
    expect(await helpPage('remote-db setup-web3signer')).toMatchInlineSnapshot(`
      "Retrieves web3signer private keys from the database.

      USAGE
        $ operator remote-db setup-web3signer --vault=ADDRESS --db-url-file=FILE
            --encrypt-key-file=FILE [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --encrypt-key=TEXT          (required) The encryption key for the remote
                                    database. [env: REMOTE_DB_ENCRYPT_KEY]
        --encrypt-key-file=FILE     File to read --encrypt-key from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]

      OPTIONS
        --web3signer-endpoint=URL...
                                    A Web3Signer to reload and to compare with; may be
                                    given several times.
        --slashing-db-url=URL       Web3Signer's slashing protection database
                                    (Postgres), in which it is looked, and nothing
                                    written, for validators of these keys that are
                                    disabled; exits with 3 when there are any.
                                    [env: SLASHING_DB_URL]
        --slashing-db-url-file=FILE
                                    File to read --slashing-db-url from.
                                    [env: SLASHING_DB_URL_FILE]
        --config-file=FILE          Also writes Web3Signer's own configuration, for
                                    its --config-file, to this path.
        --web3signer-version=VERSION
                                    The version of Web3Signer: options that it does
                                    not know are left out. Default is 26.7.0.
        --web3signer-network=NETWORK
                                    Web3Signer's name of the network, or the path or
                                    URL of a configuration of the consensus layer.
                                    Default is the vault's network.
        --key-store-path=PATH       The folder of the key files as Web3Signer finds
                                    it. Default is --output-dir.
        --http-listen-host=HOST     The address that Web3Signer listens on. Default is
                                    127.0.0.1.
        --http-listen-port=INTEGER  The port that Web3Signer listens on. Default is
                                    9000.
        --slashing-protection-db-url=URL
                                    The slashing protection database, as
                                    jdbc:postgresql://host:port/name. Its password
                                    stays in a variable of Web3Signer.
        --slashing-protection-db-username=TEXT
                                    The slashing protection database's user.
        --watch                     Goes on until SIGTERM: follows the database,
                                    writes what has changed, and serves probes and
                                    metrics where they are asked for.
        --watch-interval=SECONDS    Time from one look of --watch to the next, in
                                    seconds. Default is 5.
                                    [env: REMOTE_DB_WATCH_INTERVAL]
        --health-host=TEXT          Where --watch serves probes and metrics. Default
                                    is 127.0.0.1. [env: REMOTE_DB_HEALTH_HOST]

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --signer-ca=FILE            Certificate authority of the signer, or its
                                    self-signed certificate (PEM). [env: SIGNER_CA]
        --signer-cert=FILE          Client certificate for the signer (PEM).
                                    [env: SIGNER_CERT]
        --signer-key=FILE           Key of the client certificate (PEM).
                                    [env: SIGNER_KEY]
        --signer-pfx=FILE           Client certificate and key in one PKCS#12 file,
                                    instead of the two. [env: SIGNER_PFX]
        --signer-pfx-password=TEXT  Password of the PKCS#12 file, or of the key of the
                                    client certificate. [env: SIGNER_PFX_PASSWORD]
        --signer-pfx-password-file=FILE
                                    File to read --signer-pfx-password from.
                                    [env: SIGNER_PFX_PASSWORD_FILE]
        --remote-signer-timeout=SECONDS
                                    Time limit of one request to a signer, in seconds.
                                    Default is 30. [env: REMOTE_SIGNER_TIMEOUT]

      SERVER
        --http-host-allowlist=HOST...
                                    A host name by which clients may ask Web3Signer,
                                    beside localhost, 127.0.0.1 and those of
                                    --web3signer-endpoint; * is any; may be given
                                    several times.
        --tls-keystore-file=PATH    Web3Signer's certificate and key (PKCS#12).
        --tls-keystore-password-file=PATH
                                    The file with the password of --tls-keystore-file.
        --tls-known-clients-file=PATH
                                    The list of the clients that are answered: name
                                    and fingerprint of their certificates.
        --tls-allow-ca-clients      Answers clients whose certificates are from an
                                    authority that Java knows.
        --tls-allow-any-client      Answers clients without a certificate, too.

      DATABASE
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --vault-public-key=HEX      The vault's public key, as remote-db setup,
                                    upload-keypairs, assign and verify print it: then
                                    only what its holder has signed is believed, and
                                    nothing older than what was believed before.
                                    [env: VAULT_PUBLIC_KEY]

      FILES
        --output-dir=DIRECTORY      The folder where web3signer keystores will be
                                    saved. [env: REMOTE_DB_OUTPUT_DIR]
        --layout=[buckets|one-per-key]
                                    Up to 256 files named after network and vault
                                    (buckets), or key_N.yaml files (one-per-key).
        --removals=[refuse|keep|allow]
                                    What to do when more than a tenth of the keys
                                    would be removed: refuse, keep them, or allow it.
        --adopt                     Takes over key_N.yaml files whose keys are all
                                    this vault's.
        --file-mode=MODE            Permissions of written files. Default is 0600 for
                                    keys and 0644 for others; directories follow.
                                    [env: REMOTE_DB_FILE_MODE]
        --owner=UID[:GID]           Numeric owner of written files and directories;
                                    the output directory must be no link.
                                    [env: REMOTE_DB_FILE_OWNER]
        --check, --dry-run          Writes nothing; exits with 3 when a file would
                                    change.
        --template-dir=DIRECTORY    Folder with a web3signer.yaml.eta of your own, as
                                    docs/templates.md tells.

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --metrics-enabled           Serves metrics for Prometheus.
        --metrics-host=HOST         The address that metrics are served on. Default is
                                    127.0.0.1.
        --metrics-port=INTEGER      The port that metrics are served on. Default is
                                    9001.
        --metrics-host-allowlist=HOST...
                                    A host name by which metrics may be asked for,
                                    beside localhost and 127.0.0.1; may be given
                                    several times.
        --health-port=INTEGER       Port of /healthz, /readyz and /metrics of --watch.
                                    Default is none. [env: REMOTE_DB_HEALTH_PORT]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --network mainnet setup-web3signer --encrypt-key-file ./encrypt-key --output-dir ./web3signer

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db setup-web3signer')).toMatchInlineSnapshot(`
      "--encrypt-key                      -  REMOTE_DB_ENCRYPT_KEY REMOTE_DB_ENCRYPT_KEY_FILE  required
      --output-dir                       -  REMOTE_DB_OUTPUT_DIR                              required
      --layout                           -  -                                                 optional
      --removals                         -  -                                                 optional
      --adopt                            -  -                                                 switch
      --web3signer-endpoint              -  -                                                 repeated
      --slashing-db-url                  -  SLASHING_DB_URL SLASHING_DB_URL_FILE              optional
      --vault-public-key                 -  VAULT_PUBLIC_KEY                                  optional
      --signer-ca                        -  SIGNER_CA                                         optional
      --signer-cert                      -  SIGNER_CERT                                       optional
      --signer-key                       -  SIGNER_KEY                                        optional
      --signer-pfx                       -  SIGNER_PFX                                        optional
      --signer-pfx-password              -  SIGNER_PFX_PASSWORD SIGNER_PFX_PASSWORD_FILE      optional
      --remote-signer-timeout            -  REMOTE_SIGNER_TIMEOUT                             optional
      --file-mode                        -  REMOTE_DB_FILE_MODE                               optional
      --owner                            -  REMOTE_DB_FILE_OWNER                              optional
      --check                            -  -                                                 switch
      --config-file                      -  -                                                 optional
      --web3signer-version               -  -                                                 optional
      --web3signer-network               -  -                                                 optional
      --key-store-path                   -  -                                                 optional
      --http-listen-host                 -  -                                                 optional
      --http-listen-port                 -  -                                                 optional
      --http-host-allowlist              -  -                                                 repeated
      --tls-keystore-file                -  -                                                 optional
      --tls-keystore-password-file       -  -                                                 optional
      --tls-known-clients-file           -  -                                                 optional
      --tls-allow-ca-clients             -  -                                                 switch
      --tls-allow-any-client             -  -                                                 switch
      --metrics-enabled                  -  -                                                 switch
      --metrics-host                     -  -                                                 optional
      --metrics-port                     -  -                                                 optional
      --metrics-host-allowlist           -  -                                                 repeated
      --slashing-protection-db-url       -  -                                                 optional
      --slashing-protection-db-username  -  -                                                 optional
      --template-dir                     -  -                                                 optional
      --watch                            -  -                                                 switch
      --watch-interval                   -  REMOTE_DB_WATCH_INTERVAL                          optional
      --health-host                      -  REMOTE_DB_HEALTH_HOST                             optional
      --health-port                      -  REMOTE_DB_HEALTH_PORT                             optional"
    `);
  });

  it('remote-db import-v3-operator, and its options', async () => {
    expect(await helpPage('remote-db import-v3-operator')).toMatchInlineSnapshot(`
      "Takes the keys of the Python operator's database, which stays as it is, into the remote DB.

      USAGE
        $ operator remote-db import-v3-operator --vault=ADDRESS --db-url-file=FILE
            --from-db-url-file=FILE --from-encrypt-key-file=FILE
            --encrypt-key-file=FILE --execution-endpoints=URL[,URL…] [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --from-db-url=URL           (required) The Python operator's database
                                    (Postgres), which is read and never written; it
                                    may be the one of --db-url. [env: FROM_DB_URL]
        --from-db-url-file=FILE     File to read --from-db-url from.
                                    [env: FROM_DB_URL_FILE]
        --from-encrypt-key=TEXT     (required) The encryption key that the "remote-db
                                    setup" of the Python operator has printed.
                                    [env: FROM_ENCRYPT_KEY]
        --from-encrypt-key-file=FILE
                                    File to read --from-encrypt-key from.
                                    [env: FROM_ENCRYPT_KEY_FILE]
        --encrypt-key=TEXT          (required) The encryption key for the remote
                                    database. [env: REMOTE_DB_ENCRYPT_KEY]
        --encrypt-key-file=FILE     File to read --encrypt-key from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]
        --execution-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for execution nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached. Not with
                                    --dry-run. [env: EXECUTION_ENDPOINTS]

      OPTIONS
        --from-db-schema=TEXT       The Postgres schema of the Python operator's
                                    tables. Default is the only one that has such
                                    tables. [env: FROM_DB_SCHEMA]
        --dry-run, --check          Checks every key and the deposit data, and shows
                                    what would be imported. Stores nothing. Exits as
                                    the command would: with 0 if nothing stops it.
        --skip-broken               Imports the other keys when some are not what
                                    their public keys say. A validator that is left
                                    out signs nothing.
        --rows-without-vault        Takes rows that name no vault, as versions 4 and 5
                                    store them, for those of this vault.
        --allow-registered          Imports the keys also when the next entry of the
                                    deposit data is registered already, which blocks
                                    the entries behind it.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --deposit-data-file=FILE    Path to the deposit_data.json file. Default is
                                    what the Python operator has stored in its
                                    database. [env: DEPOSIT_DATA_FILE]

      NODES
        --execution-timeout=SECONDS
                                    Time limit of one request to an execution node, in
                                    seconds. Default is 30. [env: EXECUTION_TIMEOUT]
        --execution-retry-timeout=SECONDS
                                    How long requests that fail are sent to execution
                                    nodes again, in seconds. Default is 60.
                                    [env: EXECUTION_RETRY_TIMEOUT]
        --oracle-set-hash=HASH      The only oracle set that is accepted, as 32 bytes
                                    of hex; another one is refused. Default is what
                                    the execution nodes agree on.
                                    [env: ORACLE_SET_HASH]
        --allow-unverified-ipfs     Takes an oracle configuration that no gateway can
                                    prove. Not for mainnet.
        --ipfs-fetch-endpoints=URL[,URL…]
                                    Comma separated list of IPFS gateways, asked
                                    before the network's own. Default is the network's
                                    own alone. [env: IPFS_FETCH_ENDPOINTS]
        --ipfs-timeout=SECONDS      Time limit of all that one IPFS gateway is asked,
                                    in seconds. Default is 60. [env: IPFS_TIMEOUT]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --pool-size=INTEGER         Number of threads. Default is the number of cores,
                                    at most 4. [env: POOL_SIZE]

      DATABASE
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Takes the keys of the Python operator's database, which stays as it is, into
        the remote DB.

        Every key is decrypted, derived and compared with its public key before
        anything is stored. The shares are made anew for the oracles of today.
        docs/migration.md tells the whole way, and the way back.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc import-v3-operator --from-db-url-file ./old-db-url --from-encrypt-key-file ./old-encrypt-key --encrypt-key-file ./encrypt-key --dry-run

        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc import-v3-operator --from-db-url-file ./old-db-url --from-encrypt-key-file ./old-encrypt-key --encrypt-key-file ./encrypt-key --execution-endpoints http://localhost:8545

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db import-v3-operator')).toMatchInlineSnapshot(`
      "--from-db-url              -  FROM_DB_URL FROM_DB_URL_FILE                      required
      --from-db-schema           -  FROM_DB_SCHEMA                                    optional
      --from-encrypt-key         -  FROM_ENCRYPT_KEY FROM_ENCRYPT_KEY_FILE            required
      --encrypt-key              -  REMOTE_DB_ENCRYPT_KEY REMOTE_DB_ENCRYPT_KEY_FILE  required
      --execution-endpoints      -  EXECUTION_ENDPOINTS                               required unless --dryRun
      --dry-run                  -  -                                                 switch
      --skip-broken              -  -                                                 switch
      --rows-without-vault       -  -                                                 switch
      --deposit-data-file        -  DEPOSIT_DATA_FILE                                 optional
      --allow-registered         -  -                                                 switch
      --execution-timeout        -  EXECUTION_TIMEOUT                                 optional
      --execution-retry-timeout  -  EXECUTION_RETRY_TIMEOUT                           optional
      --oracle-set-hash          -  ORACLE_SET_HASH                                   optional
      --pool-size                -  POOL_SIZE                                         optional
      --allow-unverified-ipfs    -  -                                                 switch
      --ipfs-fetch-endpoints     -  IPFS_FETCH_ENDPOINTS                              optional
      --ipfs-timeout             -  IPFS_TIMEOUT                                      optional"
    `);
  });

  it('remote-db upload-keypairs, and its options', async () => {
    expect(await helpPage('remote-db upload-keypairs')).toMatchInlineSnapshot(`
      "Generates shares for the local keypairs, updates configs in the remote DB.

      USAGE
        $ operator remote-db upload-keypairs --vault=ADDRESS --db-url-file=FILE
            --encrypt-key-file=FILE --execution-endpoints=URL[,URL…] [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --encrypt-key=TEXT          (required) The encryption key for the remote
                                    database. [env: REMOTE_DB_ENCRYPT_KEY]
        --encrypt-key-file=FILE     File to read --encrypt-key from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]
        --execution-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for execution nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: EXECUTION_ENDPOINTS]

      OPTIONS
        --prune-shares              Removes shares of oracle sets that no key uses any
                                    more.
        --allow-registered          Uploads other keys or deposit data also when the
                                    next entry of the deposit data is registered
                                    already, which blocks the entries behind it.
        --dry-run, --check          Opens every keystore that is not stored yet,
                                    checks all that an upload checks, shows what it
                                    would store, and stores nothing. Exits as the
                                    command would: with 0 if nothing stops it.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --deposit-data-file=FILE    Path to the deposit_data.json file. Default is the
                                    file generated with "create-keys" command.
                                    [env: DEPOSIT_DATA_FILE]

      NODES
        --execution-timeout=SECONDS
                                    Time limit of one request to an execution node, in
                                    seconds. Default is 30. [env: EXECUTION_TIMEOUT]
        --execution-retry-timeout=SECONDS
                                    How long requests that fail are sent to execution
                                    nodes again, in seconds. Default is 60.
                                    [env: EXECUTION_RETRY_TIMEOUT]
        --oracle-set-hash=HASH      The only oracle set that is accepted, as 32 bytes
                                    of hex; another one is refused. Default is what
                                    the execution nodes agree on.
                                    [env: ORACLE_SET_HASH]
        --allow-unverified-ipfs     Takes an oracle configuration that no gateway can
                                    prove. Not for mainnet.
        --ipfs-fetch-endpoints=URL[,URL…]
                                    Comma separated list of IPFS gateways, asked
                                    before the network's own. Default is the network's
                                    own alone. [env: IPFS_FETCH_ENDPOINTS]
        --ipfs-timeout=SECONDS      Time limit of all that one IPFS gateway is asked,
                                    in seconds. Default is 60. [env: IPFS_TIMEOUT]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --keystores-password-file=FILE
                                    Password of keystores that have no password file
                                    of their own. Default is password.txt beside them.
                                    [env: KEYSTORES_PASSWORD_FILE]
        --keystores-password-dir=DIRECTORY
                                    Directory with one password file per keystore,
                                    <keystore name>.txt. Default is beside the
                                    keystores. [env: KEYSTORES_PASSWORD_DIR]
        --pool-size=INTEGER         Number of threads. Default is the number of cores,
                                    at most 4. [env: POOL_SIZE]

      DATABASE
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc upload-keypairs --encrypt-key-file ./encrypt-key --execution-endpoints http://localhost:8545

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db upload-keypairs')).toMatchInlineSnapshot(`
      "--encrypt-key              -  REMOTE_DB_ENCRYPT_KEY REMOTE_DB_ENCRYPT_KEY_FILE  required
      --execution-endpoints      -  EXECUTION_ENDPOINTS                               required
      --execution-timeout        -  EXECUTION_TIMEOUT                                 optional
      --execution-retry-timeout  -  EXECUTION_RETRY_TIMEOUT                           optional
      --oracle-set-hash          -  ORACLE_SET_HASH                                   optional
      --deposit-data-file        -  DEPOSIT_DATA_FILE                                 optional
      --keystores-password-file  -  KEYSTORES_PASSWORD_FILE                           optional
      --keystores-password-dir   -  KEYSTORES_PASSWORD_DIR                            optional
      --pool-size                -  POOL_SIZE                                         optional
      --prune-shares             -  -                                                 switch
      --allow-registered         -  -                                                 switch
      --dry-run                  -  -                                                 switch
      --allow-unverified-ipfs    -  -                                                 switch
      --ipfs-fetch-endpoints     -  IPFS_FETCH_ENDPOINTS                              optional
      --ipfs-timeout             -  IPFS_TIMEOUT                                      optional"
    `);
  });

  it('remote-db log, and its options', async () => {
    expect(await helpPage('remote-db log')).toMatchInlineSnapshot(`
      "Shows who has changed the rows of the vault and when, and which operator holds the lease.

      USAGE
        $ operator remote-db log --vault=ADDRESS --db-url-file=FILE [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]

      OPTIONS
        --json                      Format output as json.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --since=TIME                Shows what was changed from then on: a date in
                                    UTC, such as 2026-11-30T12:00, or how long ago,
                                    such as 24h or 7d.
        --limit=INTEGER             How many entries are shown. Default is 50.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Shows who has changed the rows of the vault and when, and which operator
        holds the lease.

        Reads the audit log, which the database lets nobody change, and the
        operators' lease; the role auditor of "remote-db grants" may do both. A
        vault that was cleaned up still has its log.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc log --since 7d

        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc log --limit 1000 --json

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db log')).toMatchInlineSnapshot(`
      "--since  -  -  optional
      --limit  -  -  optional"
    `);
  });

  it('remote-db verify, and its options', async () => {
    expect(await helpPage('remote-db verify')).toMatchInlineSnapshot(`
      "Opens and checks every row of the vault. Changes nothing; exits with 3 on findings.

      USAGE
        $ operator remote-db verify --vault=ADDRESS --db-url-file=FILE
            --encrypt-key-file=FILE [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The vault address. [env: VAULT]
        --db-url=URL                (required) The Postgres DB connection URL, for
                                    example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --encrypt-key=TEXT          (required) The encryption key for the remote
                                    database. [env: REMOTE_DB_ENCRYPT_KEY]
        --encrypt-key-file=FILE     File to read --encrypt-key from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]

      OPTIONS
        --json                      Format output as json.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-db --db-url-file ./db-url --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc verify --encrypt-key-file ./encrypt-key

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-db verify')).toMatchInlineSnapshot(
      `"--encrypt-key  -  REMOTE_DB_ENCRYPT_KEY REMOTE_DB_ENCRYPT_KEY_FILE  required"`,
    );
  });

  it('remote-signer-setup, and its options', async () => {
    expect(await helpPage('remote-signer-setup')).toMatchInlineSnapshot(`
      "Generates and uploads private key shares to a remote signer.

      USAGE
        $ operator remote-signer-setup --execution-endpoints=URL[,URL…]
            --vault=ADDRESS --remote-signer-url=URL[,URL…] [OPTIONS]

      REQUIRED
        --execution-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for execution nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached. Not with
                                    --split. [env: EXECUTION_ENDPOINTS]
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]
        --remote-signer-url=URL[,URL…]
                                    (required) The base URL of the remote signer, e.g.
                                    http://signer:9000, or unix:PATH of its socket;
                                    several that hold the same keys are separated by
                                    commas. [env: REMOTE_SIGNER_URL]

      OPTIONS
        --remove-existing-keys      Removes keys from the remote signer that an
                                    earlier configuration of this vault named and the
                                    new one does not. Useful when the oracle set has
                                    changed.
        --dry-run, --check          Opens the keystores, asks the signer which keys it
                                    has, shows what would be imported, written and
                                    removed, and changes nothing. Exits as the command
                                    would: with 0 if nothing stops it.
        --keep-keystores            Leaves the local keystores where they are.
        --split                     Imports the validator keys themselves and no
                                    shares: exit signatures are then split, whatever
                                    the oracle set. Needs no execution node.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Refused when it is not
                                    the network specified at "init" command.
                                    [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is. Default is
                                    ~/.stakewise. [env: DATA_DIR]

      NODES
        --execution-timeout=SECONDS
                                    Time limit of one request to an execution node, in
                                    seconds. Default is 30. [env: EXECUTION_TIMEOUT]
        --execution-retry-timeout=SECONDS
                                    How long requests that fail are sent to execution
                                    nodes again, in seconds. Default is 60.
                                    [env: EXECUTION_RETRY_TIMEOUT]
        --oracle-set-hash=HASH      The only oracle set that is accepted, as 32 bytes
                                    of hex; another one is refused. Default is what
                                    the execution nodes agree on.
                                    [env: ORACLE_SET_HASH]
        --allow-unverified-ipfs     Takes an oracle configuration that no gateway can
                                    prove. Not for mainnet.
        --ipfs-fetch-endpoints=URL[,URL…]
                                    Comma separated list of IPFS gateways, asked
                                    before the network's own. Default is the network's
                                    own alone. [env: IPFS_FETCH_ENDPOINTS]
        --ipfs-timeout=SECONDS      Time limit of all that one IPFS gateway is asked,
                                    in seconds. Default is 60. [env: IPFS_TIMEOUT]

      SIGNING
        --signer-ca=FILE            Certificate authority of the signer, or its
                                    self-signed certificate (PEM). [env: SIGNER_CA]
        --signer-cert=FILE          Client certificate for the signer (PEM).
                                    [env: SIGNER_CERT]
        --signer-key=FILE           Key of the client certificate (PEM).
                                    [env: SIGNER_KEY]
        --signer-pfx=FILE           Client certificate and key in one PKCS#12 file,
                                    instead of the two. [env: SIGNER_PFX]
        --signer-pfx-password=TEXT  Password of the PKCS#12 file, or of the key of the
                                    client certificate. [env: SIGNER_PFX_PASSWORD]
        --signer-pfx-password-file=FILE
                                    File to read --signer-pfx-password from.
                                    [env: SIGNER_PFX_PASSWORD_FILE]
        --remote-signer-timeout=SECONDS
                                    Time limit of one request to a signer, in seconds.
                                    Default is 30. [env: REMOTE_SIGNER_TIMEOUT]
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --keystores-password-file=FILE
                                    Password of keystores that have no password file
                                    of their own. Default is password.txt beside them.
                                    [env: KEYSTORES_PASSWORD_FILE]
        --keystores-password-dir=DIRECTORY
                                    Directory with one password file per keystore,
                                    <keystore name>.txt. Default is beside the
                                    keystores. [env: KEYSTORES_PASSWORD_DIR]
        --pool-size=INTEGER         Number of threads. Default is the number of cores,
                                    at most 4. [env: POOL_SIZE]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator remote-signer-setup --vault 0x3320a...68 --remote-signer-url http://signer:9000 --execution-endpoints http://localhost:8545

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('remote-signer-setup')).toMatchInlineSnapshot(`
      "--execution-endpoints      -  EXECUTION_ENDPOINTS                           required unless --split
      --execution-timeout        -  EXECUTION_TIMEOUT                             optional
      --execution-retry-timeout  -  EXECUTION_RETRY_TIMEOUT                       optional
      --oracle-set-hash          -  ORACLE_SET_HASH                               optional
      --vault                    -  VAULT                                         required
      --remote-signer-url        -  REMOTE_SIGNER_URL                             required
      --signer-ca                -  SIGNER_CA                                     optional
      --signer-cert              -  SIGNER_CERT                                   optional
      --signer-key               -  SIGNER_KEY                                    optional
      --signer-pfx               -  SIGNER_PFX                                    optional
      --signer-pfx-password      -  SIGNER_PFX_PASSWORD SIGNER_PFX_PASSWORD_FILE  optional
      --remote-signer-timeout    -  REMOTE_SIGNER_TIMEOUT                         optional
      --remove-existing-keys     -  -                                             switch
      --dry-run                  -  -                                             switch
      --keep-keystores           -  -                                             switch
      --split                    -  -                                             switch
      --network                  -  NETWORK                                       optional
      --data-dir                 -  DATA_DIR                                      optional
      --keystores-dir            -  KEYSTORES_DIR                                 optional
      --keystores-password-file  -  KEYSTORES_PASSWORD_FILE                       optional
      --keystores-password-dir   -  KEYSTORES_PASSWORD_DIR                        optional
      --allow-unverified-ipfs    -  -                                             switch
      --ipfs-fetch-endpoints     -  IPFS_FETCH_ENDPOINTS                          optional
      --ipfs-timeout             -  IPFS_TIMEOUT                                  optional
      --pool-size                -  POOL_SIZE                                     optional
      --verbose                  v  VERBOSE                                       switch"
    `);
  });

  it('signer, and its options', async () => {
    expect(await helpPage('signer')).toMatchInlineSnapshot(`
      "Signs exits, and deposits of one vault where it is told to, and nothing else, over Web3Signer's HTTP API.

      USAGE
        $ operator signer [OPTIONS]

      VAULT
        --vault=ADDRESS             The address of the vault. [env: VAULT]
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      SIGNING
        --keys-dir=DIRECTORY        Directory of Web3Signer key files, as "remote-db
                                    setup-web3signer" writes it.
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --keystores-password-file=FILE
                                    Password of keystores that have no password file
                                    of their own. Default is password.txt beside them.
                                    [env: KEYSTORES_PASSWORD_FILE]
        --keystores-password-dir=DIRECTORY
                                    Directory with one password file per keystore,
                                    <keystore name>.txt. Default is beside the
                                    keystores. [env: KEYSTORES_PASSWORD_DIR]
        --hashi-vault-url=URL       URL of the HashiCorp Vault, or OpenBao, that holds
                                    the keys. [env: HASHI_VAULT_URL]
        --hashi-vault-token=TEXT    Token for HashiCorp Vault.
                                    [env: HASHI_VAULT_TOKEN]
        --hashi-vault-token-file=FILE
                                    File to read --hashi-vault-token from.
                                    [env: HASHI_VAULT_TOKEN_FILE]
        --hashi-vault-key-path=TEXT...
                                    Path of a secret with members "public key":
                                    "secret key"; may be given several times.
                                    [env: HASHI_VAULT_KEY_PATH]
        --hashi-vault-key-prefix=TEXT...
                                    Path of a folder with one secret per key, named
                                    after its public key; may be given several times.
                                    [env: HASHI_VAULT_KEY_PREFIX]
        --hashi-vault-mount=TEXT    Mount of the KV version 2 engine. Default is
                                    secret. [env: HASHI_VAULT_MOUNT]
        --hashi-vault-namespace=NAMESPACE
                                    Namespace of the mount and the token, in HashiCorp
                                    Vault Enterprise, HCP or OpenBao. Default is the
                                    root namespace. [env: VAULT_NAMESPACE]
        --hashi-vault-parallelism=INTEGER
                                    Requests to HashiCorp Vault in flight. Default is
                                    8. [env: HASHI_VAULT_PARALLELISM]
        --hashi-vault-ca=FILE       File of the certificate authority of HashiCorp
                                    Vault, PEM. [env: HASHI_VAULT_CA]
        --hashi-vault-timeout=SECONDS
                                    Time limit of one request to HashiCorp Vault, in
                                    seconds. Default is 10. [env: HASHI_VAULT_TIMEOUT]
        --hashi-vault-retry-timeout=SECONDS
                                    How long requests that fail are sent to HashiCorp
                                    Vault again, in seconds. Default is 30.
                                    [env: HASHI_VAULT_RETRY_TIMEOUT]
        --pool-size=INTEGER         Number of signing threads. Default is the number
                                    of cores, at most 4. [env: POOL_SIZE]

      SERVER
        --listen=HOST:PORT          Host and port to listen on. Default is
                                    127.0.0.1:9000. [env: SIGNER_LISTEN]
        --socket=TEXT               Unix socket to listen on instead; its directory is
                                    made, for this user only. [env: SIGNER_SOCKET]
        --tls-cert=FILE             Certificate of the listener, PEM.
        --tls-key=FILE              Key of the certificate, PEM.
        --tls-client-ca=FILE        Certificate authority of the clients, PEM: only
                                    they are answered.
        --client-names=NAME[,NAME…]
                                    Which of the authority's clients are answered: the
                                    common name or a DNS name of each one's
                                    certificate. Default is all of them.
                                    [env: SIGNER_CLIENT_NAMES]
        --allow-unauthenticated     Listens beyond this machine without client
                                    certificates: whoever reaches it can exit every
                                    validator.
        --http-host-allowlist=TEXT...
                                    Further names in Host headers that are answered; *
                                    for all. Default is localhost, 127.0.0.1 and the
                                    host of --listen.
        --only-validator-indexes=INDEX[,INDEX…]
                                    Signs exits of these validators only.
        --rate-limit=COUNT/UNIT     At most so many signatures in a time, such as
                                    60/min or 20/h.
        --sign-deposits             Signs deposits, too: of 32 to 2,048 ETH, to the
                                    withdrawal credentials of the vault (--vault) and
                                    to no others. [env: SIGNER_SIGN_DEPOSITS]

      DATABASE
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --encrypt-key=TEXT          The encryption key for the remote database.
                                    [env: REMOTE_DB_ENCRYPT_KEY]
        --encrypt-key-file=FILE     File to read --encrypt-key from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]

      OBSERVABILITY
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator signer --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc

        $ operator signer --network mainnet --keys-dir ./web3signer --socket ./run/signer.sock

        $ operator signer --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --sign-deposits

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('signer')).toMatchInlineSnapshot(`
      "--vault                      -  VAULT                                             optional
      --network                    -  NETWORK                                           optional
      --data-dir                   -  DATA_DIR                                          optional
      --listen                     -  SIGNER_LISTEN                                     optional
      --socket                     -  SIGNER_SOCKET                                     optional
      --tls-cert                   -  -                                                 optional
      --tls-key                    -  -                                                 optional
      --tls-client-ca              -  -                                                 optional
      --client-names               -  SIGNER_CLIENT_NAMES                               optional
      --allow-unauthenticated      -  -                                                 switch
      --http-host-allowlist        -  -                                                 repeated
      --only-validator-indexes     -  -                                                 optional
      --rate-limit                 -  -                                                 optional
      --keys-dir                   -  -                                                 optional
      --sign-deposits              -  SIGNER_SIGN_DEPOSITS                              switch
      --keystores-dir              -  KEYSTORES_DIR                                     optional
      --keystores-password-file    -  KEYSTORES_PASSWORD_FILE                           optional
      --keystores-password-dir     -  KEYSTORES_PASSWORD_DIR                            optional
      --hashi-vault-url            -  HASHI_VAULT_URL                                   optional
      --hashi-vault-token          -  HASHI_VAULT_TOKEN HASHI_VAULT_TOKEN_FILE          optional
      --hashi-vault-key-path       -  HASHI_VAULT_KEY_PATH                              repeated
      --hashi-vault-key-prefix     -  HASHI_VAULT_KEY_PREFIX                            repeated
      --hashi-vault-mount          -  HASHI_VAULT_MOUNT                                 optional
      --hashi-vault-namespace      -  VAULT_NAMESPACE                                   optional
      --hashi-vault-parallelism    -  HASHI_VAULT_PARALLELISM                           optional
      --hashi-vault-ca             -  HASHI_VAULT_CA                                    optional
      --hashi-vault-timeout        -  HASHI_VAULT_TIMEOUT                               optional
      --hashi-vault-retry-timeout  -  HASHI_VAULT_RETRY_TIMEOUT                         optional
      --db-url                     -  REMOTE_DB_URL REMOTE_DB_URL_FILE                  optional
      --db-schema                  -  REMOTE_DB_SCHEMA                                  optional
      --wait-for-db                -  WAIT_FOR_DB                                       optional
      --encrypt-key                -  REMOTE_DB_ENCRYPT_KEY REMOTE_DB_ENCRYPT_KEY_FILE  optional
      --pool-size                  -  POOL_SIZE                                         optional
      --log-format                 -  LOG_FORMAT                                        optional
      --verbose                    v  VERBOSE                                           switch"
    `);
  });

  it('import-operator-db, and its options', async () => {
    expect(await helpPage('import-operator-db')).toMatchInlineSnapshot(`
      "Takes over the network's validators that the Python operator has read, so that start need not read them again.

      USAGE
        $ operator import-operator-db --operator-db=FILE --vault=ADDRESS
            --execution-endpoints=URL[,URL…] --consensus-endpoints=URL[,URL…]
            [OPTIONS]

      REQUIRED
        --operator-db=FILE          (required) Path of the Python operator's
                                    operator.db, in its vault's folder or its
                                    --database-dir. It is only read; that operator
                                    must have ended.
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]
        --execution-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for execution nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: EXECUTION_ENDPOINTS]
        --consensus-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for consensus nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: CONSENSUS_ENDPOINTS]

      OPTIONS
        --dry-run, --check          Compares everything with the chain and stores
                                    nothing. Exits as the command would: with 0 if
                                    nothing stops it.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      NODES
        --execution-timeout=SECONDS
                                    Time limit of one request to an execution node, in
                                    seconds. Default is 30. [env: EXECUTION_TIMEOUT]
        --execution-retry-timeout=SECONDS
                                    How long requests that fail are sent to execution
                                    nodes again, in seconds. Default is 60.
                                    [env: EXECUTION_RETRY_TIMEOUT]
        --consensus-timeout=SECONDS
                                    Time limit of one request to a consensus node, in
                                    seconds. Default is 60. [env: CONSENSUS_TIMEOUT]
        --consensus-retry-timeout=SECONDS
                                    How long requests that fail are sent to consensus
                                    nodes again, in seconds. Default is 120.
                                    [env: CONSENSUS_RETRY_TIMEOUT]
        --ipfs-fetch-endpoints=URL[,URL…]
                                    Comma separated list of IPFS gateways, asked
                                    before the network's own. Default is the network's
                                    own alone. [env: IPFS_FETCH_ENDPOINTS]
        --genesis-validators-ipfs-timeout=SECONDS
                                    Time limit of the network's list of validators,
                                    which is fetched from IPFS once, in seconds.
                                    Default is 300.
                                    [env: GENESIS_VALIDATORS_IPFS_TIMEOUT]

      SIGNING
        --pool-size=INTEGER         Number of threads. Default is the number of cores,
                                    at most 4. [env: POOL_SIZE]

      DATABASE
        --database-dir=DIRECTORY    Directory of the embedded database, when there is
                                    no --db-url. Default is the data directory.
                                    [env: DATABASE_DIR]
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Takes over the network's validators that the Python operator has read, so
        that start need not read them again.

        No row is believed: each is compared with the validators of the beacon chain
        and its pending deposits, and so is each of these with the rows; those of
        the snapshot that StakeWise publishes, whose bytes its CID proves, must be
        among them, and so must the deposits of the last week. Exits with 3 when
        something differs, and stores nothing then. Run it before the first "start",
        with the same --db-url or --database-dir.

      EXAMPLES
        $ operator import-operator-db --operator-db ./operator.db --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --consensus-endpoints http://localhost:5052

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('import-operator-db')).toMatchInlineSnapshot(`
      "--operator-db                      -  -                                 required
      --vault                            -  VAULT                             required
      --network                          -  NETWORK                           optional
      --data-dir                         -  DATA_DIR                          optional
      --database-dir                     -  DATABASE_DIR                      optional
      --db-url                           -  REMOTE_DB_URL REMOTE_DB_URL_FILE  optional
      --db-schema                        -  REMOTE_DB_SCHEMA                  optional
      --wait-for-db                      -  WAIT_FOR_DB                       optional
      --execution-endpoints              -  EXECUTION_ENDPOINTS               required
      --execution-timeout                -  EXECUTION_TIMEOUT                 optional
      --execution-retry-timeout          -  EXECUTION_RETRY_TIMEOUT           optional
      --consensus-endpoints              -  CONSENSUS_ENDPOINTS               required
      --consensus-timeout                -  CONSENSUS_TIMEOUT                 optional
      --consensus-retry-timeout          -  CONSENSUS_RETRY_TIMEOUT           optional
      --ipfs-fetch-endpoints             -  IPFS_FETCH_ENDPOINTS              optional
      --genesis-validators-ipfs-timeout  -  GENESIS_VALIDATORS_IPFS_TIMEOUT   optional
      --dry-run                          -  -                                 switch
      --pool-size                        -  POOL_SIZE                         optional
      --verbose                          v  VERBOSE                           switch"
    `);
  });

  it('start, and its options', async () => {
    expect(await helpPage('start')).toMatchInlineSnapshot(`
      "Start operator service

      USAGE
        $ operator start --vault=ADDRESS --consensus-endpoints=URL[,URL…]
            --execution-endpoints=URL[,URL…] [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]
        --consensus-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for consensus nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: CONSENSUS_ENDPOINTS]
        --execution-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for execution nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: EXECUTION_ENDPOINTS]

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --deposit-data-file=FILE    Path to the deposit_data.json file. Default is the
                                    file generated with "create-keys" command.
                                    [env: DEPOSIT_DATA_FILE]
        --validator-type=[0x01|0x02]
                                    Type of the withdrawal credentials that validators
                                    are registered with. Default is 0x02 for a vault
                                    of version 5 whose validators manager is the hot
                                    wallet; all others take 0x01 only.
                                    [env: VALIDATOR_TYPE]
        --max-validator-balance-gwei=INTEGER
                                    What a validator of type 0x02 is registered with
                                    and topped up to at most, in gwei. Default is
                                    300000000000 (300 ETH), on Gnosis 1800000000000
                                    (56.25 GNO), or what the network file says.
                                    [env: MAX_VALIDATOR_BALANCE_GWEI]
        --min-deposit-amount-gwei=INTEGER
                                    With less in the vault nothing is staked, and no
                                    top-up is smaller, in gwei. Default is 10000000000
                                    (10 ETH). [env: MIN_DEPOSIT_AMOUNT_GWEI]
        --min-deposit-delay=INTEGER
                                    Time from one top-up of validators to the next, in
                                    seconds. Default is 3600. [env: MIN_DEPOSIT_DELAY]

      NODES
        --consensus-timeout=SECONDS
                                    Time limit of one request to a consensus node, in
                                    seconds. Default is 60. [env: CONSENSUS_TIMEOUT]
        --consensus-retry-timeout=SECONDS
                                    How long requests that fail are sent to consensus
                                    nodes again, in seconds. Default is 120.
                                    [env: CONSENSUS_RETRY_TIMEOUT]
        --execution-timeout=SECONDS
                                    Time limit of one request to an execution node, in
                                    seconds. Default is 30. [env: EXECUTION_TIMEOUT]
        --execution-retry-timeout=SECONDS
                                    How long requests that fail are sent to execution
                                    nodes again, in seconds. Default is 60.
                                    [env: EXECUTION_RETRY_TIMEOUT]
        --execution-jwt-secret=TEXT
                                    JWT secret of the execution nodes, 32 bytes of
                                    hex. [env: EXECUTION_JWT_SECRET]
        --execution-jwt-secret-file=FILE
                                    File to read --execution-jwt-secret from.
                                    [env: EXECUTION_JWT_SECRET_FILE]
        --ipfs-fetch-endpoints=URL[,URL…]
                                    Comma separated list of IPFS gateways, asked
                                    before the network's own. Default is the network's
                                    own alone. [env: IPFS_FETCH_ENDPOINTS]
        --ipfs-timeout=SECONDS      Time limit of all that one IPFS gateway is asked,
                                    in seconds. Default is 60. [env: IPFS_TIMEOUT]
        --genesis-validators-ipfs-timeout=SECONDS
                                    Time limit of the network's list of validators,
                                    which is fetched from IPFS once, in seconds.
                                    Default is 300.
                                    [env: GENESIS_VALIDATORS_IPFS_TIMEOUT]
        --oracle-set-hash=HASH      The only oracle set that is accepted, as 32 bytes
                                    of hex; another one is refused. Default is what
                                    the execution nodes agree on.
                                    [env: ORACLE_SET_HASH]
        --oracles-validators-timeout=SECONDS
                                    Time limit of one question to all oracles
                                    together, in seconds. Default is 10.
                                    [env: ORACLES_VALIDATORS_TIMEOUT]
        --skip-startup-checks       Does not wait for nodes that are down or syncing.
                                    [env: SKIP_STARTUP_CHECKS]

      SIGNING
        --hot-wallet-file=FILE      Path to the hot wallet. Default is the file
                                    generated with "create-wallet" command.
                                    [env: HOT_WALLET_FILE]
        --hot-wallet-password-file=FILE
                                    Path to the hot wallet password file. Default is
                                    the file generated with "create-wallet" command.
                                    [env: HOT_WALLET_PASSWORD_FILE]
        --wallet-file=FILE          Another name of --hot-wallet-file.
                                    [env: WALLET_FILE]
        --wallet-password-file=FILE
                                    Another name of --hot-wallet-password-file.
                                    [env: WALLET_PASSWORD_FILE]
        --wallet-private-key=HEX    Private key of the hot wallet, which then is used
                                    instead of any wallet file, as by the Python
                                    operator. An encrypted file is safer.
                                    [env: WALLET_PRIVATE_KEY]
        --wallet-private-key-file=FILE
                                    File to read --wallet-private-key from.
                                    [env: WALLET_PRIVATE_KEY_FILE]
        --remote-signer-exclusive   Says that the remote signer has keys of this vault
                                    only: each that no deposit has used is registered.
                                    Not needed where the remote database,
                                    remote_signer_config.json, deposit data or
                                    keystores name the keys of the vault.
                                    [env: REMOTE_SIGNER_EXCLUSIVE]
        --remote-signer-url=URL[,URL…]
                                    The base URL of the remote signer, e.g.
                                    http://signer:9000, or unix:PATH of its socket;
                                    several that hold the same keys are separated by
                                    commas. [env: REMOTE_SIGNER_URL]
        --signer-ca=FILE            Certificate authority of the signer, or its
                                    self-signed certificate (PEM). [env: SIGNER_CA]
        --signer-cert=FILE          Client certificate for the signer (PEM).
                                    [env: SIGNER_CERT]
        --signer-key=FILE           Key of the client certificate (PEM).
                                    [env: SIGNER_KEY]
        --signer-pfx=FILE           Client certificate and key in one PKCS#12 file,
                                    instead of the two. [env: SIGNER_PFX]
        --signer-pfx-password=TEXT  Password of the PKCS#12 file, or of the key of the
                                    client certificate. [env: SIGNER_PFX_PASSWORD]
        --signer-pfx-password-file=FILE
                                    File to read --signer-pfx-password from.
                                    [env: SIGNER_PFX_PASSWORD_FILE]
        --remote-signer-timeout=SECONDS
                                    Time limit of one request to a signer, in seconds.
                                    Default is 30. [env: REMOTE_SIGNER_TIMEOUT]
        --signer-concurrency=INTEGER
                                    Signatures asked for at a time. Default is 64.
                                    [env: SIGNER_CONCURRENCY]
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --keystores-password-file=FILE
                                    Password of keystores that have no password file
                                    of their own. Default is password.txt beside them.
                                    [env: KEYSTORES_PASSWORD_FILE]
        --keystores-password-dir=DIRECTORY
                                    Directory with one password file per keystore,
                                    <keystore name>.txt. Default is beside the
                                    keystores. [env: KEYSTORES_PASSWORD_DIR]
        --hashi-vault-url=URL       URL of the HashiCorp Vault, or OpenBao, that holds
                                    the keys. [env: HASHI_VAULT_URL]
        --hashi-vault-token=TEXT    Token for HashiCorp Vault.
                                    [env: HASHI_VAULT_TOKEN]
        --hashi-vault-token-file=FILE
                                    File to read --hashi-vault-token from.
                                    [env: HASHI_VAULT_TOKEN_FILE]
        --hashi-vault-key-path=TEXT...
                                    Path of a secret with members "public key":
                                    "secret key"; may be given several times.
                                    [env: HASHI_VAULT_KEY_PATH]
        --hashi-vault-key-prefix=TEXT...
                                    Path of a folder with one secret per key, named
                                    after its public key; may be given several times.
                                    [env: HASHI_VAULT_KEY_PREFIX]
        --hashi-vault-mount=TEXT    Mount of the KV version 2 engine. Default is
                                    secret. [env: HASHI_VAULT_MOUNT]
        --hashi-vault-namespace=NAMESPACE
                                    Namespace of the mount and the token, in HashiCorp
                                    Vault Enterprise, HCP or OpenBao. Default is the
                                    root namespace. [env: VAULT_NAMESPACE]
        --hashi-vault-parallelism=INTEGER
                                    Requests to HashiCorp Vault in flight. Default is
                                    8. [env: HASHI_VAULT_PARALLELISM]
        --hashi-vault-ca=FILE       File of the certificate authority of HashiCorp
                                    Vault, PEM. [env: HASHI_VAULT_CA]
        --hashi-vault-timeout=SECONDS
                                    Time limit of one request to HashiCorp Vault, in
                                    seconds. Default is 10. [env: HASHI_VAULT_TIMEOUT]
        --hashi-vault-retry-timeout=SECONDS
                                    How long requests that fail are sent to HashiCorp
                                    Vault again, in seconds. Default is 30.
                                    [env: HASHI_VAULT_RETRY_TIMEOUT]
        --exit-shards=[auto|key-shares|split]
                                    How exit signatures are shared among the oracles:
                                    by key shares in the signer, or by splitting the
                                    signature. Default is auto. [env: EXIT_SHARDS]
        --pool-size=INTEGER         Number of threads. Default is the number of cores,
                                    at most 4. [env: POOL_SIZE]

      DATABASE
        --database-dir=DIRECTORY    Directory of the embedded database, when there is
                                    no --db-url. Default is the data directory.
                                    [env: DATABASE_DIR]
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is as long as it takes. [env: WAIT_FOR_DB]
        --vault-public-key=HEX      The vault's public key, as remote-db setup,
                                    upload-keypairs, assign and verify print it: then
                                    only what its holder has signed is believed, and
                                    nothing older than what was believed before.
                                    [env: VAULT_PUBLIC_KEY]
        --encrypt-key=TEXT          Encryption key of the remote database, for the
                                    built-in signer to read keys from it.
                                    [env: REMOTE_DB_ENCRYPT_KEY]
        --encrypt-key-file=FILE     File to read --encrypt-key from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]

      TRANSACTIONS
        --max-fee-per-gas-gwei=INTEGER
                                    Maximum fee per gas for transactions. Default is
                                    that of the network. [env: MAX_FEE_PER_GAS_GWEI]
        --max-fee-per-gas-gwei-bump=INTEGER
                                    What a transaction may offer per gas when "tx
                                    bump" asks for it. Default is
                                    --max-fee-per-gas-gwei.
                                    [env: MAX_FEE_PER_GAS_GWEI_BUMP]
        --priority-fee-percentile=INTEGER
                                    Registrations give proposers the mean of what this
                                    percentile of each of the last blocks has given
                                    them (eth_feeHistory), instead of what the node
                                    advises. Default is the advice; 80 where only the
                                    number of blocks is given.
                                    [env: PRIORITY_FEE_PERCENTILE]
        --priority-fee-num-blocks=INTEGER
                                    How many blocks --priority-fee-percentile looks
                                    at. Default is 10. [env: PRIORITY_FEE_NUM_BLOCKS]
        --harvest-vault             Whether to submit vault harvest transactions.
                                    Default is false. [env: HARVEST_VAULT]
        --vault-min-balance-gwei=INTEGER
                                    What stays in the vault and is never staked.
                                    Default is 0. [env: VAULT_MIN_BALANCE_GWEI]
        --disable-validators-registration
                                    Registers no validators.
                                    [env: DISABLE_VALIDATORS_REGISTRATION]
        --disable-validators-funding
                                    Tops up no validators: the hot wallet signs no
                                    such call. [env: DISABLE_VALIDATORS_FUNDING]
        --disable-withdrawals       Requests no withdrawals from validators: the hot
                                    wallet signs no such call.
                                    [env: DISABLE_WITHDRAWALS]
        --disable-full-withdrawals  Requests partial withdrawals only, and no exits of
                                    validators, however much the exit queue lacks.
                                    [env: DISABLE_FULL_WITHDRAWALS]
        --withdrawals-interval=SECONDS
                                    Time from one request of withdrawals to the next;
                                    no longer than the oracles leave before they exit
                                    validators (24 hours), in seconds. Default is
                                    43200. [env: WITHDRAWALS_INTERVAL]
        --max-withdrawal-request-fee-gwei=INTEGER
                                    What the hot wallet pays for each request to
                                    withdraw from a validator at most. Default is
                                    1000. [env: MAX_WITHDRAWAL_REQUEST_FEE_GWEI]
        --once                      Makes one pass of every task (registration,
                                    rotation, harvest, …), follows what it has sent,
                                    and ends: with 0 when all passed, also where there
                                    was nothing to do.

      OBSERVABILITY
        --enable-metrics            Whether to enable metrics server. Disabled by
                                    default. [env: ENABLE_METRICS]
        --metrics-host=TEXT         The prometheus metrics host. Default is 127.0.0.1.
                                    [env: METRICS_HOST]
        --metrics-port=INTEGER      The prometheus metrics port. Default is 9100.
                                    [env: METRICS_PORT]
        --metrics-prefix=NAME       Comes before the names of metrics, with a "_".
                                    Default is none. [env: METRICS_PREFIX]
        --health-port=INTEGER       Port of /livez and /readyz, on the metrics host.
                                    Default is none. [env: HEALTH_PORT]
        --status-port=INTEGER       Port of the status page: the fleet as one page for
                                    browsers. Default is none. [env: STATUS_PORT]
        --status-host=TEXT          Where the status page is served. Whoever reaches
                                    it can read it. Default is 127.0.0.1, for this
                                    machine alone. [env: STATUS_HOST]
        --status-host-allowlist=TEXT...
                                    Further names in Host headers that the status page
                                    answers; * for all. Default is localhost, the name
                                    of --status-host, and every address.
                                    [env: STATUS_HOST_ALLOWLIST]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --log-level=[FATAL|CRITICAL|ERROR|WARNING|INFO|DEBUG]
                                    The least that is logged. Default is INFO.
                                    [env: LOG_LEVEL]
        --termination-log=TEXT      File that a fatal error is written to, too.
                                    Default is none. [env: TERMINATION_LOG]
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator start --vault=0x3320a...68 --consensus-endpoints=https://consensus.com --execution-endpoints=https://execution.com

        $ operator start --remote-signer-url=http://remote-signer:9000 ...

        $ operator start --once ...

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('start')).toMatchInlineSnapshot(`
      "--vault                            -  VAULT                                             required
      --consensus-endpoints              -  CONSENSUS_ENDPOINTS                               required
      --execution-endpoints              -  EXECUTION_ENDPOINTS                               required
      --consensus-timeout                -  CONSENSUS_TIMEOUT                                 optional
      --consensus-retry-timeout          -  CONSENSUS_RETRY_TIMEOUT                           optional
      --execution-timeout                -  EXECUTION_TIMEOUT                                 optional
      --execution-retry-timeout          -  EXECUTION_RETRY_TIMEOUT                           optional
      --execution-jwt-secret             -  EXECUTION_JWT_SECRET EXECUTION_JWT_SECRET_FILE    optional
      --ipfs-fetch-endpoints             -  IPFS_FETCH_ENDPOINTS                              optional
      --ipfs-timeout                     -  IPFS_TIMEOUT                                      optional
      --genesis-validators-ipfs-timeout  -  GENESIS_VALIDATORS_IPFS_TIMEOUT                   optional
      --oracle-set-hash                  -  ORACLE_SET_HASH                                   optional
      --network                          -  NETWORK                                           optional
      --data-dir                         -  DATA_DIR                                          optional
      --database-dir                     -  DATABASE_DIR                                      optional
      --db-url                           -  REMOTE_DB_URL REMOTE_DB_URL_FILE                  optional
      --db-schema                        -  REMOTE_DB_SCHEMA                                  optional
      --wait-for-db                      -  WAIT_FOR_DB                                       optional
      --vault-public-key                 -  VAULT_PUBLIC_KEY                                  optional
      --encrypt-key                      -  REMOTE_DB_ENCRYPT_KEY REMOTE_DB_ENCRYPT_KEY_FILE  optional
      --deposit-data-file                -  DEPOSIT_DATA_FILE                                 optional
      --hot-wallet-file                  -  HOT_WALLET_FILE                                   optional
      --hot-wallet-password-file         -  HOT_WALLET_PASSWORD_FILE                          optional
      --wallet-file                      -  WALLET_FILE                                       optional
      --wallet-password-file             -  WALLET_PASSWORD_FILE                              optional
      --wallet-private-key               -  WALLET_PRIVATE_KEY WALLET_PRIVATE_KEY_FILE        optional
      --max-fee-per-gas-gwei             -  MAX_FEE_PER_GAS_GWEI                              optional
      --max-fee-per-gas-gwei-bump        -  MAX_FEE_PER_GAS_GWEI_BUMP                         optional
      --priority-fee-percentile          -  PRIORITY_FEE_PERCENTILE                           optional
      --priority-fee-num-blocks          -  PRIORITY_FEE_NUM_BLOCKS                           optional
      --harvest-vault                    -  HARVEST_VAULT                                     switch
      --vault-min-balance-gwei           -  VAULT_MIN_BALANCE_GWEI                            optional
      --disable-validators-registration  -  DISABLE_VALIDATORS_REGISTRATION                   switch
      --disable-validators-funding       -  DISABLE_VALIDATORS_FUNDING                        switch
      --disable-withdrawals              -  DISABLE_WITHDRAWALS                               switch
      --disable-full-withdrawals         -  DISABLE_FULL_WITHDRAWALS                          switch
      --withdrawals-interval             -  WITHDRAWALS_INTERVAL                              optional
      --max-withdrawal-request-fee-gwei  -  MAX_WITHDRAWAL_REQUEST_FEE_GWEI                   optional
      --validator-type                   -  VALIDATOR_TYPE                                    optional
      --max-validator-balance-gwei       -  MAX_VALIDATOR_BALANCE_GWEI                        optional
      --min-deposit-amount-gwei          -  MIN_DEPOSIT_AMOUNT_GWEI                           optional
      --min-deposit-delay                -  MIN_DEPOSIT_DELAY                                 optional
      --remote-signer-exclusive          -  REMOTE_SIGNER_EXCLUSIVE                           switch
      --remote-signer-url                -  REMOTE_SIGNER_URL                                 optional
      --signer-ca                        -  SIGNER_CA                                         optional
      --signer-cert                      -  SIGNER_CERT                                       optional
      --signer-key                       -  SIGNER_KEY                                        optional
      --signer-pfx                       -  SIGNER_PFX                                        optional
      --signer-pfx-password              -  SIGNER_PFX_PASSWORD SIGNER_PFX_PASSWORD_FILE      optional
      --remote-signer-timeout            -  REMOTE_SIGNER_TIMEOUT                             optional
      --signer-concurrency               -  SIGNER_CONCURRENCY                                optional
      --keystores-dir                    -  KEYSTORES_DIR                                     optional
      --keystores-password-file          -  KEYSTORES_PASSWORD_FILE                           optional
      --keystores-password-dir           -  KEYSTORES_PASSWORD_DIR                            optional
      --hashi-vault-url                  -  HASHI_VAULT_URL                                   optional
      --hashi-vault-token                -  HASHI_VAULT_TOKEN HASHI_VAULT_TOKEN_FILE          optional
      --hashi-vault-key-path             -  HASHI_VAULT_KEY_PATH                              repeated
      --hashi-vault-key-prefix           -  HASHI_VAULT_KEY_PREFIX                            repeated
      --hashi-vault-mount                -  HASHI_VAULT_MOUNT                                 optional
      --hashi-vault-namespace            -  VAULT_NAMESPACE                                   optional
      --hashi-vault-parallelism          -  HASHI_VAULT_PARALLELISM                           optional
      --hashi-vault-ca                   -  HASHI_VAULT_CA                                    optional
      --hashi-vault-timeout              -  HASHI_VAULT_TIMEOUT                               optional
      --hashi-vault-retry-timeout        -  HASHI_VAULT_RETRY_TIMEOUT                         optional
      --oracles-validators-timeout       -  ORACLES_VALIDATORS_TIMEOUT                        optional
      --exit-shards                      -  EXIT_SHARDS                                       optional
      --pool-size                        -  POOL_SIZE                                         optional
      --enable-metrics                   -  ENABLE_METRICS                                    switch
      --metrics-host                     -  METRICS_HOST                                      optional
      --metrics-port                     -  METRICS_PORT                                      optional
      --metrics-prefix                   -  METRICS_PREFIX                                    optional
      --health-port                      -  HEALTH_PORT                                       optional
      --status-port                      -  STATUS_PORT                                       optional
      --status-host                      -  STATUS_HOST                                       optional
      --status-host-allowlist            -  STATUS_HOST_ALLOWLIST                             repeated
      --skip-startup-checks              -  SKIP_STARTUP_CHECKS                               switch
      --once                             -  -                                                 switch
      --log-format                       -  LOG_FORMAT                                        optional
      --log-level                        -  LOG_LEVEL                                         optional
      --termination-log                  -  TERMINATION_LOG                                   optional
      --verbose                          v  VERBOSE                                           switch
      --claim-fee-splitter               -  CLAIM_FEE_SPLITTER                                switch
      --concurrency                      -  CONCURRENCY                                       optional
      --graph-endpoint                   -  GRAPH_ENDPOINT                                    optional
      --no-confirm                       -  -                                                 switch
      --relayer-endpoint                 -  RELAYER_ENDPOINT                                  optional
      --run-nodes                        -  RUN_NODES                                         switch"
    `);
  });

  it('tx bump, and its options', async () => {
    expect(await helpPage('tx bump')).toMatchInlineSnapshot(`
      "Has the operator replace a waiting transaction by one with a higher fee.

      USAGE
        $ operator tx bump --vault=ADDRESS [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      OPTIONS
        --json                      Format output as json.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --database-dir=DIRECTORY    Directory of the embedded database, when there is
                                    no --db-url. Default is the data directory.
                                    [env: DATABASE_DIR]
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --id=INTEGER                Number of the transaction, as "tx list" shows it.
                                    Default is the one that is under way.
        --dry-run, --check          Shows which transaction would be replaced, and
                                    asks nothing of the operator. Exits as the command
                                    would: with 0 if nothing stops it.
        --max-fee-per-gas-gwei=INTEGER
                                    What this transaction may offer per gas, in place
                                    of the operator's own maximum; up to what the
                                    operator was started with as
                                    --max-fee-per-gas-gwei-bump.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator tx bump --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --db-url-file ./db-url --max-fee-per-gas-gwei 80

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('tx bump')).toMatchInlineSnapshot(`
      "--vault                 -  VAULT                             required
      --network               -  NETWORK                           optional
      --data-dir              -  DATA_DIR                          optional
      --database-dir          -  DATABASE_DIR                      optional
      --db-url                -  REMOTE_DB_URL REMOTE_DB_URL_FILE  optional
      --db-schema             -  REMOTE_DB_SCHEMA                  optional
      --wait-for-db           -  WAIT_FOR_DB                       optional
      --id                    -  -                                 optional
      --dry-run               -  -                                 switch
      --max-fee-per-gas-gwei  -  -                                 optional"
    `);
  });

  it('tx cancel, and its options', async () => {
    expect(await helpPage('tx cancel')).toMatchInlineSnapshot(`
      "Has the operator cancel a waiting transaction.

      USAGE
        $ operator tx cancel --vault=ADDRESS [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      OPTIONS
        --json                      Format output as json.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --database-dir=DIRECTORY    Directory of the embedded database, when there is
                                    no --db-url. Default is the data directory.
                                    [env: DATABASE_DIR]
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --id=INTEGER                Number of the transaction, as "tx list" shows it.
                                    Default is the one that is under way.
        --dry-run, --check          Shows which transaction would be cancelled, and
                                    asks nothing of the operator. Exits as the command
                                    would: with 0 if nothing stops it.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator tx cancel --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --db-url-file ./db-url

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('tx cancel')).toMatchInlineSnapshot(`
      "--vault         -  VAULT                             required
      --network       -  NETWORK                           optional
      --data-dir      -  DATA_DIR                          optional
      --database-dir  -  DATABASE_DIR                      optional
      --db-url        -  REMOTE_DB_URL REMOTE_DB_URL_FILE  optional
      --db-schema     -  REMOTE_DB_SCHEMA                  optional
      --wait-for-db   -  WAIT_FOR_DB                       optional
      --id            -  -                                 optional
      --dry-run       -  -                                 switch"
    `);
  });

  it('tx list, and its options', async () => {
    expect(await helpPage('tx list')).toMatchInlineSnapshot(`
      "Shows the transactions of the operator, the newest first.

      USAGE
        $ operator tx list --vault=ADDRESS [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      OPTIONS
        --json                      Format output as json.
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --database-dir=DIRECTORY    Directory of the embedded database, when there is
                                    no --db-url. Default is the data directory.
                                    [env: DATABASE_DIR]
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --limit=INTEGER             How many transactions are shown. Default is 20.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator tx list --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --db-url-file ./db-url

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('tx list')).toMatchInlineSnapshot(`
      "--vault         -  VAULT                             required
      --network       -  NETWORK                           optional
      --data-dir      -  DATA_DIR                          optional
      --database-dir  -  DATABASE_DIR                      optional
      --db-url        -  REMOTE_DB_URL REMOTE_DB_URL_FILE  optional
      --db-schema     -  REMOTE_DB_SCHEMA                  optional
      --wait-for-db   -  WAIT_FOR_DB                       optional
      --limit         -  -                                 optional"
    `);
  });

  it('exit-validators, and its options', async () => {
    expect(await helpPage('exit-validators')).toMatchInlineSnapshot(`
      "Has a vault of version 5 exit its validators.

      USAGE
        $ operator exit-validators --consensus-endpoints=URL[,URL…]
            --execution-endpoints=URL[,URL…] --vault=ADDRESS [OPTIONS]

      REQUIRED
        --consensus-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for consensus nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: CONSENSUS_ENDPOINTS]
        --execution-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for execution nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: EXECUTION_ENDPOINTS]
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      OPTIONS
        --count=INTEGER             The number of validators to exit, the longest
                                    active first. Default is all that can exit.
        --indexes=INDEX[,INDEX…]    Indexes of the validators to exit, comma
                                    separated; instead of --count.
        --take-over                 Takes the place of an operator that acts for the
                                    vault by the same remote database: it stands by
                                    until the exits are requested.
        --yes, --no-confirm         Requests the exits without asking.
        --dry-run, --check          Shows which exits would be requested and what they
                                    cost, and sends nothing. Exits as the command
                                    would: with 0 if nothing stops it.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      NODES
        --consensus-timeout=SECONDS
                                    Time limit of one request to a consensus node, in
                                    seconds. Default is 60. [env: CONSENSUS_TIMEOUT]
        --consensus-retry-timeout=SECONDS
                                    How long requests that fail are sent to consensus
                                    nodes again, in seconds. Default is 120.
                                    [env: CONSENSUS_RETRY_TIMEOUT]
        --execution-timeout=SECONDS
                                    Time limit of one request to an execution node, in
                                    seconds. Default is 30. [env: EXECUTION_TIMEOUT]
        --execution-retry-timeout=SECONDS
                                    How long requests that fail are sent to execution
                                    nodes again, in seconds. Default is 60.
                                    [env: EXECUTION_RETRY_TIMEOUT]

      SIGNING
        --hot-wallet-file=FILE      Path to the hot wallet. Default is the file
                                    generated with "create-wallet" command.
                                    [env: HOT_WALLET_FILE]
        --hot-wallet-password-file=FILE
                                    Path to the hot wallet password file. Default is
                                    the file generated with "create-wallet" command.
                                    [env: HOT_WALLET_PASSWORD_FILE]
        --wallet-file=FILE          Another name of --hot-wallet-file.
                                    [env: WALLET_FILE]
        --wallet-password-file=FILE
                                    Another name of --hot-wallet-password-file.
                                    [env: WALLET_PASSWORD_FILE]
        --wallet-private-key=HEX    Private key of the hot wallet, which then is used
                                    instead of any wallet file, as by the Python
                                    operator. An encrypted file is safer.
                                    [env: WALLET_PRIVATE_KEY]
        --wallet-private-key-file=FILE
                                    File to read --wallet-private-key from.
                                    [env: WALLET_PRIVATE_KEY_FILE]

      DATABASE
        --database-dir=DIRECTORY    Directory of the embedded database, when there is
                                    no --db-url. Default is the data directory.
                                    [env: DATABASE_DIR]
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]

      TRANSACTIONS
        --max-fee-per-gas-gwei=INTEGER
                                    Maximum fee per gas for transactions. Default is
                                    that of the network. [env: MAX_FEE_PER_GAS_GWEI]
        --max-withdrawal-request-fee-gwei=INTEGER
                                    What the hot wallet pays for each request to
                                    withdraw from a validator at most. Default is
                                    1000. [env: MAX_WITHDRAWAL_REQUEST_FEE_GWEI]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator exit-validators --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --consensus-endpoints http://localhost:5052 --count 3

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('exit-validators')).toMatchInlineSnapshot(`
      "--consensus-endpoints              -  CONSENSUS_ENDPOINTS                         required
      --execution-endpoints              -  EXECUTION_ENDPOINTS                         required
      --consensus-timeout                -  CONSENSUS_TIMEOUT                           optional
      --consensus-retry-timeout          -  CONSENSUS_RETRY_TIMEOUT                     optional
      --execution-timeout                -  EXECUTION_TIMEOUT                           optional
      --execution-retry-timeout          -  EXECUTION_RETRY_TIMEOUT                     optional
      --vault                            -  VAULT                                       required
      --network                          -  NETWORK                                     optional
      --data-dir                         -  DATA_DIR                                    optional
      --database-dir                     -  DATABASE_DIR                                optional
      --db-url                           -  REMOTE_DB_URL REMOTE_DB_URL_FILE            optional
      --db-schema                        -  REMOTE_DB_SCHEMA                            optional
      --wait-for-db                      -  WAIT_FOR_DB                                 optional
      --count                            -  -                                           optional
      --indexes                          -  -                                           optional
      --hot-wallet-file                  -  HOT_WALLET_FILE                             optional
      --hot-wallet-password-file         -  HOT_WALLET_PASSWORD_FILE                    optional
      --wallet-file                      -  WALLET_FILE                                 optional
      --wallet-password-file             -  WALLET_PASSWORD_FILE                        optional
      --wallet-private-key               -  WALLET_PRIVATE_KEY WALLET_PRIVATE_KEY_FILE  optional
      --max-fee-per-gas-gwei             -  MAX_FEE_PER_GAS_GWEI                        optional
      --max-withdrawal-request-fee-gwei  -  MAX_WITHDRAWAL_REQUEST_FEE_GWEI             optional
      --take-over                        -  -                                           switch
      --yes                              -  -                                           switch
      --dry-run                          -  -                                           switch
      --verbose                          v  VERBOSE                                     switch"
    `);
  });

  it('validators-exit, and its options', async () => {
    expect(await helpPage('validators-exit')).toMatchInlineSnapshot(`
      "Performs a voluntary exit for active vault validators.

      USAGE
        $ operator validators-exit --consensus-endpoints=URL[,URL…]
            --vault=ADDRESS [OPTIONS]

      REQUIRED
        --consensus-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for consensus nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: CONSENSUS_ENDPOINTS]
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      OPTIONS
        --count=INTEGER             The number of validators to exit. Default is all
                                    active validators of the vault.
        --indexes=INDEX[,INDEX…]    Indexes of the validators to exit, comma
                                    separated.
        --yes                       Exits without asking.
        --dry-run, --check          Shows which validators would exit, and sends
                                    nothing. Exits as the command would: with 0 if
                                    nothing stops it.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is. Default is
                                    ~/.stakewise. [env: DATA_DIR]

      NODES
        --consensus-timeout=SECONDS
                                    Time limit of one request to a consensus node, in
                                    seconds. Default is 60. [env: CONSENSUS_TIMEOUT]
        --consensus-retry-timeout=SECONDS
                                    How long requests that fail are sent to consensus
                                    nodes again, in seconds. Default is 120.
                                    [env: CONSENSUS_RETRY_TIMEOUT]

      SIGNING
        --remote-signer-url=URL[,URL…]
                                    The base URL of the remote signer, e.g.
                                    http://signer:9000, or unix:PATH of its socket;
                                    several that hold the same keys are separated by
                                    commas. [env: REMOTE_SIGNER_URL]
        --signer-ca=FILE            Certificate authority of the signer, or its
                                    self-signed certificate (PEM). [env: SIGNER_CA]
        --signer-cert=FILE          Client certificate for the signer (PEM).
                                    [env: SIGNER_CERT]
        --signer-key=FILE           Key of the client certificate (PEM).
                                    [env: SIGNER_KEY]
        --signer-pfx=FILE           Client certificate and key in one PKCS#12 file,
                                    instead of the two. [env: SIGNER_PFX]
        --signer-pfx-password=TEXT  Password of the PKCS#12 file, or of the key of the
                                    client certificate. [env: SIGNER_PFX_PASSWORD]
        --signer-pfx-password-file=FILE
                                    File to read --signer-pfx-password from.
                                    [env: SIGNER_PFX_PASSWORD_FILE]
        --remote-signer-timeout=SECONDS
                                    Time limit of one request to a signer, in seconds.
                                    Default is 30. [env: REMOTE_SIGNER_TIMEOUT]
        --signer-concurrency=INTEGER
                                    Signatures asked for at a time. Default is 64.
                                    [env: SIGNER_CONCURRENCY]
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --keystores-password-file=FILE
                                    Password of keystores that have no password file
                                    of their own. Default is password.txt beside them.
                                    [env: KEYSTORES_PASSWORD_FILE]
        --keystores-password-dir=DIRECTORY
                                    Directory with one password file per keystore,
                                    <keystore name>.txt. Default is beside the
                                    keystores. [env: KEYSTORES_PASSWORD_DIR]
        --hashi-vault-url=URL       URL of the HashiCorp Vault, or OpenBao, that holds
                                    the keys. [env: HASHI_VAULT_URL]
        --hashi-vault-token=TEXT    Token for HashiCorp Vault.
                                    [env: HASHI_VAULT_TOKEN]
        --hashi-vault-token-file=FILE
                                    File to read --hashi-vault-token from.
                                    [env: HASHI_VAULT_TOKEN_FILE]
        --hashi-vault-key-path=TEXT...
                                    Path of a secret with members "public key":
                                    "secret key"; may be given several times.
                                    [env: HASHI_VAULT_KEY_PATH]
        --hashi-vault-key-prefix=TEXT...
                                    Path of a folder with one secret per key, named
                                    after its public key; may be given several times.
                                    [env: HASHI_VAULT_KEY_PREFIX]
        --hashi-vault-mount=TEXT    Mount of the KV version 2 engine. Default is
                                    secret. [env: HASHI_VAULT_MOUNT]
        --hashi-vault-namespace=NAMESPACE
                                    Namespace of the mount and the token, in HashiCorp
                                    Vault Enterprise, HCP or OpenBao. Default is the
                                    root namespace. [env: VAULT_NAMESPACE]
        --hashi-vault-parallelism=INTEGER
                                    Requests to HashiCorp Vault in flight. Default is
                                    8. [env: HASHI_VAULT_PARALLELISM]
        --hashi-vault-ca=FILE       File of the certificate authority of HashiCorp
                                    Vault, PEM. [env: HASHI_VAULT_CA]
        --hashi-vault-timeout=SECONDS
                                    Time limit of one request to HashiCorp Vault, in
                                    seconds. Default is 10. [env: HASHI_VAULT_TIMEOUT]
        --hashi-vault-retry-timeout=SECONDS
                                    How long requests that fail are sent to HashiCorp
                                    Vault again, in seconds. Default is 30.
                                    [env: HASHI_VAULT_RETRY_TIMEOUT]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      EXAMPLES
        $ operator validators-exit --vault 0x3320a...68 --consensus-endpoints http://localhost:5052 --count 3

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('validators-exit')).toMatchInlineSnapshot(`
      "--consensus-endpoints        -  CONSENSUS_ENDPOINTS                           required
      --consensus-timeout          -  CONSENSUS_TIMEOUT                             optional
      --consensus-retry-timeout    -  CONSENSUS_RETRY_TIMEOUT                       optional
      --vault                      -  VAULT                                         required
      --network                    -  NETWORK                                       optional
      --count                      -  -                                             optional
      --indexes                    -  -                                             optional
      --yes                        -  -                                             switch
      --dry-run                    -  -                                             switch
      --data-dir                   -  DATA_DIR                                      optional
      --remote-signer-url          -  REMOTE_SIGNER_URL                             optional
      --signer-ca                  -  SIGNER_CA                                     optional
      --signer-cert                -  SIGNER_CERT                                   optional
      --signer-key                 -  SIGNER_KEY                                    optional
      --signer-pfx                 -  SIGNER_PFX                                    optional
      --signer-pfx-password        -  SIGNER_PFX_PASSWORD SIGNER_PFX_PASSWORD_FILE  optional
      --remote-signer-timeout      -  REMOTE_SIGNER_TIMEOUT                         optional
      --signer-concurrency         -  SIGNER_CONCURRENCY                            optional
      --keystores-dir              -  KEYSTORES_DIR                                 optional
      --keystores-password-file    -  KEYSTORES_PASSWORD_FILE                       optional
      --keystores-password-dir     -  KEYSTORES_PASSWORD_DIR                        optional
      --hashi-vault-url            -  HASHI_VAULT_URL                               optional
      --hashi-vault-token          -  HASHI_VAULT_TOKEN HASHI_VAULT_TOKEN_FILE      optional
      --hashi-vault-key-path       -  HASHI_VAULT_KEY_PATH                          repeated
      --hashi-vault-key-prefix     -  HASHI_VAULT_KEY_PREFIX                        repeated
      --hashi-vault-mount          -  HASHI_VAULT_MOUNT                             optional
      --hashi-vault-namespace      -  VAULT_NAMESPACE                               optional
      --hashi-vault-parallelism    -  HASHI_VAULT_PARALLELISM                       optional
      --hashi-vault-ca             -  HASHI_VAULT_CA                                optional
      --hashi-vault-timeout        -  HASHI_VAULT_TIMEOUT                           optional
      --hashi-vault-retry-timeout  -  HASHI_VAULT_RETRY_TIMEOUT                     optional
      --verbose                    v  VERBOSE                                       switch"
    `);
  });

  it('plan, and its options', async () => {
    expect(await helpPage('plan')).toMatchInlineSnapshot(`
      "Shows what the operator would do for the vault now, why, and at what cost.

      USAGE
        $ operator plan --consensus-endpoints=URL[,URL…]
            --execution-endpoints=URL[,URL…] --vault=ADDRESS [OPTIONS]

      REQUIRED
        --consensus-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for consensus nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: CONSENSUS_ENDPOINTS]
        --execution-endpoints=URL[,URL…]
                                    (required) Comma separated list of API endpoints
                                    for execution nodes; HTTP_PROXY, HTTPS_PROXY and
                                    NO_PROXY say how they are reached.
                                    [env: EXECUTION_ENDPOINTS]
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]
        --deposit-data-file=FILE    Path to the deposit_data.json file. Default is the
                                    file generated with "create-keys" command.
                                    [env: DEPOSIT_DATA_FILE]
        --validator-type=[0x01|0x02]
                                    Type of the withdrawal credentials that validators
                                    are registered with. Default is 0x02 for a vault
                                    of version 5 whose validators manager is the hot
                                    wallet; all others take 0x01 only.
                                    [env: VALIDATOR_TYPE]
        --max-validator-balance-gwei=INTEGER
                                    What a validator of type 0x02 is registered with
                                    and topped up to at most, in gwei. Default is
                                    300000000000 (300 ETH), on Gnosis 1800000000000
                                    (56.25 GNO), or what the network file says.
                                    [env: MAX_VALIDATOR_BALANCE_GWEI]
        --min-deposit-amount-gwei=INTEGER
                                    With less in the vault nothing is staked, and no
                                    top-up is smaller, in gwei. Default is 10000000000
                                    (10 ETH). [env: MIN_DEPOSIT_AMOUNT_GWEI]
        --min-deposit-delay=INTEGER
                                    Time from one top-up of validators to the next, in
                                    seconds. Default is 3600. [env: MIN_DEPOSIT_DELAY]

      NODES
        --consensus-timeout=SECONDS
                                    Time limit of one request to a consensus node, in
                                    seconds. Default is 60. [env: CONSENSUS_TIMEOUT]
        --consensus-retry-timeout=SECONDS
                                    How long requests that fail are sent to consensus
                                    nodes again, in seconds. Default is 120.
                                    [env: CONSENSUS_RETRY_TIMEOUT]
        --execution-timeout=SECONDS
                                    Time limit of one request to an execution node, in
                                    seconds. Default is 30. [env: EXECUTION_TIMEOUT]
        --execution-retry-timeout=SECONDS
                                    How long requests that fail are sent to execution
                                    nodes again, in seconds. Default is 60.
                                    [env: EXECUTION_RETRY_TIMEOUT]
        --execution-jwt-secret=TEXT
                                    JWT secret of the execution nodes, 32 bytes of
                                    hex. [env: EXECUTION_JWT_SECRET]
        --execution-jwt-secret-file=FILE
                                    File to read --execution-jwt-secret from.
                                    [env: EXECUTION_JWT_SECRET_FILE]
        --ipfs-fetch-endpoints=URL[,URL…]
                                    Comma separated list of IPFS gateways, asked
                                    before the network's own. Default is the network's
                                    own alone. [env: IPFS_FETCH_ENDPOINTS]
        --ipfs-timeout=SECONDS      Time limit of all that one IPFS gateway is asked,
                                    in seconds. Default is 60. [env: IPFS_TIMEOUT]
        --genesis-validators-ipfs-timeout=SECONDS
                                    Time limit of the network's list of validators,
                                    which is fetched from IPFS once, in seconds.
                                    Default is 300.
                                    [env: GENESIS_VALIDATORS_IPFS_TIMEOUT]
        --oracles-validators-timeout=SECONDS
                                    Time limit of one question to all oracles
                                    together, in seconds. Default is 10.
                                    [env: ORACLES_VALIDATORS_TIMEOUT]

      SIGNING
        --wallet-address=ADDRESS    Address of the hot wallet that is meant. Default
                                    is the validators manager of the vault, else the
                                    one of the wallet file.
        --hot-wallet-file=FILE      Path to the hot wallet. Default is the file
                                    generated with "create-wallet" command.
                                    [env: HOT_WALLET_FILE]
        --wallet-file=FILE          Another name of --hot-wallet-file.
                                    [env: WALLET_FILE]
        --remote-signer-exclusive   Says that the remote signer has keys of this vault
                                    only: each that no deposit has used is registered.
                                    Not needed where the remote database,
                                    remote_signer_config.json, deposit data or
                                    keystores name the keys of the vault.
                                    [env: REMOTE_SIGNER_EXCLUSIVE]
        --remote-signer-url=URL[,URL…]
                                    The base URL of the remote signer, e.g.
                                    http://signer:9000, or unix:PATH of its socket;
                                    several that hold the same keys are separated by
                                    commas. [env: REMOTE_SIGNER_URL]
        --signer-ca=FILE            Certificate authority of the signer, or its
                                    self-signed certificate (PEM). [env: SIGNER_CA]
        --signer-cert=FILE          Client certificate for the signer (PEM).
                                    [env: SIGNER_CERT]
        --signer-key=FILE           Key of the client certificate (PEM).
                                    [env: SIGNER_KEY]
        --signer-pfx=FILE           Client certificate and key in one PKCS#12 file,
                                    instead of the two. [env: SIGNER_PFX]
        --signer-pfx-password=TEXT  Password of the PKCS#12 file, or of the key of the
                                    client certificate. [env: SIGNER_PFX_PASSWORD]
        --signer-pfx-password-file=FILE
                                    File to read --signer-pfx-password from.
                                    [env: SIGNER_PFX_PASSWORD_FILE]
        --remote-signer-timeout=SECONDS
                                    Time limit of one request to a signer, in seconds.
                                    Default is 30. [env: REMOTE_SIGNER_TIMEOUT]
        --signer-concurrency=INTEGER
                                    Signatures asked for at a time. Default is 64.
                                    [env: SIGNER_CONCURRENCY]
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --keystores-password-file=FILE
                                    Password of keystores that have no password file
                                    of their own. Default is password.txt beside them.
                                    [env: KEYSTORES_PASSWORD_FILE]
        --keystores-password-dir=DIRECTORY
                                    Directory with one password file per keystore,
                                    <keystore name>.txt. Default is beside the
                                    keystores. [env: KEYSTORES_PASSWORD_DIR]
        --hashi-vault-url=URL       URL of the HashiCorp Vault, or OpenBao, that holds
                                    the keys. [env: HASHI_VAULT_URL]
        --hashi-vault-token=TEXT    Token for HashiCorp Vault.
                                    [env: HASHI_VAULT_TOKEN]
        --hashi-vault-token-file=FILE
                                    File to read --hashi-vault-token from.
                                    [env: HASHI_VAULT_TOKEN_FILE]
        --hashi-vault-key-path=TEXT...
                                    Path of a secret with members "public key":
                                    "secret key"; may be given several times.
                                    [env: HASHI_VAULT_KEY_PATH]
        --hashi-vault-key-prefix=TEXT...
                                    Path of a folder with one secret per key, named
                                    after its public key; may be given several times.
                                    [env: HASHI_VAULT_KEY_PREFIX]
        --hashi-vault-mount=TEXT    Mount of the KV version 2 engine. Default is
                                    secret. [env: HASHI_VAULT_MOUNT]
        --hashi-vault-namespace=NAMESPACE
                                    Namespace of the mount and the token, in HashiCorp
                                    Vault Enterprise, HCP or OpenBao. Default is the
                                    root namespace. [env: VAULT_NAMESPACE]
        --hashi-vault-parallelism=INTEGER
                                    Requests to HashiCorp Vault in flight. Default is
                                    8. [env: HASHI_VAULT_PARALLELISM]
        --hashi-vault-ca=FILE       File of the certificate authority of HashiCorp
                                    Vault, PEM. [env: HASHI_VAULT_CA]
        --hashi-vault-timeout=SECONDS
                                    Time limit of one request to HashiCorp Vault, in
                                    seconds. Default is 10. [env: HASHI_VAULT_TIMEOUT]
        --hashi-vault-retry-timeout=SECONDS
                                    How long requests that fail are sent to HashiCorp
                                    Vault again, in seconds. Default is 30.
                                    [env: HASHI_VAULT_RETRY_TIMEOUT]
        --exit-shards=[auto|key-shares|split]
                                    How exit signatures are shared among the oracles:
                                    by key shares in the signer, or by splitting the
                                    signature. Default is auto. [env: EXIT_SHARDS]

      DATABASE
        --database-dir=DIRECTORY    Directory of the embedded database, when there is
                                    no --db-url. Default is the data directory.
                                    [env: DATABASE_DIR]
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]

      TRANSACTIONS
        --max-fee-per-gas-gwei=INTEGER
                                    Maximum fee per gas for transactions. Default is
                                    that of the network. [env: MAX_FEE_PER_GAS_GWEI]
        --vault-min-balance-gwei=INTEGER
                                    What stays in the vault and is never staked.
                                    Default is 0. [env: VAULT_MIN_BALANCE_GWEI]
        --disable-validators-registration
                                    Registers no validators.
                                    [env: DISABLE_VALIDATORS_REGISTRATION]
        --disable-validators-funding
                                    Tops up no validators: the hot wallet signs no
                                    such call. [env: DISABLE_VALIDATORS_FUNDING]
        --disable-withdrawals       Requests no withdrawals from validators: the hot
                                    wallet signs no such call.
                                    [env: DISABLE_WITHDRAWALS]
        --disable-full-withdrawals  Requests partial withdrawals only, and no exits of
                                    validators, however much the exit queue lacks.
                                    [env: DISABLE_FULL_WITHDRAWALS]
        --withdrawals-interval=SECONDS
                                    Time from one request of withdrawals to the next;
                                    no longer than the oracles leave before they exit
                                    validators (24 hours), in seconds. Default is
                                    43200. [env: WITHDRAWALS_INTERVAL]
        --max-withdrawal-request-fee-gwei=INTEGER
                                    What the hot wallet pays for each request to
                                    withdraw from a validator at most. Default is
                                    1000. [env: MAX_WITHDRAWAL_REQUEST_FEE_GWEI]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Shows what the operator would do for the vault now, why, and at what cost.

        By one block of both chains: which validators would be topped up,
        registered, withdrawn from and exited, what each part waits for, and what it
        costs. It is decided by what the operator's tasks decide by, with the
        options of "start". No wallet and no password is needed: nothing is signed,
        sent or written, and no oracle is asked to approve anything. It works beside
        a running operator. For vaults of version 1 to 4 it shows what would be
        registered.

      EXAMPLES
        $ operator plan --vault 0x3320a...68 --execution-endpoints http://localhost:8545 --consensus-endpoints http://localhost:5052

        $ operator plan --vault 0x3320a...68 --remote-signer-url http://signer:9000 --json ...

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('plan')).toMatchInlineSnapshot(`
      "--consensus-endpoints              -  CONSENSUS_ENDPOINTS                             required
      --execution-endpoints              -  EXECUTION_ENDPOINTS                             required
      --consensus-timeout                -  CONSENSUS_TIMEOUT                               optional
      --consensus-retry-timeout          -  CONSENSUS_RETRY_TIMEOUT                         optional
      --execution-timeout                -  EXECUTION_TIMEOUT                               optional
      --execution-retry-timeout          -  EXECUTION_RETRY_TIMEOUT                         optional
      --execution-jwt-secret             -  EXECUTION_JWT_SECRET EXECUTION_JWT_SECRET_FILE  optional
      --ipfs-fetch-endpoints             -  IPFS_FETCH_ENDPOINTS                            optional
      --ipfs-timeout                     -  IPFS_TIMEOUT                                    optional
      --genesis-validators-ipfs-timeout  -  GENESIS_VALIDATORS_IPFS_TIMEOUT                 optional
      --vault                            -  VAULT                                           required
      --network                          -  NETWORK                                         optional
      --data-dir                         -  DATA_DIR                                        optional
      --database-dir                     -  DATABASE_DIR                                    optional
      --db-url                           -  REMOTE_DB_URL REMOTE_DB_URL_FILE                optional
      --db-schema                        -  REMOTE_DB_SCHEMA                                optional
      --wait-for-db                      -  WAIT_FOR_DB                                     optional
      --wallet-address                   -  -                                               optional
      --hot-wallet-file                  -  HOT_WALLET_FILE                                 optional
      --wallet-file                      -  WALLET_FILE                                     optional
      --deposit-data-file                -  DEPOSIT_DATA_FILE                               optional
      --max-fee-per-gas-gwei             -  MAX_FEE_PER_GAS_GWEI                            optional
      --vault-min-balance-gwei           -  VAULT_MIN_BALANCE_GWEI                          optional
      --disable-validators-registration  -  DISABLE_VALIDATORS_REGISTRATION                 switch
      --disable-validators-funding       -  DISABLE_VALIDATORS_FUNDING                      switch
      --disable-withdrawals              -  DISABLE_WITHDRAWALS                             switch
      --disable-full-withdrawals         -  DISABLE_FULL_WITHDRAWALS                        switch
      --withdrawals-interval             -  WITHDRAWALS_INTERVAL                            optional
      --max-withdrawal-request-fee-gwei  -  MAX_WITHDRAWAL_REQUEST_FEE_GWEI                 optional
      --validator-type                   -  VALIDATOR_TYPE                                  optional
      --max-validator-balance-gwei       -  MAX_VALIDATOR_BALANCE_GWEI                      optional
      --min-deposit-amount-gwei          -  MIN_DEPOSIT_AMOUNT_GWEI                         optional
      --min-deposit-delay                -  MIN_DEPOSIT_DELAY                               optional
      --remote-signer-exclusive          -  REMOTE_SIGNER_EXCLUSIVE                         switch
      --remote-signer-url                -  REMOTE_SIGNER_URL                               optional
      --signer-ca                        -  SIGNER_CA                                       optional
      --signer-cert                      -  SIGNER_CERT                                     optional
      --signer-key                       -  SIGNER_KEY                                      optional
      --signer-pfx                       -  SIGNER_PFX                                      optional
      --signer-pfx-password              -  SIGNER_PFX_PASSWORD SIGNER_PFX_PASSWORD_FILE    optional
      --remote-signer-timeout            -  REMOTE_SIGNER_TIMEOUT                           optional
      --signer-concurrency               -  SIGNER_CONCURRENCY                              optional
      --keystores-dir                    -  KEYSTORES_DIR                                   optional
      --keystores-password-file          -  KEYSTORES_PASSWORD_FILE                         optional
      --keystores-password-dir           -  KEYSTORES_PASSWORD_DIR                          optional
      --hashi-vault-url                  -  HASHI_VAULT_URL                                 optional
      --hashi-vault-token                -  HASHI_VAULT_TOKEN HASHI_VAULT_TOKEN_FILE        optional
      --hashi-vault-key-path             -  HASHI_VAULT_KEY_PATH                            repeated
      --hashi-vault-key-prefix           -  HASHI_VAULT_KEY_PREFIX                          repeated
      --hashi-vault-mount                -  HASHI_VAULT_MOUNT                               optional
      --hashi-vault-namespace            -  VAULT_NAMESPACE                                 optional
      --hashi-vault-parallelism          -  HASHI_VAULT_PARALLELISM                         optional
      --hashi-vault-ca                   -  HASHI_VAULT_CA                                  optional
      --hashi-vault-timeout              -  HASHI_VAULT_TIMEOUT                             optional
      --hashi-vault-retry-timeout        -  HASHI_VAULT_RETRY_TIMEOUT                       optional
      --oracles-validators-timeout       -  ORACLES_VALIDATORS_TIMEOUT                      optional
      --exit-shards                      -  EXIT_SHARDS                                     optional
      --verbose                          v  VERBOSE                                         switch"
    `);
  });

  it('config, and its options', async () => {
    expect(await helpPage('config')).toMatchInlineSnapshot(`
      "Shows the options of a command line and where each value comes from.

      USAGE
        $ operator config COMMAND [OPTIONS]

      OPTIONS
        --json                      Format output as json.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Shows the options of a command line and where each value comes from.

        The command line, the environment, a file of --env-file, config.json of the
        vault, or a default. Secrets are masked. Nothing is opened but the files
        that hold values; a value that is invalid is refused as the command itself
        refuses it.

      EXAMPLES
        $ operator config start --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc

        $ operator config remote-db verify --env-file .env --json

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('config')).toMatchInlineSnapshot(`""`);
  });

  it('completion, and its options', async () => {
    expect(await helpPage('completion')).toMatchInlineSnapshot(`
      "Prints a script that completes command lines in bash, zsh or fish.

      USAGE
        $ operator completion SHELL [OPTIONS]

      OPTIONS
        --json                      Format output as json.
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Prints a script that completes command lines in bash, zsh or fish.

        It completes commands, options, words and paths, of "operator" and
        "v3-operator". It has all of them in itself: no program is started when a
        word is completed, and nothing is written. Print it again after an upgrade.

      EXAMPLES
        $ operator completion bash > ~/.operator-completion && echo '. ~/.operator-completion' >> ~/.bashrc

        $ operator completion zsh > ~/.zfunc/_operator

        $ operator completion fish > ~/.config/fish/completions/operator.fish

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('completion')).toMatchInlineSnapshot(`""`);
  });

  it('status, and its options', async () => {
    expect(await helpPage('status')).toMatchInlineSnapshot(`
      "Shows where every key of the vault is and where it should be. Changes nothing; exits with 3 on differences.

      USAGE
        $ operator status --vault=ADDRESS [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      OPTIONS
        --keymanager=URL=FILE...    URL of the key manager API of a validator client,
                                    and the file with its token; given once for each.
                                    [env: KEYMANAGERS]
        --operator-url=URL...       URL of the probes of an operator, as --health-port
                                    of "start" has them; given once for each.
                                    [env: OPERATOR_URLS]
        --ask-timeout=SECONDS       Time limit of each counterpart, in seconds.
                                    Default is 10. [env: ASK_TIMEOUT]
        --watch                     Looks again and again, and draws the screen anew,
                                    until Ctrl-C.
        --watch-interval=SECONDS    Time from one look of --watch or --serve to the
                                    next, in seconds. Default is 12.
                                    [env: WATCH_INTERVAL]
        --serve                     Serves the fleet as one page for browsers until
                                    Ctrl-C.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      NODES
        --execution-endpoints=URL[,URL…]
                                    Comma separated list of API endpoints for
                                    execution nodes. [env: EXECUTION_ENDPOINTS]
        --execution-jwt-secret=TEXT
                                    JWT secret of the execution nodes, 32 bytes of
                                    hex. [env: EXECUTION_JWT_SECRET]
        --execution-jwt-secret-file=FILE
                                    File to read --execution-jwt-secret from.
                                    [env: EXECUTION_JWT_SECRET_FILE]
        --consensus-endpoints=URL[,URL…]
                                    Comma separated list of API endpoints for
                                    consensus nodes. [env: CONSENSUS_ENDPOINTS]
        --ipfs-fetch-endpoints=URL[,URL…]
                                    Comma separated list of IPFS gateways, asked
                                    before the network's own. Default is the network's
                                    own alone. [env: IPFS_FETCH_ENDPOINTS]
        --ipfs-timeout=SECONDS      Time limit of all that one IPFS gateway is asked,
                                    in seconds. Default is 60. [env: IPFS_TIMEOUT]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --signer-url, --remote-signer-url=URL...
                                    The base URL of a signer, or unix:PATH of its
                                    socket; given once for each, or in the variable
                                    separated by commas. [env: REMOTE_SIGNER_URL]
        --signer-ca=FILE            Certificate authority of the signer, or its
                                    self-signed certificate (PEM). [env: SIGNER_CA]
        --signer-cert=FILE          Client certificate for the signer (PEM).
                                    [env: SIGNER_CERT]
        --signer-key=FILE           Key of the client certificate (PEM).
                                    [env: SIGNER_KEY]
        --signer-pfx=FILE           Client certificate and key in one PKCS#12 file,
                                    instead of the two. [env: SIGNER_PFX]
        --signer-pfx-password=TEXT  Password of the PKCS#12 file, or of the key of the
                                    client certificate. [env: SIGNER_PFX_PASSWORD]
        --signer-pfx-password-file=FILE
                                    File to read --signer-pfx-password from.
                                    [env: SIGNER_PFX_PASSWORD_FILE]
        --hot-wallet-file=FILE      Path to the hot wallet. Default is the file
                                    generated with "create-wallet" command.
                                    [env: HOT_WALLET_FILE]

      DATABASE
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --status-port=INTEGER       Port of the page of --serve. Default is 9102.
                                    [env: STATUS_PORT]
        --status-host=TEXT          Where the status page is served. Whoever reaches
                                    it can read it. Default is 127.0.0.1, for this
                                    machine alone. [env: STATUS_HOST]
        --status-host-allowlist=TEXT...
                                    Further names in Host headers that the status page
                                    answers; * for all. Default is localhost, the name
                                    of --status-host, and every address.
                                    [env: STATUS_HOST_ALLOWLIST]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Shows where every key of the vault is and where it should be. Changes
        nothing; exits with 3 on differences.

        Database, signers, validator clients, nodes, oracles and operators are asked
        at once, as far as they are named. What is not named is not asked, and said
        so. "fleet status" and "remote-db status" are names of it, too.

      EXAMPLES
        $ operator status --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --db-url-file ./db-url --signer-url http://signer-a:9000 --signer-url http://signer-b:9000

        $ operator status --keymanager http://client-0:5062=./client-0.token --operator-url http://op-0:9101 --watch

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('status')).toMatchInlineSnapshot(`
      "--vault                  -  VAULT                                           required
      --network                -  NETWORK                                         optional
      --data-dir               -  DATA_DIR                                        optional
      --keystores-dir          -  KEYSTORES_DIR                                   optional
      --db-url                 -  REMOTE_DB_URL REMOTE_DB_URL_FILE                optional
      --db-schema              -  REMOTE_DB_SCHEMA                                optional
      --wait-for-db            -  WAIT_FOR_DB                                     optional
      --execution-endpoints    -  EXECUTION_ENDPOINTS                             optional
      --execution-jwt-secret   -  EXECUTION_JWT_SECRET EXECUTION_JWT_SECRET_FILE  optional
      --consensus-endpoints    -  CONSENSUS_ENDPOINTS                             optional
      --ipfs-fetch-endpoints   -  IPFS_FETCH_ENDPOINTS                            optional
      --ipfs-timeout           -  IPFS_TIMEOUT                                    optional
      --signer-url             -  REMOTE_SIGNER_URL                               repeated
      --signer-ca              -  SIGNER_CA                                       optional
      --signer-cert            -  SIGNER_CERT                                     optional
      --signer-key             -  SIGNER_KEY                                      optional
      --signer-pfx             -  SIGNER_PFX                                      optional
      --signer-pfx-password    -  SIGNER_PFX_PASSWORD SIGNER_PFX_PASSWORD_FILE    optional
      --keymanager             -  KEYMANAGERS                                     repeated
      --operator-url           -  OPERATOR_URLS                                   repeated
      --hot-wallet-file        -  HOT_WALLET_FILE                                 optional
      --ask-timeout            -  ASK_TIMEOUT                                     optional
      --verbose                v  VERBOSE                                         switch
      --watch                  -  -                                               switch
      --watch-interval         -  WATCH_INTERVAL                                  optional
      --serve                  -  -                                               switch
      --status-port            -  STATUS_PORT                                     optional
      --status-host            -  STATUS_HOST                                     optional
      --status-host-allowlist  -  STATUS_HOST_ALLOWLIST                           repeated"
    `);
  });

  it('doctor, and its options', async () => {
    expect(await helpPage('doctor')).toMatchInlineSnapshot(`
      "Checks everything that the fleet stands on, one line each. Changes nothing; exits with 3 when a check fails.

      USAGE
        $ operator doctor --vault=ADDRESS [OPTIONS]

      REQUIRED
        --vault=ADDRESS             (required) The address of the vault. [env: VAULT]

      OPTIONS
        --keymanager=URL=FILE...    URL of the key manager API of a validator client,
                                    and the file with its token; given once for each.
                                    [env: KEYMANAGERS]
        --operator-url=URL...       URL of the probes of an operator, as --health-port
                                    of "start" has them; given once for each.
                                    [env: OPERATOR_URLS]
        --ask-timeout=SECONDS       Time limit of each counterpart, in seconds.
                                    Default is 10. [env: ASK_TIMEOUT]
        --slashing-db-url=URL       Web3Signer's slashing protection database
                                    (Postgres), in which it is looked, and nothing
                                    written, for validators of these keys that are
                                    disabled; exits with 3 when there are any.
                                    [env: SLASHING_DB_URL]
        --slashing-db-url-file=FILE
                                    File to read --slashing-db-url from.
                                    [env: SLASHING_DB_URL_FILE]
        --key-files-dir=DIRECTORY   Folder of Web3Signer's key files, if it is on this
                                    machine. [env: KEY_FILES_DIR]
        --prove-signing             Has each signer sign with one key of the vault: an
                                    exit that no chain accepts, which is verified and
                                    thrown away.

      VAULT
        --network=[mainnet|hoodi|gnosis|chiado|holesky|goerli|FILE]
                                    The network of the vault. Default is the network
                                    specified at "init" command. [env: NETWORK]
        --data-dir=DIRECTORY        Path where the data of vaults is, or is to be.
                                    Default is ~/.stakewise. [env: DATA_DIR]

      NODES
        --execution-endpoints=URL[,URL…]
                                    Comma separated list of API endpoints for
                                    execution nodes. [env: EXECUTION_ENDPOINTS]
        --execution-jwt-secret=TEXT
                                    JWT secret of the execution nodes, 32 bytes of
                                    hex. [env: EXECUTION_JWT_SECRET]
        --execution-jwt-secret-file=FILE
                                    File to read --execution-jwt-secret from.
                                    [env: EXECUTION_JWT_SECRET_FILE]
        --consensus-endpoints=URL[,URL…]
                                    Comma separated list of API endpoints for
                                    consensus nodes. [env: CONSENSUS_ENDPOINTS]
        --ipfs-fetch-endpoints=URL[,URL…]
                                    Comma separated list of IPFS gateways, asked
                                    before the network's own. Default is the network's
                                    own alone. [env: IPFS_FETCH_ENDPOINTS]
        --ipfs-timeout=SECONDS      Time limit of all that one IPFS gateway is asked,
                                    in seconds. Default is 60. [env: IPFS_TIMEOUT]

      SIGNING
        --keystores-dir=DIRECTORY   Path of the directory with all the encrypted
                                    keystores. Default is the directory generated with
                                    "create-keys" command. [env: KEYSTORES_DIR]
        --signer-url, --remote-signer-url=URL...
                                    The base URL of a signer, or unix:PATH of its
                                    socket; given once for each, or in the variable
                                    separated by commas. [env: REMOTE_SIGNER_URL]
        --signer-ca=FILE            Certificate authority of the signer, or its
                                    self-signed certificate (PEM). [env: SIGNER_CA]
        --signer-cert=FILE          Client certificate for the signer (PEM).
                                    [env: SIGNER_CERT]
        --signer-key=FILE           Key of the client certificate (PEM).
                                    [env: SIGNER_KEY]
        --signer-pfx=FILE           Client certificate and key in one PKCS#12 file,
                                    instead of the two. [env: SIGNER_PFX]
        --signer-pfx-password=TEXT  Password of the PKCS#12 file, or of the key of the
                                    client certificate. [env: SIGNER_PFX_PASSWORD]
        --signer-pfx-password-file=FILE
                                    File to read --signer-pfx-password from.
                                    [env: SIGNER_PFX_PASSWORD_FILE]
        --hot-wallet-file=FILE      Path to the hot wallet. Default is the file
                                    generated with "create-wallet" command.
                                    [env: HOT_WALLET_FILE]

      DATABASE
        --db-url=URL                The Postgres DB connection URL, for example
                                    postgresql://username:pass@hostname/dbname, of
                                    several hosts as libpq takes them
                                    (host1:5432,host2:5432, target_session_attrs);
                                    pglite:PATH for the embedded database.
                                    [env: REMOTE_DB_URL]
        --db-url-file=FILE          File to read --db-url from.
                                    [env: REMOTE_DB_URL_FILE]
        --db-schema=TEXT            The Postgres schema of the tables. Default is
                                    stakewise_operator. [env: REMOTE_DB_SCHEMA]
        --wait-for-db=DURATION      How long to wait for a database server that does
                                    not accept connections yet, such as 60s or 5m.
                                    Default is not to wait. [env: WAIT_FOR_DB]
        --encrypt-key=TEXT          The encryption key for the remote database:
                                    whether it opens the vault is tried.
                                    [env: REMOTE_DB_ENCRYPT_KEY]
        --encrypt-key-file=FILE     File to read --encrypt-key from.
                                    [env: REMOTE_DB_ENCRYPT_KEY_FILE]

      OBSERVABILITY
        --json                      Format output as json.
        -v, --verbose               Enable debug mode. Default is false.
                                    [env: VERBOSE]
        --log-format=[plain|json]   How lines of the log, warnings and the error that
                                    ends the command are written to stderr. Default is
                                    plain. [env: LOG_FORMAT]

      VARIABLES
        --env-file=FILE...          File of variables, one NAME=value a line, for
                                    those that are not set in the environment. Of
                                    several files, the last one that has a variable
                                    counts.

      DESCRIPTION
        Checks everything that the fleet stands on, one line each. Changes nothing;
        exits with 3 when a check fails.

        Takes the options of status. What is not named is not looked at, and said
        so. A warning leaves the exit code at 0.

      EXAMPLES
        $ operator doctor --vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc --db-url-file ./db-url --signer-url http://signer-a:9000 --slashing-db-url-file ./slashing-db-url

      EXIT CODES
        0    done
        1    failed
        2    the command line or a setting is wrong; nothing was done
        3    differences were found, or a brake stopped the command before it did
             something drastic
        70   a bug of the program
        130  Ctrl-C

      "
    `);
    expect(await optionsOf('doctor')).toMatchInlineSnapshot(`
      "--vault                 -  VAULT                                             required
      --network               -  NETWORK                                           optional
      --data-dir              -  DATA_DIR                                          optional
      --keystores-dir         -  KEYSTORES_DIR                                     optional
      --db-url                -  REMOTE_DB_URL REMOTE_DB_URL_FILE                  optional
      --db-schema             -  REMOTE_DB_SCHEMA                                  optional
      --wait-for-db           -  WAIT_FOR_DB                                       optional
      --execution-endpoints   -  EXECUTION_ENDPOINTS                               optional
      --execution-jwt-secret  -  EXECUTION_JWT_SECRET EXECUTION_JWT_SECRET_FILE    optional
      --consensus-endpoints   -  CONSENSUS_ENDPOINTS                               optional
      --ipfs-fetch-endpoints  -  IPFS_FETCH_ENDPOINTS                              optional
      --ipfs-timeout          -  IPFS_TIMEOUT                                      optional
      --signer-url            -  REMOTE_SIGNER_URL                                 repeated
      --signer-ca             -  SIGNER_CA                                         optional
      --signer-cert           -  SIGNER_CERT                                       optional
      --signer-key            -  SIGNER_KEY                                        optional
      --signer-pfx            -  SIGNER_PFX                                        optional
      --signer-pfx-password   -  SIGNER_PFX_PASSWORD SIGNER_PFX_PASSWORD_FILE      optional
      --keymanager            -  KEYMANAGERS                                       repeated
      --operator-url          -  OPERATOR_URLS                                     repeated
      --hot-wallet-file       -  HOT_WALLET_FILE                                   optional
      --ask-timeout           -  ASK_TIMEOUT                                       optional
      --verbose               v  VERBOSE                                           switch
      --slashing-db-url       -  SLASHING_DB_URL SLASHING_DB_URL_FILE              optional
      --key-files-dir         -  KEY_FILES_DIR                                     optional
      --encrypt-key           -  REMOTE_DB_ENCRYPT_KEY REMOTE_DB_ENCRYPT_KEY_FILE  optional
      --prove-signing         -  -                                                 switch"
    `);
  });

  it('every command is among these', () => {
    const text = readFileSync(import.meta.filename, 'utf8');
    expect(commands.length).toBeGreaterThan(20);
    expect(commands.filter(name => !text.includes(`await helpPage('${name}')`))).toEqual([]);
  });

  it.each(commands)('%s stands in docs/commands.md as it is shown', async name => {
    const reference = readFileSync(join(PROJECT_ROOT, 'docs/commands.md'), 'utf8');
    const [summary = '', ...page] = (await helpPage(name)).trim().split('\n');
    const heading = `## \`operator ${name} [OPTIONS]\``;
    expect(reference).toContain(`${heading}\n\n${summary}\n\n\`\`\`\n${page.join('\n').trim()}\n\`\`\`\n`);
  });
});

describe('the command reference', () => {
  it('docs/commands.md is fresh: "npm run reference" would write nothing else', () => {
    execFileSync(process.execPath, ['scripts/command-reference.js', '--check'], {
      cwd: PROJECT_ROOT,
      stdio: 'pipe',
    });
  });
});

describe('the page of an error', () => {
  const context = { program: 'operator', words: ['remote-db', 'setup'], isGroup: false, isVerbose: false };
  const page = (error: unknown) => {
    const { exitCode, text, json } = presentError(error, context);
    return `${text}exit ${exitCode}\n${JSON.stringify(json)}`;
  };

  it('the error of a wrong value has the usage above it', () => {
    const reason = new UsageError('invalid-integer', "'x' is not a valid integer.");
    expect(page(invalidValue('--count', reason))).toMatchInlineSnapshot(`
      "Usage: operator remote-db setup [OPTIONS]
      Try 'operator remote-db setup --help' for help.

      Error: Invalid value for '--count': 'x' is not a valid integer.
      exit 2
      {"error":{"code":"invalid-integer","message":"Invalid value for '--count': 'x' is not a valid integer."}}"
    `);
  });

  it('the error of missing options names them all', () => {
    const missing = [{ flag: '--vault' }, { flag: '--db-url', file: '--db-url-file or REMOTE_DB_URL_FILE' }];
    expect(page(missingOptions(missing))).toMatchInlineSnapshot(`
      "Usage: operator remote-db setup [OPTIONS]
      Try 'operator remote-db setup --help' for help.

      Error: Missing options '--vault', '--db-url'.
      There is no terminal to ask on. Secrets are better read from a file: --db-url-file or REMOTE_DB_URL_FILE.
      exit 2
      {"error":{"code":"missing-option","message":"Missing options '--vault', '--db-url'.","hint":"There is no terminal to ask on. Secrets are better read from a file: --db-url-file or REMOTE_DB_URL_FILE."}}"
    `);
  });

  it('the error of options that contradict each other has the usage above it', () => {
    expect(
      page(new CommandLineError('contradiction', '--x and --y give different values; use one of them.')),
    ).toMatchInlineSnapshot(`
      "Usage: operator remote-db setup [OPTIONS]
      Try 'operator remote-db setup --help' for help.

      Error: --x and --y give different values; use one of them.
      exit 2
      {"error":{"code":"contradiction","message":"--x and --y give different values; use one of them."}}"
    `);
  });

  it('the error of a command that there is not shows the usage of its group', () => {
    expect(
      page(new RouteError('no-such-command', "No such command 'upload'.", ['remote-db'])),
    ).toMatchInlineSnapshot(`
      "Usage: operator remote-db [OPTIONS] COMMAND [ARGS]...
      Try 'operator remote-db --help' for help.

      Error: No such command 'upload'.
      exit 2
      {"error":{"code":"no-such-command","message":"No such command 'upload'."}}"
    `);
  });

  it('the error of a wrong setting has no usage', () => {
    expect(page(new UsageError('network-missing', 'Name the network.'))).toMatchInlineSnapshot(`
      "Error: Name the network.
      exit 2
      {"error":{"code":"network-missing","message":"Name the network."}}"
    `);
  });

  it('the error of a step that failed says what to do next', () => {
    const error = new OperatorError('no-transaction', 'Transaction 7 is not there.', {
      hint: 'See "tx list".',
    });
    expect(page(error)).toMatchInlineSnapshot(`
      "Error: Transaction 7 is not there.
      See "tx list".
      exit 1
      {"error":{"code":"no-transaction","message":"Transaction 7 is not there.","hint":"See \\"tx list\\"."}}"
    `);
  });

  it('the error of something outside names it and has no usage', () => {
    const error = new ExternalError('nodes-unavailable', 'No node answers.', { retryable: true });
    expect(page(error)).toMatchInlineSnapshot(`
      "Error: No node answers.
      exit 1
      {"error":{"code":"nodes-unavailable","message":"No node answers."}}"
    `);
  });

  it('the error of differences that --check has found ends with exit code 3', () => {
    const found = () => assertUnchanged({ check: true }, true, 'Files in ./validator0 would change.');
    expect(pageOf(found)).toMatchInlineSnapshot(`
      "Error: Files in ./validator0 would change.
      Run the command without --check or --dry-run.
      exit 3
      {"error":{"code":"files-differ","message":"Files in ./validator0 would change.","hint":"Run the command without --check or --dry-run."}}"
    `);
  });

  it('the error of a question that the user left has neither usage nor stack', () => {
    expect(page(new Aborted())).toMatchInlineSnapshot(`
      "Aborted!
      exit 1
      {"error":{"code":"aborted","message":"Aborted!"}}"
    `);
  });

  it('the error of a bug shows its stack, and not as JSON', () => {
    const bug = new TypeError('x is undefined');
    bug.stack = 'TypeError: x is undefined\n    at run (src/commands/start.ts:1:1)';
    expect(page(bug)).toMatchInlineSnapshot(`
      "Error: this is a bug in the program, please report it with the lines below.
      TypeError: x is undefined
          at run (src/commands/start.ts:1:1)
      exit 70
      {"error":{"code":"internal-error","message":"x is undefined"}}"
    `);
  });

  function pageOf(fail: () => void): string {
    try {
      fail();
    } catch (error) {
      return page(error);
    }
    throw new Error('it did not fail');
  }
});
