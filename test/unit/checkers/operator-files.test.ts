import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkShares, readDepositData, readRemoteSignerFile } from '../../support/checkers/operator-files.ts';

const vectors = join(import.meta.dirname, '../../vectors/v3-operator');
const recorded = readFileSync(join(vectors, '03-remote-db/5-operator/remote_signer_config.json'), 'utf8');
const deposits = readFileSync(join(vectors, '03-remote-db/5-operator/deposit_data.json'), 'utf8');
const holesky = { vault: '0x1234567890AbcdEF1234567890aBcdef12345678', genesisForkVersion: '0x01017000' };

describe('readRemoteSignerFile', () => {
  it('readRemoteSignerFile reads the recorded file, whose shares recombine to their validators', () => {
    const { shares, threshold } = readRemoteSignerFile(recorded);
    expect(threshold).toBeUndefined();
    expect(shares.size).toBe(10);
    for (const [publicKey, list] of shares) checkShares(publicKey, list, 3);
  });

  it('readRemoteSignerFile and checkShares refuse shares that are too few, exchanged, repeated or of unequal number', () => {
    const [[publicKey, list] = ['', []]] = [...readRemoteSignerFile(recorded).shares];
    expect(() => checkShares(publicKey, list, 2)).toThrow(/do not recombine/);
    expect(() => checkShares(publicKey, list.toReversed(), 3)).toThrow(/do not recombine/);
    expect(() => readRemoteSignerFile(recorded.replace(list[0] ?? '', list[1] ?? ''))).toThrow(/twice/);
    expect(() => readRemoteSignerFile(recorded.replace(`"${list[0]}", `, ''))).toThrow(/unequal/);
    const withSet = (set: string) => `${recorded.slice(0, -1)}, "oracle_set": ${set}}`;
    const hash = `"config_hash": "0x${'00'.repeat(32)}"`;
    expect(readRemoteSignerFile(withSet(`{${hash}, "threshold": 3}`)).threshold).toBe(3);
    expect(() => readRemoteSignerFile(withSet(`{${hash}, "threshold": 5}`))).toThrow(/fewer shares/);
    expect(() => readRemoteSignerFile(withSet('{"threshold": 3}'))).toThrow(/config hash/);
  });
});

describe('readDepositData', () => {
  it('readDepositData verifies the recorded entries', () => {
    expect(readDepositData(deposits, holesky)).toHaveLength(10);
  });

  it.each([
    ['vault', { ...holesky, vault: `0x${'11'.repeat(20)}` }, /withdrawal credentials/],
    ['network', { ...holesky, genesisForkVersion: '0x00000000' }, /fork version/],
  ])('readDepositData refuses entries of another %s', (_, expected, message) => {
    expect(() => readDepositData(deposits, expected)).toThrow(message);
  });

  it.each([
    ['amount', '"amount": 32000000000', '"amount": 1000000000', /amount/],
    ['message root', /("deposit_message_root": ")[0-9a-f]{2}/, '$1zz', /deposit message root/],
    ['data root', /("deposit_data_root": ")[0-9a-f]{2}/, '$1zz', /deposit data root/],
    ['field', '"fork_version"', '"fork"', /fork_version \(missing\)/],
  ])('readDepositData refuses entries with a wrong %s', (_, from, to, message) => {
    expect(() => readDepositData(deposits.replace(from, to), holesky)).toThrow(message);
  });

  it('readDepositData refuses the signature of another entry and an entry that is there twice', () => {
    const entries: { signature: string; deposit_data_root: string }[] = JSON.parse(deposits).slice(0, 2);
    expect(() => readDepositData(JSON.stringify([entries[0], entries[0]]), holesky)).toThrow(/twice/);
    const [first, second] = entries;
    const swapped = [{ ...first, signature: second?.signature }];
    expect(() => readDepositData(JSON.stringify(swapped), holesky)).toThrow(/deposit data root/);
  });
});
