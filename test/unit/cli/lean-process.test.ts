import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EMBEDDED_FLAGS } from '../../../src/cli/lean-process.ts';

describe('the flags of V8', () => {
  it('the function that may be optimised beside the embedded database was looked up in this very build of libsecp256k1', () => {
    // Another build may number its functions in another way. Its busiest one is told by `node --cpu-prof` of many encryptions.
    const entry = createRequire(import.meta.url).resolve('tiny-secp256k1');
    const module = readFileSync(join(dirname(entry), '../secp256k1.wasm'));
    expect(createHash('sha256').update(module).digest('hex')).toBe(
      '5cbbcb8adc7acc3b78a3fd31c76d573302705ff5fd714d03f5a2602591197cb5',
    );
    expect(EMBEDDED_FLAGS).toEqual(['--wasm-tier-up-filter=71']);
  });

  it('Node takes the flags that the embedded database is run with', () => {
    expect(() => execFileSync(process.execPath, [...EMBEDDED_FLAGS, '-e', ''])).not.toThrow();
  });
});
