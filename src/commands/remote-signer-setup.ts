import { example } from '../cli/examples.ts';
import { KEYSTORE_PASSWORD_OPTIONS, keystoresDir } from '../cli/flags/keystores.ts';
import {
  allowUnverifiedIpfs,
  EXECUTION_TIMEOUTS,
  executionEndpoints,
  executionSettings,
  IPFS_OPTIONS,
  ipfsSettings,
  oracleSetHash,
  proxySettings,
  verbose,
} from '../cli/flags/nodes.ts';
import { poolSize } from '../cli/flags/pool-size.ts';
import { dryRunFlag } from '../cli/flags/preview.ts';
import { checkSignerTls, REMOTE_SIGNER_URL, SIGNER_CONNECTION_OPTIONS } from '../cli/flags/signer.ts';
import { dataDir, networkOfKeys, vault } from '../cli/flags/vault.ts';
import { fileLine } from '../cli/flags/written-files.ts';
import { keystoreLocation } from '../cli/keystore-location.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { flag, type Resolved, required, requiredUnless } from '../cli/options/option.ts';
import type { RESULT } from '../cli/results/remote-signer-setup.ts';
import { signerConnection } from '../cli/signer-connection.ts';
import { confirm } from '../cli/terminal/confirm.ts';
import type { HttpDeps } from '../clients/http.ts';
import type { IpfsOptions } from '../clients/ipfs/ipfs.ts';
import { openKeymanager } from '../clients/keymanager.ts';
import { openSignerClient } from '../clients/signer/signer-client.ts';
import { ipfsOptions, openExecutionNode, openHttp, openVoters } from '../compose/nodes.ts';
import { UsageError } from '../lib/errors.ts';
import { countOf } from '../lib/plural.ts';
import type { Network } from '../networks/network.ts';
import { listProtectedKeys } from '../services/fleet/remote-signer/protected-keys.ts';
import {
  findRemovableKeys,
  removeObsoleteKeys,
} from '../services/fleet/remote-signer/remove-obsolete-keys.ts';
import {
  previewRemoteSigner,
  type RemoteSignerPreview,
  setUpRemoteSigner,
} from '../services/fleet/remote-signer/set-up-remote-signer.ts';
import { lockVaultsOf } from '../services/local-keys/lock-vault.ts';
import { findKeystores } from '../services/local-keys/read-keystores.ts';
import { fetchOracleSet } from '../services/oracles/fetch-oracle-set.ts';
import { networkOfConfig, readVaultConfig } from '../settings/vault-config.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';
import { createWorkerPool } from '../workers/pool.ts';

const OPTIONS = {
  executionEndpoints: requiredUnless('split', executionEndpoints),
  ...EXECUTION_TIMEOUTS,
  oracleSetHash,
  vault: vault('Enter your vault address'),
  remoteSignerUrl: required(REMOTE_SIGNER_URL),
  ...SIGNER_CONNECTION_OPTIONS,
  removeExistingKeys: flag({
    description:
      'Removes keys from the remote signer that an earlier configuration of this vault named and the new one does not. Useful when the oracle set has changed.',
  }),
  dryRun: dryRunFlag(
    'Opens the keystores, asks the signer which keys it has, shows what would be imported, written and removed, and changes nothing.',
  ),
  keepKeystores: flag({ description: 'Leaves the local keystores where they are.' }),
  split: flag({
    description:
      'Imports the validator keys themselves and no shares: exit signatures are then split, whatever the oracle set. Needs no execution node.',
  }),
  network: networkOfKeys,
  dataDir,
  keystoresDir,
  ...KEYSTORE_PASSWORD_OPTIONS,
  allowUnverifiedIpfs,
  ...IPFS_OPTIONS,
  poolSize,
  verbose,
};

/** Told before any file is read: keys are imported into one signer, and it is known by all of its TLS options. */
function check(given: Resolved<typeof OPTIONS>): void {
  if (given.remoteSignerUrl.length !== 1) throw severalSigners();
  checkSignerTls(given);
}

function severalSigners(): UsageError {
  return new UsageError(
    'one-signer-only',
    'Keys are imported into one signer: give one --remote-signer-url.',
  );
}

