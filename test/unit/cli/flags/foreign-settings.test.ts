import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  FOREIGN_OPTION_FLAGS,
  FOREIGN_OPTIONS,
  FOREIGN_VARIABLES,
  type ForeignOption,
  type ForeignSetting,
  listIgnored,
  refuseForeign,
} from '../../../../src/cli/flags/foreign-settings.ts';
import { STAKING_OPTIONS } from '../../../../src/cli/flags/staking.ts';
import { flagName } from '../../../../src/cli/options/option.ts';
import { resolveOptions } from '../../../../src/cli/options/resolve-options.ts';
import { it } from '../../../support/fixtures.ts';
import { PROJECT_ROOT } from '../../../support/programs/cli.ts';

const options = Object.entries<ForeignOption>(FOREIGN_OPTIONS);
const variables = Object.entries<ForeignSetting>(FOREIGN_VARIABLES);
const rows = [...options, ...variables].map(([, row]) => row);

/** The settings as a command line and an environment give them. */
async function give(flags: Record<string, unknown>, environment: Record<string, string> = {}) {
  const given = await resolveOptions(
    { ...FOREIGN_OPTION_FLAGS, ...STAKING_OPTIONS },
    { flags, environment, prompter: undefined, warn: () => undefined },
  );
  return {
    given,
    ignored: listIgnored(given, environment),
    refuse: () => refuseForeign(given, environment),
  };
}

/** What refuses a setting, by the beginning of its message. */
function refusalOf(name: string) {
  return expect.objectContaining({
    code: 'setting-refused',
    exitCode: 2,
    message: expect.stringMatching(new RegExp(`^${name.replaceAll('*', '\\*')}\\b.* is refused\\. `)),
  });
}

/** A name of a variable in the place of a family's. */
const nameOf = (row: string) => row.replace('*', 'ANYTHING');
/** A value that an option takes. */
const givenValueOf = ({ isSwitch }: ForeignOption) => (isSwitch ? 'true' : '1');

