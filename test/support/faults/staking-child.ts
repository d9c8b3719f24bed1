// An operator of a vault of version 5 in a process of its own, to be killed: node test/support/faults/staking-child.ts PLACE WORK
import { openStakingOperator, type StakingPlace } from '../scenes/staking-operator.ts';
import { doStakingWork, type StakingWork } from './staking-work.ts';

const place = JSON.parse(process.argv[2] ?? '') as StakingPlace;
const work = JSON.parse(process.argv[3] ?? '') as StakingWork;
await using operator = await openStakingOperator(place, `child ${process.pid}`);
await doStakingWork(operator, work);
