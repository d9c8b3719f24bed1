import { describe, expect, it } from 'vitest';
import { ExternalError, OperatorError, UsageError } from '../../../src/lib/errors.ts';
import { errorOfReport } from '../../../src/signer-process/signer-orders.ts';

describe('an error that the built-in signer reports', () => {
  it.each([
    ['hashi-vault-sealed', 1, true, ExternalError],
    ['hashi-vault-denied', 1, false, OperatorError],
    ['invalid-url', 2, false, UsageError],
    ['internal-error', 70, false, OperatorError],
  ] as const)(
    'errorOfReport makes of the signer’s report the same error here: %s, exit code %i',
    (code, exitCode, retryable, type) => {
      const error = errorOfReport({ code, message: 'It failed.', hint: 'Mend it.', exitCode, retryable });
      expect(error).toBeInstanceOf(type);
      expect(error.constructor).toBe(type);
      expect(error).toMatchObject({ code, message: 'It failed.', hint: 'Mend it.', exitCode });
    },
  );

  it('errorOfReport makes a bug of a code that is not in the table, whatever exit code it names', () => {
    const report = { code: 'constructor', message: 'It failed.', exitCode: 1, retryable: true } as const;
    expect(errorOfReport(report)).toMatchObject({ code: 'internal-error', exitCode: 70 });
  });
});
