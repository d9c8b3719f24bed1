import { EndpointUrl, withoutSecrets } from '../../lib/endpoint-url.ts';
import { UsageError } from '../../lib/errors.ts';
import type { KeymanagerSettings } from '../../settings/fleet-settings.ts';
import { flag, optional, type Resolved, repeated, type ValueKind } from '../options/option.ts';
import { file, httpUrl, httpUrls } from '../options/value-kinds.ts';
import { keystoresDir } from './keystores.ts';
import { IPFS_OPTIONS, verbose } from './nodes.ts';
import { optionalDbUrl, REMOTE_DB_OPTIONS, waitForDb } from './remote-db.ts';
import { checkSignerTls, SIGNER_TLS_OPTIONS } from './signer.ts';
import { START_OPTIONS } from './start.ts';
import { timeout } from './timeout.ts';
import { networkOfVault, newDataDir, vault } from './vault.ts';

const signer: ValueKind<EndpointUrl> = { placeholder: 'URL', parse: EndpointUrl.parse };

/** The URL of a validator client and the file that it has written its token into. */
const keymanager: ValueKind<KeymanagerSettings> = {
  placeholder: 'URL=FILE',
  async parse(value, source) {
    const at = value.lastIndexOf('=');
    if (at <= 0) {
      throw new UsageError('invalid-keymanager', `'${withoutSecrets(value)}' names no token file.`, {
        hint: 'Write the URL of the validator client, "=", and the file with its token.',
      });
    }
    return {
      url: await httpUrl.parse(value.slice(0, at), source),
      tokenFile: await file({ exists: true }).parse(value.slice(at + 1), source),
    };
  },
};

/** The counterparts of a fleet: what is not named is not asked. */
export const FLEET_OPTIONS = {
  vault: vault('Enter your vault address'),
  network: networkOfVault,
  dataDir: newDataDir,
  keystoresDir,
  dbUrl: optionalDbUrl,
  dbSchema: REMOTE_DB_OPTIONS.dbSchema,
  waitForDb: waitForDb(),
  executionEndpoints: optional<readonly EndpointUrl[]>({
    description: 'Comma separated list of API endpoints for execution nodes.',
    env: 'EXECUTION_ENDPOINTS',
    value: httpUrls,
  }),
  executionJwtSecret: START_OPTIONS.executionJwtSecret,
  consensusEndpoints: optional<readonly EndpointUrl[]>({
    description: 'Comma separated list of API endpoints for consensus nodes.',
    env: 'CONSENSUS_ENDPOINTS',
    value: httpUrls,
  }),
  ...IPFS_OPTIONS,
  signerUrl: repeated<EndpointUrl>({
    description:
      'The base URL of a signer, or unix:PATH of its socket; given once for each, or in the variable separated by commas.',
    env: 'REMOTE_SIGNER_URL',
    aliases: ['remote-signer-url'],
    value: signer,
  }),
  ...SIGNER_TLS_OPTIONS,
  keymanager: repeated<KeymanagerSettings>({
    description:
      'URL of the key manager API of a validator client, and the file with its token; given once for each.',
    env: 'KEYMANAGERS',
    value: keymanager,
  }),
  operatorUrl: repeated<EndpointUrl>({
    description:
      'URL of the probes of an operator, as --health-port of "start" has them; given once for each.',
    env: 'OPERATOR_URLS',
    value: httpUrl,
  }),
  hotWalletFile: START_OPTIONS.hotWalletFile,
  askTimeout: timeout('ASK_TIMEOUT', 10, 'Time limit of each counterpart'),
  verbose,
} as const;

/** How often the screen is drawn. */
export const WATCH_OPTIONS = {
  watch: flag({ description: 'Looks again and again, and draws the screen anew, until Ctrl-C.' }),
  watchInterval: timeout('WATCH_INTERVAL', 12, 'Time from one look of --watch or --serve to the next'),
} as const;

export type FleetGiven = Resolved<typeof FLEET_OPTIONS>;

/** @throws UsageError for options that do not go together */
export function checkFleet(given: FleetGiven): void {
  checkSignerTls(given);
}
