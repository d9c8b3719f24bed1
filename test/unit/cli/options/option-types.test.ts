import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
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
import type { ResultOf } from '../../../../src/cli/result-members.ts';

const description = 'One.';
const OPTIONS = {
  name: required({ description, value: text }),
  count: optional({ description, value: integer({ min: 1 }) }),
  layout: defaulted(() => 'flat', { description, value: choice(['flat', 'deep']) }),
  paths: repeated({ description, value: text }),
  isForced: flag({ description }),
  endpoint: requiredUnless('isForced', required({ description, value: text })),
};

const RESULT = z.strictObject({ keys: z.int(), signers: z.array(z.string()), reason: z.string().optional() });

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
    class Declared extends operatorCommand(OPTIONS)<typeof RESULT> {
      async run() {
        const resolved = await this.resolve();
        expectTypeOf(resolved).toEqualTypeOf<Resolved<typeof OPTIONS>>();
        return { keys: 1, signers: [] };
      }
    }
    expectTypeOf(Declared.options).toEqualTypeOf<typeof OPTIONS>();
  });

  it("the options of a command below remote-db have the group's beside them, and who is warned", () => {
    abstract class Declared extends remoteDbCommand(OPTIONS)<typeof RESULT> {
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

describe('the result of a command', () => {
  const Base = operatorCommand(OPTIONS);
  const RemoteDbBase = remoteDbCommand(OPTIONS);
  interface Running {
    run(): Promise<ResultOf<typeof RESULT>>;
  }

  it('the result of a command is what its schema takes; lists may be readonly, and what is optional may be undefined', () => {
    abstract class Declared extends Base<typeof RESULT> {
      async run() {
        const signers: readonly string[] = [];
        return { keys: 1, signers, reason: undefined };
      }
    }
    expectTypeOf<InstanceType<typeof Base<typeof RESULT>>>().toExtend<Running>();
    expectTypeOf<InstanceType<typeof RemoteDbBase<typeof RESULT>>>().toExtend<Running>();
    expectTypeOf<Declared>().toExtend<Running>();
  });

  it('a command does not compile with a result that has a member of a wrong type, without one, or without all', () => {
    abstract class WrongType extends Base<typeof RESULT> {
      // @ts-expect-error -- a count is a number
      async run() {
        return { keys: '1', signers: [] };
      }
    }
    abstract class WrongTypeOfRemoteDb extends RemoteDbBase<typeof RESULT> {
      // @ts-expect-error -- a bigint is no number
      async run() {
        return { keys: 1n, signers: [] };
      }
    }
    abstract class Missing extends Base<typeof RESULT> {
      // @ts-expect-error -- the keys are missing
      async run() {
        return { signers: [] };
      }
    }
    abstract class Nothing extends Base<typeof RESULT> {
      // @ts-expect-error -- no result
      async run() {}
    }
    expectTypeOf([WrongType, WrongTypeOfRemoteDb, Missing, Nothing]).toBeArray();
  });

  it('a command does not compile without the schema of its result', () => {
    // @ts-expect-error -- no schema
    abstract class Undeclared extends Base {}
    // @ts-expect-error -- no schema
    abstract class UndeclaredOfRemoteDb extends RemoteDbBase {}
    expectTypeOf([Undeclared, UndeclaredOfRemoteDb]).toBeArray();
  });
});
