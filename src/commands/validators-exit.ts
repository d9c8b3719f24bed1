import { chooseExitKeys } from '../cli/choose-key-source.ts';
import { example } from '../cli/examples.ts';
import { KEY_SOURCE_OPTIONS } from '../cli/flags/key-sources.ts';
import { validatorIndexes } from '../cli/flags/listener.ts';
import {
  CONSENSUS_TIMEOUTS,
  consensusEndpoints,
  consensusSettings,
  proxySettings,
  verbose,
} from '../cli/flags/nodes.ts';
import { dryRunFlag } from '../cli/flags/preview.ts';
import { checkSignerTls, SIGNER_OPTIONS } from '../cli/flags/signer.ts';
import { dataDir, networkOfVault, vault } from '../cli/flags/vault.ts';
import { operatorCommand } from '../cli/operator-command.ts';
import { missingOptions } from '../cli/options/command-line-error.ts';
import { type CheckContext, flag, optional, type Resolved } from '../cli/options/option.ts';
import { integer } from '../cli/options/value-kinds.ts';
import type { RESULT } from '../cli/results/validators-exit.ts';
import { signerConnection } from '../cli/signer-connection.ts';
import { confirm } from '../cli/terminal/confirm.ts';
import { openExitSigner } from '../compose/exit-signer.ts';
import { openBeaconNode, openHttp } from '../compose/nodes.ts';
import { createPointCombiner } from '../domain/protocol/point-combiner.ts';
import { fromHex, toHex } from '../lib/bytes.ts';
import { PUBLIC_KEY_LENGTH } from '../lib/lengths.ts';
import { createCommandLogger } from '../lib/logger.ts';
import { nameEach, nameList } from '../lib/name-list.ts';
import { resolveNetwork } from '../networks/resolve-network.ts';
import {
  assertAllExited,
  type ExitPlan,
  exitValidators,
  planExits,
} from '../services/exits/exit-validators.ts';
import { findRemoteSignerConfig } from '../services/fleet/remote-signer/remote-signer-config-file.ts';
import { listKeystores } from '../services/local-keys/keystore-list.ts';
import type { ExitKeysSettings } from '../settings/signing-settings.ts';
import { readVaultConfig } from '../settings/vault-config.ts';
import { vaultDirectory } from '../settings/vault-directory.ts';

const OPTIONS = {
  consensusEndpoints: consensusEndpoints('Enter the comma separated'),
  ...CONSENSUS_TIMEOUTS,
  vault: vault('Enter your vault address'),
  network: networkOfVault,
  count: optional({
    description: 'The number of validators to exit. Default is all active validators of the vault.',
    value: integer({ min: 1 }),
  }),
  indexes: optional<readonly string[]>({
    description: 'Indexes of the validators to exit, comma separated.',
    value: validatorIndexes,
  }),
  yes: flag({ description: 'Exits without asking.' }),
  dryRun: dryRunFlag('Shows which validators would exit, and sends nothing.'),
  dataDir,
  ...SIGNER_OPTIONS,
  ...KEY_SOURCE_OPTIONS,
  verbose,
};

/** Told before any node is asked: what would be exited has to be confirmed. */
function check(given: Resolved<typeof OPTIONS>, { isAttended }: CheckContext): void {
  const { yes, dryRun } = given;
  if (!yes && !dryRun && !isAttended) throw missingOptions([{ flag: '--yes' }]);
  checkSignerTls(given);
}

/** The public keys of local keystores, 48 bytes each; undefined where only who holds the keys can tell. */
async function namedKeys(exitKeys: ExitKeysSettings): Promise<Uint8Array[] | undefined> {
  if (exitKeys.kind !== 'built-in' || exitKeys.keys.kind !== 'keystores') return undefined;
  // Whoever decrypts them warns of their password files.
  const { publicKeys, length } = await listKeystores(exitKeys.keys, () => undefined);
  return Array.from({ length }, (_, place) => publicKeys.at(place));
}

/** The same keys, of keystores only those that are needed. */
function keysOfPlan(exitKeys: ExitKeysSettings, { validators }: ExitPlan): ExitKeysSettings {
  if (exitKeys.kind !== 'built-in' || exitKeys.keys.kind !== 'keystores') return exitKeys;
  const onlyPublicKeys = validators.map(({ publicKey }) => toHex(publicKey));
  return { kind: 'built-in', keys: { ...exitKeys.keys, onlyPublicKeys } };
}

