// An operator in a process of its own, to be killed: node test/support/faults/outbox-child.ts PLACE WORK, where the work is the
// slot of a counter, or withdrawals.
import { type WithdrawalWork, withdrawalIntentOf } from '../scenes/operations-vault.ts';
import { intentOf, type OutboxPlace, startTestOperator } from '../scenes/outbox-scene.ts';

const place = JSON.parse(process.argv[2] ?? '') as OutboxPlace;
const work = JSON.parse(process.argv[3] ?? '') as number | WithdrawalWork;
await using operator = await startTestOperator(place, { holder: `child ${process.pid}` });
const { signal } = new AbortController();
await operator.outbox.reconcile(signal);
const intent = typeof work === 'number' ? intentOf(work) : withdrawalIntentOf(operator.node, place, work);
console.log(JSON.stringify(await operator.outbox.send(intent, { signal })));
