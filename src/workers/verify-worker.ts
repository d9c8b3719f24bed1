import { readDepositRecords } from '../domain/consensus/deposit-log.ts';
import { findInvalidDeposits } from '../domain/consensus/deposit-signature.ts';
import type { VerifyJobs } from './deposit-verifier.ts';
import { serveJobs } from './serve-jobs.ts';

serveJobs<VerifyJobs>({
  findInvalid: ({ records, genesisForkVersion }) =>
    findInvalidDeposits(readDepositRecords(records), genesisForkVersion),
});
