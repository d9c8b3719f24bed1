import { describe, expect, it } from 'vitest';
import { jsonLogLine, type LogFormat } from '../../../src/lib/log-format.ts';
import { createCommandLogger, createServiceLogger, type LogLevel } from '../../../src/lib/logger.ts';
import { createScrubber, secretPartsOf } from '../../../src/lib/scrub.ts';

function logTo(format: LogFormat, level: LogLevel = 'INFO', secrets: readonly string[] = []) {
  const lines: string[] = [];
  const scrub = createScrubber(secrets);
  const log = createServiceLogger({ level, format, scrub, write: line => void lines.push(line) });
  return { log, lines };
}

describe('logger of the service', () => {
  it('createServiceLogger writes lines as the Python operator does, with the task and fields', () => {
    const { log, lines } = logTo('plain');
    log.info('Starting');
    log.child({ task: 'register' }).warn({ vault: '0x12', reason: 'two words' }, 'waits');
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO {5}Starting\n$/);
    expect(lines[1]).toMatch(/ WARNING {2}\[register\] waits vault=0x12 reason="two words"\n$/);
  });

  it('createServiceLogger shortens keys in the texts of plain lines, not in fields, at DEBUG and in JSON, and no hash', () => {
    const key = `0x92f21c08${'5'.repeat(84)}a8b3`;
    const hash = `0x${'7'.repeat(64)}`;
    const text = `registered ${key} by ${hash}`;
    for (const [format, level, shown] of [
      ['plain', 'INFO', `registered 0x92f21c08…a8b3 by ${hash} key=${key}`],
      ['plain', 'DEBUG', `registered ${key} by ${hash} key=${key}`],
      ['json', 'INFO', text],
    ] as const) {
      const { log, lines } = logTo(format, level);
      log.info({ key }, text);
      expect(lines[0]).toContain(shown);
    }
  });

  it('createServiceLogger writes one JSON document a line', () => {
    const { log, lines } = logTo('json');
    log.child({ task: 'harvest' }).error({ err: new Error('no') }, 'failed');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', task: 'harvest', msg: 'failed' });
  });

  it('jsonLogLine writes a line as createServiceLogger would, without anything in it that acts', () => {
    const { log, lines } = logTo('json');
    const text = 'a\u001b[31m text\nof others';
    log.fatal({ code: 'x', hint: text, err: { stack: 'Error: no\n    at x' } }, text);
    const line = jsonLogLine('fatal', { code: 'x', hint: text, err: { stack: 'Error: no\n    at x' } }, text);
    expect(line.endsWith('\n')).toBe(true);
    const [own, logged] = [line, lines[0] ?? ''].map(one => ({ ...JSON.parse(one), time: 'now' }));
    expect(own).toEqual(logged);
    expect(Object.keys(own)).toEqual(Object.keys(logged));
  });

  it('createServiceLogger knows the Python operator’s level WARNING, and writes nothing below it', () => {
    const { log, lines } = logTo('plain', 'WARNING');
    log.info('no');
    log.warn('yes');
    log.fatal('yes');
    expect(lines).toHaveLength(2);
  });

  it('createServiceLogger shows the stack of an error that is not the user’s', () => {
    const { log, lines } = logTo('plain');
    log.error({ err: new Error('a bug') }, 'a bug');
    expect(lines[0]).toMatch(/ a bug\nError: a bug\n {4}at /);
  });

  it.each(['plain', 'json'] as const)(
    'createServiceLogger lets no known secret out, in any form (%s)',
    format => {
      const secret = 'pa"ss/word+1';
      const { log, lines } = logTo(format, 'DEBUG', [secret]);
      log.info(`in the message ${secret}`);
      log.info({ url: `http://u:${encodeURIComponent(secret)}@h/` }, 'in a field');
      log.info({ deep: { header: `Basic ${Buffer.from(secret).toString('base64')}` } }, 'in a header');
      log.error({ err: new Error(`bad ${secret}`) }, 'in an error');
      log.info({ password: 'unknown to the net', inner: { token: 'too' } }, 'by name');
      const all = lines.join('');
      for (const form of [
        secret,
        'pa\\"ss',
        encodeURIComponent(secret),
        Buffer.from(secret).toString('base64'),
      ])
        expect(all).not.toContain(form);
      expect(all).not.toMatch(/unknown to the net|"too"/);
      expect(lines).toHaveLength(5);
    },
  );
});

describe('a text that acts, in whatever it comes', () => {
  const text = 'x\r\n2026-11-29 07:00:00 INFO     forged\u001b[2J\u009b\u202e';

  it('createServiceLogger keeps a text that acts on one plain line; lines of a stack begin with spaces', () => {
    const { log, lines } = logTo('plain');
    log.child({ task: 't' }).error({ reason: text, err: new Error(text) }, text);
    const [first = '', ...others] = (lines[0] ?? '').trimEnd().split('\n');
    expect(first).toMatch(
      /^\d{4}-\S+ \S+ ERROR {4}\[t\] x 2026-11-29 07:00:00 INFO forged \[2J reason="x 2026/,
    );
    expect(others[0]).toBe('Error: x ');
    for (const line of others.slice(1)) expect(line).toMatch(/^ {4}/);
    expect(lines.join('').replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('createServiceLogger cleans a text that acts in the JSON format, so that it does nothing once decoded', () => {
    const { log, lines } = logTo('json');
    log.info({ reason: text, deep: { list: [text] } }, text);
    const clean = 'x 2026-11-29 07:00:00 INFO forged [2J';
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ msg: clean, reason: clean, deep: { list: [clean] } });
    expect(lines[0]).toMatch(/\}\n$/);
  });
});

describe('secret parts of a URL', () => {
  it('secretPartsOf gives the password, long path segments and values of the query of a URL', () => {
    expect(secretPartsOf('https://user:p%40ss@host/v3/0123456789abcdef0123?key=abcdef')).toEqual([
      'p@ss',
      'user:p%40ss',
      '0123456789abcdef0123',
      'abcdef',
    ]);
    expect(secretPartsOf('http://localhost:8545')).toEqual([]);
    expect(secretPartsOf('not a url')).toEqual([]);
    expect(secretPartsOf('https://token@host/')).toEqual(['token']);
    expect(secretPartsOf('postgresql://u:pw@a:1,b:2/db')).toEqual(['pw']);
  });
});

describe('logger of a command', () => {
  it('createCommandLogger warns in words, and is silent about the rest unless told', () => {
    const lines: string[] = [];
    const write = (line: string) => void lines.push(line);
    for (const isVerbose of [false, true]) {
      const log = createCommandLogger(isVerbose, write);
      log.debug({ attempt: 2 }, 'asks again');
      log.warn({ url: 'http://signer', token: 'planted' }, 'the signer is down');
    }
    const warning = 'Warning: the signer is down url=http://signer token=[Redacted]\n';
    expect(lines).toEqual([warning, 'asks again attempt=2\n', warning]);
  });
});
