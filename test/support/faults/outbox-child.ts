// An operator in a process of its own, to be killed: node test/support/faults/outbox-child.ts PLACE SLOT
import { intentOf, type OutboxPlace, startTestOperator } from '../scenes/outbox-scene.ts';

const place = JSON.parse(process.argv[2] ?? '') as OutboxPlace;
const slot = Number(process.argv[3]);
await using operator = await startTestOperator(place, { holder: `child ${process.pid}` });
const { signal } = new AbortController();
await operator.outbox.reconcile(signal);
console.log(JSON.stringify(await operator.outbox.send(intentOf(slot), { signal })));
