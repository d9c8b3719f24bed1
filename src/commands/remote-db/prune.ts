import { remoteDbExample } from '../../cli/examples.ts';
import { encryptKey } from '../../cli/flags/encrypt-key.ts';
import {
  CONSENSUS_TIMEOUTS,
  consensusEndpoints,
  consensusSettings,
  proxySettings,
  verbose,
} from '../../cli/flags/nodes.ts';
import { checkFlag } from '../../cli/flags/preview.ts';
import { checkSignerTls, SIGNER_CONNECTION_OPTIONS, web3signerEndpoint } from '../../cli/flags/signer.ts';
import { CommandLineError, missingOptions } from '../../cli/options/command-line-error.ts';
import { flag, type Resolved, requiredUnless } from '../../cli/options/option.ts';
import { remoteDbCommand } from '../../cli/remote-db-command.ts';
import type { RESULT } from '../../cli/results/remote-db/prune.ts';
import { signerConnection } from '../../cli/signer-connection.ts';
import { confirm } from '../../cli/terminal/confirm.ts';
import { openEachBeaconNode, openHttp, openRemoteSigner } from '../../compose/nodes.ts';
import { openRemoteDb, type RemoteDb } from '../../compose/remote-db.ts';
import { NAMED_KEYS } from '../../domain/fleet/observation/named-keys.ts';
import { RETIREMENT_STAGES } from '../../domain/fleet/retired-keys.ts';
import { toHex } from '../../lib/bytes.ts';
import { EXIT } from '../../lib/errors.ts';
import { countOf } from '../../lib/plural.ts';
import { keepHeapSmall } from '../../lib/small-heap.ts';
import { planRetirement, type Retirement } from '../../services/fleet/retire/retire-exited.ts';
import { planUndo } from '../../services/fleet/retire/undo-retirement.ts';

const OPTIONS = {
  exited: {
    ...flag({ description: 'Retires the keys of validators that can never have to sign again.' }),
    unless: 'undo',
  },
  undo: flag({ description: 'Brings all retired keys back.' }),
  encryptKey,
  consensusEndpoints: requiredUnless('undo', consensusEndpoints('Enter comma separated')),
  ...CONSENSUS_TIMEOUTS,
  web3signerEndpoint: web3signerEndpoint(
    'A Web3Signer to ask whether it still has retired keys; to be given for every signer of the vault.',
  ),
  ...SIGNER_CONNECTION_OPTIONS,
  yes: { ...flag({ description: 'Stores it without asking.' }), unless: 'check' },
  check: checkFlag(
    'Shows what would be retired, how far, and what is missing. Stores nothing; exits with 3 when there is anything to store.',
  ),
  verbose,
};

type Given = Resolved<typeof OPTIONS>;

function check(given: Given): void {
  checkSignerTls(given);
  const { exited, undo, yes } = given;
  if (exited && undo) throw new CommandLineError('contradiction', 'Give either --exited or --undo.');
  if (!exited && !undo) throw missingOptions([{ flag: '--exited' }]);
  if (yes && given.check) throw new CommandLineError('contradiction', 'Give either --yes or --check.');
}

/** What becomes of keys at each stage. */
const STAGES = {
  signers: 'left out of the files of the signers',
  clients: 'left out of the files of signers and validator clients',
  rotation: "left out everywhere, the operator's files and rotation too",
} as const;