describe('settings of other generations of the Python operator', () => {
  it('each of them is decided with a reason in full sentences, and what is refused says what to do instead', () => {
    expect(options).toHaveLength(6);
    // Those of the newest releases, three families among them, and one of the relayer.
    expect(variables).toHaveLength(29 - 1 + 4);
    for (const { decision, why, instead } of rows) {
      expect(why).toMatch(/^[A-Z].*\.$/);
      expect(instead === undefined, why).toBe(decision === 'ignored');
      if (instead !== undefined) expect(instead).toMatch(/^[A-Z].*\.$/);
    }
  });

  it.each(options)(
    'the option of %s is ignored or refused as its row says, by flag and by variable',
    async (key, row) => {
      const name = flagName(key);
      const value = givenValueOf(row);
      const ways = [{ flags: { [name]: row.isSwitch ? true : value }, environment: {} }];
      if (row.env !== undefined)
        ways.push({ flags: {} as never, environment: { [row.env]: value } as never });
      for (const { flags, environment } of ways) {
        const { ignored, refuse } = await give(flags, environment);
        expect(ignored).toEqual(row.decision === 'ignored' ? [`--${name}`] : []);
        if (row.decision === 'refused') expect(refuse).toThrow(refusalOf(`--${name}`));
        else expect(refuse).not.toThrow();
      }
    },
  );

  it.each(variables)('the variable %s is ignored or refused as its row says', async (row, { decision }) => {
    const name = nameOf(row);
    const { ignored, refuse } = await give({}, { [name]: 'planted' });
    expect(ignored).toEqual(decision === 'ignored' ? [name] : []);
    if (decision === 'refused') expect(refuse).toThrow(refusalOf(name));
    else expect(refuse).not.toThrow();
  });

  it.each<readonly [string, string, string]>([
    ['max-validator-balance-gwei', '31999999999', 'out-of-range'],
    ['max-validator-balance-gwei', '2048000000001', 'out-of-range'],
    ['max-validator-balance-gwei', 'all', 'invalid-integer'],
    ['min-deposit-amount-gwei', '999999999', 'out-of-range'],
    ['min-deposit-amount-gwei', '1.5', 'invalid-integer'],
  ])('--%s takes no %s', async (name, value, code) => {
    await expect(give({ [name]: value })).rejects.toMatchObject({ code, exitCode: 2 });
  });

  it('--max-validator-balance-gwei and --min-deposit-amount-gwei take what the newest Python operator takes', async () => {
    const environment = {
      MAX_VALIDATOR_BALANCE_GWEI: '2048000000000',
      MIN_DEPOSIT_AMOUNT_GWEI: '1000000000',
    };
    expect((await give({}, environment)).given).toMatchObject({
      maxValidatorBalanceGwei: 2_048_000_000_000,
      minDepositAmountGwei: 1_000_000_000,
    });
    expect((await give({ 'max-validator-balance-gwei': '32000000000' })).given).toMatchObject({
      maxValidatorBalanceGwei: 32_000_000_000,
    });
  });

  it('an empty value is not given, on the command line and in the environment', async () => {
    const valued = options.filter(([, row]) => !row.isSwitch).map(([key]) => flagName(key));
    const flags = Object.fromEntries([...valued, 'validator-type'].map(name => [name, '']));
    const names = [
      ...options.map(([, { env }]) => env),
      'VALIDATOR_TYPE',
      ...variables.map(([row]) => nameOf(row)),
    ];
    const environment = Object.fromEntries(names.filter(name => name !== undefined).map(name => [name, '']));
    for (const way of [await give(flags), await give({}, environment), await give(flags, environment)]) {
      expect(way.given).toMatchObject({ validatorType: undefined, relayerEndpoint: undefined });
      expect(way.ignored).toEqual([]);
      expect(way.refuse).not.toThrow();
    }
    const blank = await give({ 'validator-type': ' ' }, { WALLET_PRIVATE_KEY: ' ', SENTRY_DSN: ' ' });
    expect(blank.ignored).toEqual([]);
    expect(blank.refuse).not.toThrow();
  });

  it.each(['false', '0', 'no', 'Off'])('a switch whose variable says %s is not given', async value => {
    const { refuse, ignored } = await give({}, { RUN_NODES: value, CLAIM_FEE_SPLITTER: value });
    expect(ignored).toEqual([]);
    expect(refuse).not.toThrow();
  });

  it('one refusal names all that is refused and what to do instead, and no value', async () => {
    const environment = {
      RELAYER_TIMEOUT: 'planted',
      RELAYER_ENDPOINT: 'http://planted',
      SENTRY_DSN: 'planted',
    };
    const { refuse } = await give({ 'run-nodes': true }, environment);
    const error = await Promise.resolve()
      .then(refuse)
      .catch(thrown => thrown);
    for (const name of [
      '--run-nodes (RUN_NODES)',
      '--relayer-endpoint (RELAYER_ENDPOINT)',
      'RELAYER_TIMEOUT',
    ])
      expect(error.message).toContain(`${name} is refused. `);
    expect(error.hint).toContain('--keystores-dir');
    expect(error.hint).toContain('--execution-endpoints');
    expect(error.message + error.hint).not.toMatch(/planted|SENTRY/);
  });

  it.each([
    ['0x01', '0x01'],
    ['0X01', '0x01'],
    ['0x02', '0x02'],
  ])('--validator-type takes %s', async (value, type) => {
    expect((await give({ 'validator-type': value })).given).toMatchObject({ validatorType: type });
  });

  it.each(['0x00', 'compounding', '2'])('--validator-type knows no %s', async value => {
    await expect(give({ 'validator-type': value })).rejects.toMatchObject({
      code: 'invalid-choice',
      exitCode: 2,
    });
  });
});

describe('docs/python-operator-settings.md', () => {
  function check(...words: string[]) {
    const script = join(PROJECT_ROOT, 'scripts/foreign-settings.js');
    const { status, stderr } = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8' });
    return { status, stderr };
  }

  it('docs/python-operator-settings.md is what the tables say, and has a line for each of them', () => {
    expect(check('--check')).toEqual({ status: 0, stderr: '' });
    const page = readFileSync(join(PROJECT_ROOT, 'docs/python-operator-settings.md'), 'utf8');
    const lines = page.split('\n').filter(line => line.startsWith('| `'));
    expect(lines).toHaveLength(options.length + variables.length);
    for (const [key] of options) expect(page).toContain(`\n| \`--${flagName(key)}\``);
    for (const [name] of variables) expect(page).toContain(`\n| \`${name}\` |`);
  });

  it('docs/python-operator-settings.md is called stale by --check when a word of it was changed, or when it is missing', ({
    directory,
  }) => {
    const page = join(directory, 'settings.md');
    const stale = {
      status: 1,
      stderr: 'docs/python-operator-settings.md is stale: run "npm run settings".\n',
    };
    expect(check('--check', page)).toEqual(stale);
    expect(check(page)).toEqual({ status: 0, stderr: '' });
    expect(check('--check', page)).toEqual({ status: 0, stderr: '' });
    writeFileSync(page, readFileSync(page, 'utf8').replace('refused', 'ignored'));
    expect(check('--check', page)).toEqual(stale);
  });
});
