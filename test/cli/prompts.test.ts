import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  PROJECT_ROOT,
  runCli,
  runOnTerminal,
  temporaryDirectory,
  withoutEscapes,
} from '../support/programs/cli.ts';
import { renderScreen } from '../support/programs/screen.ts';

const VAULT = '0x1234567890AbcdEF1234567890aBcdef12345678';
const MNEMONIC =
  'okay session silver direct slot fun meat life cargo fall muffin convince discover together apart token ten suffer science sponsor fruit abandon cause diamond';

interface RecordedDialogue {
  readonly answers: readonly string[];
  readonly output: string;
  readonly exitCode: number;
}

/** A transcript of the Python operator whose answers came through a pipe. */
function recordedDialogue(name: string): RecordedDialogue {
  const text = readFileSync(join(PROJECT_ROOT, 'test/vectors/v3-operator/09-cli', name), 'utf8');
  const [head = '', tail = ''] = text.split('--- output\n');
  const answered = head.split('\n').filter(line => line === '<' || line.startsWith('< '));
  const answers = answered.map(line => line.slice(2));
  const end = /\n?\n\[exit (\d+)\]\n?$/.exec(tail);
  return { answers, output: tail.slice(0, end?.index), exitCode: Number(end?.[1]) };
}

/** Questions of a recorded output, in order: what stands before each place where an answer was read. */
function questions(output: string): string[] {
  return output.match(/(?:Enter|Choose)[^:]*?(?:\([^)]*\)[^:]*)?: /g) ?? [];
}

/** Answers each question in turn; the screen then shows question, typed answer and a line end. */
async function converse(args: readonly string[], asked: readonly string[], answers: readonly string[]) {
  const dialogue = asked.map((question, i) => {
    const answer = answers[i];
    return { on: question, type: answer === undefined ? '\u0004' : `${answer}\r` };
  });
  return runOnTerminal(args, dialogue);
}

