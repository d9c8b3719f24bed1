import { describe, expect, it } from 'vitest';
import { keepMembers, keepOptions } from '../../../../src/domain/fleet/kept-settings.ts';

const OWN = 'validators-external-signer-public-keys: ["0xaa"]\n';

describe('keepOptions', () => {
  it.each([
    [
      'an option behind ours',
      'validators-external-signer-public-keys: []\nlogging: DEBUG\n',
      'logging: DEBUG\n',
      ['logging'],
    ],
    [
      'an option before ours',
      'logging: DEBUG\nvalidators-external-signer-public-keys: []',
      'logging: DEBUG\n',
      ['logging'],
    ],
    [
      'an option of several lines, with its comment, and a quoted one',
      '---\nvalidators-external-signer-public-keys:\n- "0xbb"\n- "0xcc"\ndata: # here\n  - a\n\n  - b\n"metrics": true\n\n',
      'data: # here\n  - a\n\n  - b\n"metrics": true\n',
      ['data', 'metrics'],
    ],
    ['none of others', OWN, '', []],
    ['nothing of a text that is no mapping', '{"logging": "DEBUG"}\n- a\n', '', []],
    ['nothing of our option in quotes', '"validators-external-signer-public-keys": []\n', '', []],
  ])('keepOptions keeps %s', (_, present, kept, names) => {
    expect(keepOptions(OWN, present)).toEqual({ text: OWN + kept, names });
    // What it gives, it leaves as it is.
    expect(keepOptions(OWN, OWN + kept)).toEqual({ text: OWN + kept, names });
  });
});

describe('keepMembers', () => {
  const wanted = '{"default_config": {"fee_recipient": "0x1", "builder": {"enabled": true}}}';

  it('keepMembers keeps members that are not ours, at every depth, and overwrites those that are', () => {
    const present = {
      default_config: { fee_recipient: '0x2', builder: { enabled: false, gas_limit: '5' } },
      proposer_config: { '0xaa': { fee_recipient: '0x3' } },
    };
    const { text, names } = keepMembers(wanted, JSON.stringify(present));
    expect(names).toEqual(['default_config.builder.gas_limit', 'proposer_config']);
    expect(JSON.parse(text)).toEqual({
      default_config: { fee_recipient: '0x1', builder: { enabled: true, gas_limit: '5' } },
      proposer_config: { '0xaa': { fee_recipient: '0x3' } },
    });
  });

  it.each(['', '{', '[]', '"text"', 'null', wanted])('keepMembers keeps nothing of %j', present => {
    expect(keepMembers(wanted, present)).toEqual({ text: wanted, names: [] });
  });
});
