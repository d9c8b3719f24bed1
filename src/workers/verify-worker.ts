import { parentPort } from 'node:worker_threads';
import { findInvalidDeposits } from '../domain/consensus/deposit-data.ts';
import { readDepositRecords } from '../domain/consensus/deposit-log.ts';
import { messageOf } from '../lib/errors.ts';
import type { VerifyJob, VerifyOutcome } from './deposit-verifier.ts';

parentPort?.on('message', ({ records, genesisForkVersion }: VerifyJob) => {
  const verify = (): VerifyOutcome => {
    try {
      return { invalid: findInvalidDeposits(readDepositRecords(records), genesisForkVersion) };
    } catch (error) {
      return { failure: messageOf(error) };
    }
  };
  parentPort?.postMessage(verify());
});
