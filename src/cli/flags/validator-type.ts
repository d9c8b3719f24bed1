import { UsageError } from '../../lib/errors.ts';
import type { ValidatorType } from '../../settings/operator-settings.ts';
import { optional, type ValueKind } from '../options/option.ts';
import { choice } from '../options/value-kinds.ts';
import { unlessEmpty } from './foreign-settings.ts';

const types = choice(['0x01', '0x02']);

/** The one type that there is here; the other one is refused by name, as the newest Python operator's default is that. */
const validatorTypeValue: ValueKind<ValidatorType> = {
  placeholder: '[0x01]',
  async parse(value, source) {
    const type = await types.parse(value, source);
    if (type === '0x01') return type;
    throw new UsageError(
      'validator-type-unsupported',
      '0x02 is refused: this program registers validators of type 0x01 (32 ETH each) only.',
      {
        hint: 'Say --validator-type 0x01 (VALIDATOR_TYPE=0x01) if those are what you want. Compounding validators (0x02) are registered by the newest Python operator.',
      },
    );
  },
};

/** `--validator-type`: has to be said where the newest Python operator would register another type by itself. */
export const validatorType = optional({
  description:
    'Type of the withdrawal credentials that validators are registered with. Has to be given for a vault of version 5 whose validators manager is the hot wallet.',
  env: 'VALIDATOR_TYPE',
  value: unlessEmpty(validatorTypeValue),
});
