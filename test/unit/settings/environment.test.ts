import { expect, it } from 'vitest';
import { readEnvironment } from '../../../src/settings/environment.ts';

it.each([
  ['plain', 'plain'],
  ['value\r', 'value'],
  ['value\r\n', 'value'],
  ['value\n', 'value'],
  ['in\rside', 'in\rside'],
  [' value ', ' value '],
  ['\r', undefined],
  ['', undefined],
])(
  'readEnvironment gives the variable %j as %j: a file of variables may have line ends of Windows',
  (given, value) => {
    expect(readEnvironment('NAME', { NAME: given })).toBe(value);
  },
);