describe('questions on a terminal', () => {
  it.each([
    ['prompts-create-keys.txt', 'create-keys', ''],
    [
      'prompts-create-keys-b.txt',
      'create-keys',
      'It has 2 words, and a mnemonic has 12, 15, 18, 21 or 24.\n',
    ],
    [
      'prompts-create-wallet.txt',
      'create-wallet',
      'It has 1 word, and a mnemonic has 12, 15, 18, 21 or 24.\n',
    ],
    ['prompts-get-validators-root.txt', 'get-validators-root', ''],
    ['prompts-start.txt', 'start', ''],
  ])(
    'the recorded dialogue %s is asked on a terminal as recorded, in its order, and helped on',
    async (name, command, help) => {
      using directory = temporaryDirectory();
      const dialogue = recordedDialogue(name);
      // Behind the recorded sentence about a wrong mnemonic stands what to look for.
      const recorded = {
        ...dialogue,
        output: dialogue.output.replace('check for typos.\n', `check for typos.\n${help}`),
      };
      const asked = questions(recorded.output);
      const { screen, exitCode } = await converse(
        [command, '--data-dir', directory.path],
        asked,
        recorded.answers,
      );
      // On a terminal each answer is echoed with its line end behind the question.
      let expected = recorded.output;
      let from = 0;
      for (const [i, question] of asked.entries()) {
        const at = expected.indexOf(question, from) + question.length;
        const echo = recorded.answers[i] === undefined ? '' : `${recorded.answers[i]}\n`;
        expected = expected.slice(0, at) + echo + expected.slice(at);
        from = at + echo.length;
      }
      expect(withoutEscapes(screen).trimEnd()).toBe(expected.trimEnd());
      expect(exitCode).toBe(recorded.exitCode);
    },
  );

  it('init asks for network, vault and language, with defaults in brackets, and again for an empty vault', async () => {
    using directory = temporaryDirectory();
    const network = 'Enter the network name (mainnet, hoodi, gnosis, chiado, holesky, goerli) [mainnet]: ';
    const language =
      'Choose your mnemonic language (chinese_simplified, chinese_traditional, czech, english, italian, korean, portuguese, spanish) [english]: ';
    const { screen, exitCode } = await runOnTerminal(
      ['init', '--no-verify', '--data-dir', directory.path],
      [
        { on: network, type: 'nonet\r' },
        { on: network, type: '\r' },
        { on: 'Enter your vault address: ', type: '\r' },
        { on: 'Enter your vault address: ', type: `${VAULT}\r` },
        { on: language, type: 'ITALIAN\r' },
      ],
    );
    const [before, after] = screen.split(`${language}ITALIAN\n`);
    expect(before).toBe(
      `${network}nonet\nError: 'nonet' is not one of 'mainnet', 'hoodi', 'gnosis', 'chiado', 'holesky', 'goerli'.\n` +
        `${network}\nEnter your vault address: \nEnter your vault address: ${VAULT}\n`,
    );
    // On a terminal the words are numbered, to be copied onto paper.
    expect(after).toMatch(/^(\s*\d+\. [a-z]+\s*){23}24\. [a-z]+\n/);
    expect(exitCode).toBe(0);
    const config = JSON.parse(readFileSync(join(directory.path, VAULT.toLowerCase(), 'config.json'), 'utf8'));
    expect(config.network).toBe('mainnet');
  });

  it('init shows the mnemonic numbered until it is typed back, and says which word was wrong', async () => {
    using directory = temporaryDirectory();
    const key = 'Press any key when you have written down your mnemonic.';
    const confirm = 'to confirm you have written it down\r\n\r\n: ';
    let mnemonic = '';
    let sheet = '';
    const wrongFourth = () => mnemonic.split(' ').with(3, 'zoo').join(' ');
    const withoutLast = () => mnemonic.split(' ').slice(0, -1).join(' ');
    const { screen, exitCode } = await runOnTerminal(
      ['init', '--network', 'hoodi', '--vault', VAULT, '--language', 'english', '--data-dir', directory.path],
      [
        {
          on: key,
          type: shown => {
            sheet = /\r\n\r\n( 1\. .*24\. [a-z]+)\r\n\r\n\r\n/s.exec(shown)?.[1] ?? '';
            mnemonic = [...sheet.matchAll(/\d+\. ([a-z]+)/g)].map(([, word]) => word).join(' ');
            return 'x';
          },
        },
        { on: confirm, type: () => `${wrongFourth()}\r` },
        { on: key, type: ' ' },
        { on: confirm, type: () => `${withoutLast()}\r` },
        { on: key, type: ' ' },
        { on: confirm, type: () => `  ${mnemonic.toUpperCase()}\r` },
      ],
      { columns: 110 },
    );
    expect(mnemonic.split(' ')).toHaveLength(24);
    const show =
      'This is your seed phrase. Write it down and store it safely, it is the ONLY way to recover your validator keys.\n\n' +
      `${sheet.replaceAll('\r\n', '\n')}\n\n\n${key}\n\n` +
      'Please type your mnemonic (separated by spaces) to confirm you have written it down\n\n: ';
    expect(withoutEscapes(screen)).toBe(
      `${show}${wrongFourth()}\n` +
        `Word 4 is not the one that was shown. Here are the words again.\n\n${show}${withoutLast()}\n` +
        `Word 24 is missing. You typed 23 words of 24. Here are the words again.\n\n${show}  ${mnemonic.toUpperCase()}\n` +
        `\ndone.\nSuccessfully initialized configuration for vault ${VAULT}\nNext: operator create-keys --vault ${VAULT}\n`,
    );
    // The words are taken off the screen, and out of what was scrolled off it, before they are asked for and after they were typed.
    expect(screen.split('\u001b[2J\u001b[3J')).toHaveLength(10);
    expect(exitCode).toBe(0);
  });

  it('keys that are typed ahead, or with the key that was asked for, answer no question of init', async () => {
    using directory = temporaryDirectory();
    const args = ['init', '--network', 'hoodi', '--vault', VAULT, '--data-dir', directory.path];
    const confirm = 'to confirm you have written it down\r\n\r\n: ';
    let mnemonic = '';
    const { screen, exitCode } = await runOnTerminal(args, [
      // The line end answers the language; what follows it comes before the key is asked for.
      { on: '[english]: ', type: '\rtoo early' },
      {
        on: 'Press any key when you have written down your mnemonic.',
        type: shown => {
          mnemonic = [...shown.matchAll(/\d+\. ([a-z]+)/g)].map(([, word]) => word).join(' ');
          return 'yes\r';
        },
      },
      { on: confirm, type: () => `${mnemonic}\r` },
    ]);
    expect(withoutEscapes(screen)).toContain(`: ${mnemonic}\n\ndone.\n`);
    expect(exitCode).toBe(0);
  });

  it.each([
    // Behind the ^C that the terminal shows, and with the code of a program that Ctrl-C has ended.
    ['Ctrl-C', '\u0003', '\nAborted!\n', 130],
    ['Ctrl-D', '\u0004', 'Aborted!\n', 1],
  ])('%s at a question of create-keys ends it with "Aborted!"', async (_name, key, shown, code) => {
    using directory = temporaryDirectory();
    const { screen, exitCode } = await runOnTerminal(
      ['create-keys', '--data-dir', directory.path],
      [{ on: 'Enter the vault address: ', type: key }],
    );
    expect(screen.replace('^C', '')).toBe(`Enter the vault address: ${shown}`);
    expect(exitCode).toBe(code);
  });

  it('init writes nothing after Ctrl-C instead of "any key"', async () => {
    using directory = temporaryDirectory();
    const args = ['init', '--network', 'hoodi', '--vault', VAULT, '--language', 'english'];
    const run = await runOnTerminal(
      [...args, '--data-dir', directory.path],
      [{ on: 'Press any key', type: '\u0003' }],
    );
    expect(run.screen).toContain('Aborted!');
    expect(run.exitCode).toBe(130);
    const list = await runCli(['get-validators-root', '--data-dir', directory.path, '--vault', VAULT]);
    expect(list.stderr).toContain('Deposit data file does not exist.');
  });

  it('create-keys draws the progress bars of the manual', async () => {
    using directory = temporaryDirectory();
    const vaultDir = join(directory.path, VAULT.toLowerCase());
    mkdirSync(vaultDir);
    const config = readFileSync(
      join(PROJECT_ROOT, 'test/vectors/v3-operator/01-create-keys/holesky/0-after-init/config.json'),
    );
    writeFileSync(join(vaultDir, 'config.json'), config);
    const { screen, exitCode } = await runOnTerminal(
      ['create-keys', '--data-dir', directory.path, '--kdf', 'pbkdf2'],
      [
        // The only vault of the data directory is offered.
        { on: `Enter the vault address [${VAULT}]: `, type: '\r' },
        { on: 'Enter the number of the validator keys to generate: ', type: '2\r' },
        { on: 'Enter the mnemonic for generating the validator keys: ', type: `${MNEMONIC}\r` },
      ],
    );
    const bar = `[${'#'.repeat(36)}]  2/2`;
    const plain = withoutEscapes(screen);
    for (const label of [
      'Creating validator keys:',
      'Generating deposit data JSON',
      'Exporting validator keystores',
    ]) {
      expect(plain).toContain(`${label}\t\t  ${bar}`);
    }
    expect(plain).toContain(`\n\nDone. Generated 2 keys for ${VAULT} vault.\n`);
    expect(exitCode).toBe(0);
  });

  it('init refuses a vault that is there before it asks for the language', async () => {
    using directory = temporaryDirectory();
    const args = ['init', '--network', 'hoodi', '--no-verify', '--data-dir', directory.path];
    await runCli([...args, '--vault', VAULT, '--language', 'english']);
    const { screen, exitCode } = await runOnTerminal(args, [
      { on: 'Enter your vault address: ', type: `${VAULT}\r` },
    ]);
    expect(withoutEscapes(screen)).toMatch(/Enter your vault address: 0x\w+\nError: /);
    expect(screen).not.toContain('language');
    expect(exitCode).not.toBe(0);
  });

  it('create-keys shows the time that is left from the first key on, and takes it away with the last one', async () => {
    using directory = temporaryDirectory();
    const vaultDir = join(directory.path, VAULT.toLowerCase());
    mkdirSync(vaultDir);
    const config = readFileSync(
      join(PROJECT_ROOT, 'test/vectors/v3-operator/01-create-keys/holesky/0-after-init/config.json'),
    );
    writeFileSync(join(vaultDir, 'config.json'), config);
    const mnemonicFile = join(directory.path, 'mnemonic');
    writeFileSync(mnemonicFile, MNEMONIC, { mode: 0o600 });
    const args = ['create-keys', '--data-dir', directory.path, '--vault', VAULT, '--pool-size', '2'];
    const { screen, exitCode } = await runOnTerminal(
      [...args, '--count', '6', '--mnemonic-file', mnemonicFile],
      [],
    );
    expect(exitCode, screen).toBe(0);
    const states = [
      ...screen.matchAll(/Exporting validator keystores\t+ {2}\[[#-]{36}\] {2}(\d\/6)( {2}[\d:]+)?/g),
    ];
    const timeOf = (count: string) => states.filter(([, done]) => done === count).map(([, , time]) => time);
    expect(new Set([...timeOf('0/6'), ...timeOf('6/6')])).toEqual(new Set([undefined]));
    const shown = ['2/6', '4/6'].flatMap(timeOf);
    // Keys take a second or so each, on a machine that is busy some seconds.
    for (const time of shown) expect(time).toMatch(/^ {2}00:0[0-2]:\d\d$/);
    expect(shown.length).toBeGreaterThan(0);
    expect(renderScreen(screen)).toMatch(/keystores\t+ {2}\[#{36}\] {2}6\/6$/m);
  });

  it.each([
    ['prompts-remote-db.txt', 'setup', []],
    ['prompts-remote-db-upload.txt', 'upload-keypairs', ['Enter the encryption key']],
    ['prompts-remote-db-web3signer.txt', 'setup-web3signer', ['Enter the encryption key']],
    ['prompts-remote-db-validator.txt', 'setup-validator', []],
  ])(
    'the recorded dialogue %s is asked on a terminal, options of remote-db first, and keys are not shown',
    async (name, command, hidden) => {
      using directory = temporaryDirectory();
      const recorded = recordedDialogue(name);
      const asked = questions(recorded.output).map(question => question.replace('<CWD>', directory.path));
      const group = ['--network', 'holesky', '--data-dir', '.', '-v'];
      if (command !== 'setup') group.push('--vault', VAULT, '--db-url', 'postgresql://127.0.0.1:1/op');
      const dialogue = asked.map((on, i) => ({ on, type: `${recorded.answers[i] ?? ''}\r` }));
      const { screen, exitCode } = await runOnTerminal(['remote-db', ...group, command], dialogue, {
        program: 'v3-operator',
        cwd: directory.path,
      });
      const answered = asked.map((question, i) => {
        const isHidden = hidden.some(text => question.startsWith(text));
        return `${question}${isHidden ? '' : recorded.answers[i]}\n`;
      });
      expect(withoutEscapes(screen).slice(0, answered.join('').length)).toBe(answered.join(''));
      expect(withoutEscapes(screen)).toContain('Error: ');
      expect(exitCode).toBe(1);
    },
  );
});