export default class ValidatorsExit extends operatorCommand(OPTIONS, { check })<typeof RESULT> {
  static override summary = 'Performs a voluntary exit for active vault validators.';
  static override examples = [
    example('validators-exit --vault 0x3320a...68 --consensus-endpoints http://localhost:5052 --count 3'),
  ];

  async run() {
    const given = await this.resolve();
    const { vault, remoteSignerUrl } = given;
    const whenInterrupted = this.beginWork('No exit was sent.');
    const networkName = given.network ?? (await readVaultConfig(given.dataDir, vault)).network;
    const network = resolveNetwork(networkName);
    const outward = { proxies: proxySettings(), endpoints: given.consensusEndpoints };
    const http = openHttp(given, outward, this.hint);
    const config = remoteSignerUrl && (await findRemoteSignerConfig(vaultDirectory(given.dataDir, vault)));
    const connection = await signerConnection(given);
    const exitKeys = chooseExitKeys(given, this.hint);
    const node = await openBeaconNode(http, consensusSettings(given), network);
    const log = createCommandLogger(given.verbose);
    await using resources = new AsyncDisposableStack();
    const open = async (keys: ExitKeysSettings) => {
      const signing = { ...connection, exitKeys: keys, concurrency: given.signerConcurrency };
      const { client } = resources.use(
        await openExitSigner(log, signing, networkName, this.progress('passing')),
      );
      return { client, loadedKeys: await client.listPublicKeys() };
    };
    // What keystores name stands in them in clear: none is decrypted before it is known which validators can exit.
    const named = await namedKeys(exitKeys);
    const opened = named === undefined ? await open(exitKeys) : undefined;
    const publicKeys =
      config?.validators.map(one => one.publicKey) ??
      named ??
      [...(opened?.loadedKeys ?? [])].map(key => fromHex(key, PUBLIC_KEY_LENGTH));
    if (remoteSignerUrl) {
      this.hint(`Using remote signer at ${remoteSignerUrl.join(', ')} for ${publicKeys.length} public keys`);
    }
    const indexesAsked = given.indexes?.map(BigInt);
    const plan = await planExits(node, { ...given, network, publicKeys, indexes: indexesAsked });
    this.warnOfOthers(plan);
    const indexes = plan.validators.map(one => one.index);
    const planned = {
      planned: indexes.map(Number),
      alreadyExiting: plan.exited.map(one => Number(one.index)),
    };
    if (given.dryRun || indexes.length === 0) {
      this.say(
        indexes.length === 0
          ? 'All validators are already exiting.'
          : `Would exit ${indexes.length} validators with indexes: ${nameList(indexes)}`,
      );
      return { ...planned, exits: [], dryRun: given.dryRun || undefined };
    }
    const question = `Are you sure you want to exit ${indexes.length} validators with indexes: ${nameList(indexes)}?`;
    if (!given.yes && !(await confirm(this.prompter, question, { flag: '--yes' })))
      return { ...planned, exits: [] };
    const { client, loadedKeys } = opened ?? (await open(keysOfPlan(exitKeys, plan)));
    const exits = await exitValidators(
      {
        node,
        signer: client,
        loadCombiner: createPointCombiner,
        progress: this.progress('kept'),
        whenInterrupted,
      },
      { validators: plan.validators, network, config, loadedKeys },
    );
    assertAllExited(exits);
    this.say(
      `Validators ${nameList(indexes)} (${exits.length} of ${indexes.length}) exits successfully initiated`,
    );
    return { ...planned, exits: exits.map(exit => ({ ...exit, index: Number(exit.index) })) };
  }

  private warnOfOthers({ exited, refused, foreign }: ExitPlan): void {
    nameEach(
      exited,
      ({ index, status }) => this.hint(`Validator ${index} is already exiting (${status}).`),
      more => this.hint(`${more} more validators are already exiting.`),
    );
    nameEach(
      refused,
      ({ validator, reason }) =>
        this.warn(
          `validator ${validator.index} (${toHex(validator.publicKey).slice(0, 10)}…) cannot exit now: ${reason}.`,
        ),
      more => this.warn(`${more} more validators cannot exit now.`),
    );
    if (foreign > 0)
      this.warn(`${foreign} validators of these keys do not withdraw to the vault and are left alone.`);
  }
}