export default class RemoteSignerSetup extends operatorCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary = 'Generates and uploads private key shares to a remote signer.';
  static override examples = [
    example(
      'remote-signer-setup --vault 0x3320a...68 --remote-signer-url http://signer:9000 --execution-endpoints http://localhost:8545',
    ),
  ];

  async run() {
    const given = await this.resolve();
    const { vault, keepKeystores, dryRun } = given;
    const { prompter } = this;
    const network = networkOfConfig(await readVaultConfig(given.dataDir, vault), given.network);
    const vaultDir = vaultDirectory(given.dataDir, vault);
    const [url] = given.remoteSignerUrl;
    if (url === undefined) throw severalSigners();
    const connection = await signerConnection(given);
    const whenInterrupted = this.beginWork();
    const ipfs = ipfsOptions(ipfsSettings(given), network, this.warn);
    const endpoints = given.split ? [] : executionSettings(given).endpoints;
    const gateways = given.split ? [] : ipfs.gateways;
    const http = openHttp(given, { proxies: proxySettings(), endpoints, gateways }, this.hint);
    await using keymanager = openKeymanager({ url, ...connection, log: http.log });
    const location = keystoreLocation(given, vaultDir);
    // From reading the keystores to removing them: what another command adds meanwhile would lose its password.
    await using lock = await lockVaultsOf(dryRun ? [] : [vaultDir, location.keystoresDir], this.warn);
    const deps = { keymanager, say: this.say, warn: this.warn, assertHeld: () => lock.assertHeld() };
    const keystores = await findKeystores(location, this.warn);
    if (keystores.length === 0) {
      this.say('Keystores not found.');
      if (!given.removeExistingKeys) return { removedKeys: 0, dryRun: dryRun || undefined };
      const options = { vaultDirectory: vaultDir, protectedKeys: await listProtectedKeys(vaultDir) };
      if (dryRun) {
        const removedKeys = (await findRemovableKeys(deps, options)).length;
        this.say(`Would remove ${countOf(removedKeys, 'obsolete key')} from remote signer.`);
        return { removedKeys, dryRun };
      }
      return { removedKeys: await removeObsoleteKeys(deps, options) };
    }
    const oracleSet = given.split ? null : await this.fetchOracles({ http, ipfs }, network, given);
    await using signer = openSignerClient({ ...connection, urls: [url] });
    await using pool = createWorkerPool({ size: given.poolSize });
    if (dryRun) {
      const preview = await previewRemoteSigner(
        { ...deps, pool, progress: this.progress('passing') },
        { ...given, vaultDirectory: vaultDir, network, keystores, oracleSet },
      );
      return this.tell(preview, given);
    }
    const { configPath, ...counts } = await setUpRemoteSigner(
      {
        ...deps,
        signer,
        pool,
        progress: this.progress('kept'),
        whenInterrupted,
        confirmRemoval: async () => {
          if (keepKeystores || prompter === undefined) return !keepKeystores;
          const question = 'Remove the keystores from the local filesystem?';
          return await confirm(prompter, question, { byDefault: true, flag: '--keep-keystores' });
        },
      },
      { ...given, vaultDirectory: vaultDir, network, keystores, oracleSet },
    );
    return { ...counts, remoteSignerConfigFile: configPath };
  }

  private tell(
    { configPath, isConfigChanged, removedKeystores, ...counts }: RemoteSignerPreview,
    { split, keepKeystores, dryRun }: Resolved<typeof OPTIONS>,
  ) {
    const { keys, importedKeys, removedKeys, validators } = counts;
    const what = split ? 'private key' : 'key share';
    this.say(
      `Would import ${countOf(importedKeys, what)} of ${countOf(validators, 'validator')} into remote signer, which has ${keys - importedKeys} of ${keys}.`,
    );
    this.say(
      fileLine(
        { what: 'Remote signer configuration', path: configPath, isChanged: isConfigChanged },
        { check: true },
      ),
    );
    if (removedKeys > 0) this.say(`Would remove ${countOf(removedKeys, 'obsolete key')} from remote signer.`);
    if (!keepKeystores) {
      this.say(
        `Would remove ${countOf(removedKeystores, 'keystore')} from local filesystem, after asking; --keep-keystores leaves them there.`,
      );
    }
    return {
      ...counts,
      removedKeystores: keepKeystores ? 0 : removedKeystores,
      remoteSignerConfigFile: configPath,
      dryRun: dryRun || undefined,
    };
  }

  private async fetchOracles(
    { http, ipfs }: { readonly http: HttpDeps; readonly ipfs: IpfsOptions },
    network: Network,
    given: Resolved<typeof OPTIONS>,
  ) {
    const execution = executionSettings(given);
    using node = await openExecutionNode(http, execution, network);
    using opened = await openVoters(http, execution, network);
    // There is no key here that could vouch for a memory of what was accepted: the endpoints are asked every time.
    const { set } = await fetchOracleSet(
      { node, voters: opened.voters, http, warn: this.warn, error: this.warn },
      { contracts: network.contracts, ipfs, pinnedHash: given.oracleSetHash },
    );
    return set;
  }
}