export default class RemoteDbPrune extends remoteDbCommand(OPTIONS, {
  unattended: ['exited', 'yes'],
  check,
})<typeof RESULT> {
  static override summary =
    "Retires the keys of exited validators from signers' files, validator clients' files and rotation, in this order.";
  static override description =
    'Each run goes as far as it is proven: the consensus nodes say by a finalized state who can never have to sign again, the signers that they have let the keys go, and the database that the files of validator clients were written since. The sealed rows stay, and the clients that the plan gives the keys to. What is retired is signed with the key of the vault.';
  static override examples = [
    remoteDbExample(
      'prune --exited --encrypt-key-file ./encrypt-key --consensus-endpoints http://a:5052,http://b:5052 --web3signer-endpoint http://signer-a:9000 --web3signer-endpoint http://signer-b:9000 --check',
    ),
    remoteDbExample('prune --undo --encrypt-key-file ./encrypt-key'),
  ];

  async run() {
    keepHeapSmall();
    const options = await this.resolve();
    this.beginWork();
    await using remote = await openRemoteDb(options, this.config.version);
    return options.undo ? await this.undo(remote, options) : await this.retire(remote, options);
  }

  private async retire(remote: RemoteDb, options: Given & { readonly warn: (line: string) => void }) {
    const consensus = options.consensusEndpoints ?? [];
    const http = openHttp(options, { proxies: proxySettings(), endpoints: consensus }, this.hint);
    const connection = await signerConnection(options);
    await using stack = new AsyncDisposableStack();
    const signers = options.web3signerEndpoint.map(url =>
      stack.use(openRemoteSigner(url, connection, options)),
    );
    const nodes = await openEachBeaconNode(
      http,
      consensusSettings({ ...options, consensusEndpoints: consensus }),
      remote.ref.network,
    );
    const { ref, database } = remote;
    const { encryptKey: key, warn } = options;
    const plan = await planRetirement({ database, nodes, signers, warn }, { ref, encryptKey: key });
    this.show(plan, options.check);
    const isStored = plan.isChange && (await this.mayStore(options, 'Do you want to store and sign this?'));
    if (isStored) {
      await plan.store();
      this.say('Successfully stored and signed which keys are retired.');
    }
    this.tellNext(plan, options);
    return {
      exited: plan.exited.length,
      firstPublicKeys: plan.exited.slice(0, NAMED_KEYS).map(toHex),
      finalizedEpoch: Number(plan.finalizedEpoch),
      retired: (isStored || options.check ? plan.after : plan.before).counts(),
      unprovenParts: plan.missing,
      changed: isStored || (options.check && plan.isChange),
      dryRun: options.check || undefined,
    };
  }

  /** Asks, unless that is answered already. @returns whether to store it; a check that would store ends with 3 */
  private async mayStore({ yes, check: isCheck }: Given, question: string): Promise<boolean> {
    if (isCheck) {
      process.exitCode = EXIT.differences;
      return false;
    }
    return yes || (await confirm(this.prompter, question, { flag: '--yes' }));
  }

  private show({ exited, finalizedEpoch, before, after, isChange }: Retirement, isCheck: boolean): void {
    const epoch = `as of finalized epoch ${finalizedEpoch}`;
    if (exited.length === 0) {
      this.say(`No further validator can be retired ${epoch}.`);
    } else {
      const first = exited.slice(0, NAMED_KEYS).map(toHex);
      const more = exited.length > NAMED_KEYS ? `, and ${exited.length - NAMED_KEYS} more` : '';
      this.say(
        `${countOf(exited.length, 'validator')} can never have to sign again ${epoch}: ${first.join(', ')}${more}.`,
      );
    }
    const verb = isCheck || isChange ? 'would be' : 'are';
    for (const stage of RETIREMENT_STAGES) {
      const [now, then] = [before.countAt(stage), after.countAt(stage)];
      if (now === 0 && then === 0) continue;
      const change = now === then ? '' : ` (${now} so far)`;
      this.say(`${countOf(then, 'retired key')} ${verb} ${STAGES[stage]}${change}.`);
    }
  }

  /** What is missing, and what to run where. */
  private tellNext({ before, after, missing }: Retirement, { check: isCheck }: Given): void {
    for (const { where, what, remedy } of missing) this.hint(`Next: ${where} ${what}: ${remedy}.`);
    if (missing.length > 0) this.hint('Next: run this command again, which goes on from there.');
    const isOver = after.countAt('rotation') > before.countAt('rotation');
    if (isOver && !isCheck) {
      this.hint(
        'Next: operator remote-db setup-operator, where an operator works from files; one that reads the remote db needs nothing.',
      );
    }
  }

  private async undo({ database, ref }: RemoteDb, options: Given) {
    const undone = await planUndo(database, { ref, encryptKey: options.encryptKey });
    const keys = countOf(undone.keys, 'retired key');
    if (!undone.isChange) this.say('No key is retired; nothing changed.');
    else this.say(`${keys} ${options.check ? 'would come' : 'are to come'} back.`);
    const isStored = undone.isChange && (await this.mayStore(options, 'Do you want to bring them back?'));
    if (isStored) {
      await undone.store();
      this.say(`Successfully brought back ${keys}.`);
      this.hint(
        'Next: remote-db setup-web3signer, setup-validator and setup-operator write the keys into the files again. Web3Signer may have disabled them: give setup-web3signer --slashing-db-url.',
      );
    }
    return {
      exited: 0,
      firstPublicKeys: [],
      retired: { outOfSigners: 0, outOfClients: 0, outOfRotation: 0 },
      unprovenParts: [],
      broughtBack: isStored || options.check ? undone.keys : 0,
      changed: isStored || (options.check && undone.isChange),
      dryRun: options.check || undefined,
    };
  }
}
