import { describe, expectTypeOf, it } from 'vitest';
import { operatorCommand } from '../../../../src/cli/operator-command.ts';
import {
  defaulted,
  flag,
  type OptionRules,
  optional,
  type Resolved,
  repeated,
  required,
  requiredUnless,
} from '../../../../src/cli/options/option.ts';
import { choice, integer, text } from '../../../../src/cli/options/value-kinds.ts';
import { remoteDbCommand } from '../../../../src/cli/remote-db-command.ts';

const description = 'One.';
const OPTIONS = {
  name: required({ description, value: text }),
  count: optional({ description, value: integer({ min: 1 }) }),
  layout: defaulted(() => 'flat', { description, value: choice(['flat', 'deep']) }),
  paths: repeated({ description, value: text }),
  isForced: flag({ description }),
  endpoint: requiredUnless('isForced', required({ description, value: text })),
};

// Proven by the compiler ("npm run types"): at run time these say nothing.
describe('the resolved options of a command', () => {
  it('resolved options have the type of each value; only what may be left out may be undefined', () => {
    expectTypeOf<Resolved<typeof OPTIONS>>().toEqualTypeOf<{
      readonly name: string;
      readonly count: number | undefined;
      readonly layout: 'flat' | 'deep';
      readonly paths: readonly string[];
      readonly isForced: boolean;
      readonly endpoint: string | undefined;
    }>();
  });

  it('the options of a command are what its base gives it', () => {
    class Declared extends operatorCommand(OPTIONS) {
      async run() {
        const resolved = await this.resolve();
        expectTypeOf(resolved).toEqualTypeOf<Resolved<typeof OPTIONS>>();
      }
    }
    expectTypeOf(Declared.options).toEqualTypeOf<typeof OPTIONS>();
  });

  it("the options of a command below remote-db have the group's beside them, and who is warned", () => {
    abstract class Declared extends remoteDbCommand(OPTIONS) {
      async show() {
        const resolved = await this.resolve();
        expectTypeOf(resolved.name).toEqualTypeOf<string>();
        expectTypeOf(resolved.vault).toEqualTypeOf<string>();
        expectTypeOf(resolved.dbSchema).toEqualTypeOf<string | undefined>();
        expectTypeOf(resolved.warn).toEqualTypeOf<(line: string) => void>();
      }
    }
    expectTypeOf(Declared.options).toEqualTypeOf<typeof OPTIONS>();
  });

  it('the rules of a command are checked against its options, and only names of options can be rules', () => {
    expectTypeOf<OptionRules<typeof OPTIONS>['unattended']>().toEqualTypeOf<
      readonly (keyof typeof OPTIONS)[] | undefined
    >();
    expectTypeOf<{ unattended: ['other'] }>().not.toExtend<OptionRules<typeof OPTIONS>>();
    expectTypeOf<{ unattended: ['isForced'] }>().toExtend<OptionRules<typeof OPTIONS>>();
    expectTypeOf<{ check: (given: { count: number }) => void }>().not.toExtend<OptionRules<typeof OPTIONS>>();
    expectTypeOf<{ check: (given: { name: string }) => void }>().toExtend<OptionRules<typeof OPTIONS>>();
  });
});
