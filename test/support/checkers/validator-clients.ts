// Reads the files of a validator client by the rules of Lighthouse, Teku and Prysm. Shares no code with src/.
import { parseDocument } from 'yaml';
import { checkAddress, checkPublicKey } from './addresses.ts';

export interface ClientEntry {
  readonly publicKey: string;
  readonly url: string;
  readonly feeRecipient: string | undefined;
}

const LIGHTHOUSE_FIELDS = new Map<string, (value: unknown) => boolean>([
  ['enabled', value => typeof value === 'boolean'],
  ['voting_public_key', value => typeof value === 'string'],
  ['type', value => value === 'web3signer'],
  ['url', value => typeof value === 'string'],
  ['root_certificate_path', value => typeof value === 'string'],
  ['request_timeout_ms', value => Number.isSafeInteger(value)],
  ['client_identity_path', value => typeof value === 'string'],
  ['client_identity_password', value => typeof value === 'string'],
  ['suggested_fee_recipient', value => typeof value === 'string'],
  ['gas_limit', value => Number.isSafeInteger(value)],
  ['builder_proposals', value => typeof value === 'boolean'],
  ['builder_boost_factor', value => Number.isSafeInteger(value)],
  ['prefer_builder_proposals', value => typeof value === 'boolean'],
  ['graffiti', value => typeof value === 'string' && Buffer.byteLength(value) <= 32],
  ['description', value => typeof value === 'string'],
]);

/**
 * Lighthouse's `validator_definitions.yml` (remote signers only).
 * @throws Error for what makes Lighthouse refuse to start, and for a field that it would drop silently
 */
export function readLighthouseDefinitions(text: string): ClientEntry[] {
  const list = readYaml(text, 'validator_definitions.yml');
  if (!Array.isArray(list)) throw new Error('validator_definitions.yml: not a list');
  const seen = new Set<string>();
  return list.map((entry: unknown, index) => {
    const where = `validator_definitions.yml, entry ${index + 1}`;
    const fields = fieldsOf(entry, where);
    for (const [name, value] of fields) {
      const check = LIGHTHOUSE_FIELDS.get(name);
      if (!check) throw new Error(`${where}: unknown field ${name}, Lighthouse would ignore it`);
      if (!check(value)) throw new Error(`${where}: wrong value of ${name}`);
    }
    for (const name of ['enabled', 'voting_public_key', 'type', 'url']) {
      if (!fields.has(name)) throw new Error(`${where}: ${name} is missing`);
    }
    if (fields.get('enabled') !== true) throw new Error(`${where}: not enabled`);
    const publicKey = checkPublicKey(fields.get('voting_public_key'), where);
    if (seen.has(publicKey))
      throw new Error(`${where}: ${publicKey} twice, Lighthouse would ignore the second`);
    seen.add(publicKey);
    const recipient = fields.get('suggested_fee_recipient');
    return {
      publicKey,
      url: checkSignerUrl(fields.get('url'), where),
      feeRecipient: recipient === undefined ? undefined : checkAddress(recipient, where),
    };
  });
}

/**
 * The `--config-file` fragment that Teku and Prysm share.
 * @returns public keys in order; none where the list is empty, with which both start and wait
 * @throws Error for what makes either refuse to start
 */
export function readSignerKeys(text: string): string[] {
  const fields = fieldsOf(readYaml(text, 'signer_keys.yml'), 'signer_keys.yml');
  if (fields.size === 0) throw new Error('signer_keys.yml: empty, Teku refuses it');
  for (const name of fields.keys()) {
    // The only option of this file; Teku refuses every name that is not one of its options.
    if (name !== 'validators-external-signer-public-keys')
      throw new Error(`signer_keys.yml: unknown option ${name}`);
  }
  const keys = fields.get('validators-external-signer-public-keys');
  if (!Array.isArray(keys)) throw new Error('signer_keys.yml: the keys are not a list');
  const publicKeys = keys.map((key: unknown, index) =>
    checkPublicKey(key, `signer_keys.yml, key ${index + 1}`),
  );
  if (new Set(publicKeys).size !== publicKeys.length)
    throw new Error('signer_keys.yml: a key is there twice');
  return publicKeys;
}

/**
 * `proposer_config.json`, for Teku (which refuses unknown names at the top) and Prysm alike.
 * @throws Error for what makes either refuse to start
 */
export function readProposerConfig(text: string): {
  feeRecipient: string;
  isBuilderEnabled: boolean | undefined;
} {
  const json: unknown = JSON.parse(text);
  const top = fieldsOf(json, 'proposer_config.json');
  for (const name of top.keys()) {
    if (name !== 'default_config' && name !== 'proposer_config') {
      throw new Error(`proposer_config.json: unknown name ${name}, Teku refuses it`);
    }
  }
  for (const [key, entry] of fieldsOf(top.get('proposer_config') ?? {}, 'proposer_config')) {
    checkPublicKey(key, 'proposer_config.json');
    readProposer(entry, `proposer_config.json, ${key}`, false);
  }
  const { feeRecipient, isBuilderEnabled } = readProposer(top.get('default_config'), 'default_config', true);
  if (feeRecipient === undefined)
    throw new Error('proposer_config.json: default_config has no fee_recipient');
  return { feeRecipient, isBuilderEnabled };
}

function readProposer(entry: unknown, where: string, isDefault: boolean) {
  const fields = fieldsOf(entry, where);
  const recipient = fields.get('fee_recipient');
  const builder = fields.has('builder') ? fieldsOf(fields.get('builder'), `${where}.builder`) : undefined;
  const enabled = builder?.get('enabled');
  if (builder && (isDefault || enabled !== undefined) && typeof enabled !== 'boolean') {
    throw new Error(`${where}.builder: enabled is not a boolean`);
  }
  const gasLimit = builder?.get('gas_limit');
  if (gasLimit !== undefined && !/^\d+$/.test(String(gasLimit)))
    throw new Error(`${where}.builder: wrong gas_limit`);
  return {
    feeRecipient: recipient === undefined ? undefined : checkAddress(recipient, where),
    isBuilderEnabled: typeof enabled === 'boolean' ? enabled : undefined,
  };
}

function checkSignerUrl(value: unknown, where: string): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (typeof value !== 'string' || !url || !/^https?:$/.test(url.protocol))
    throw new Error(`${where}: not a URL`);
  if (value.endsWith('/') && url.pathname === '/')
    throw new Error(`${where}: slash at the end, Prysm asks for //api`);
  if (/[?#\s]/.test(value)) throw new Error(`${where}: not the base of other URLs`);
  if (!value.endsWith('/') && url.pathname !== '/')
    throw new Error(`${where}: no slash at the end of its path, Lighthouse drops the last part`);
  return value;
}

function readYaml(text: string, name: string): unknown {
  // Two versions: SnakeYAML and Go read 1.1, serde_yaml 1.2. A file that means two things is wrong.
  const [older, newer] = (['1.1', '1.2'] as const).map(version => {
    const document = parseDocument(text, { version, uniqueKeys: true, logLevel: 'silent' });
    if (document.errors.length > 0) throw new Error(`${name}: not YAML`);
    const value: unknown = document.toJS();
    return value;
  });
  if (JSON.stringify(older) !== JSON.stringify(newer))
    throw new Error(`${name}: YAML 1.1 and 1.2 read it differently`);
  return newer;
}

function fieldsOf(value: unknown, where: string): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${where}: not a mapping`);
  return new Map(Object.entries(value));
}
