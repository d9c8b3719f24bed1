// The part of an observation that is about the operator: its processes, wallet and transactions. Loaded by docs and tests alone.
import { z } from 'zod';
import { asked, hex, number, text, time, wei, yesOrNo } from './observation-members.ts';

const task = z
  .strictObject({
    task: text('Name of the task.'),
    running: yesOrNo('Whether the task is at work now.'),
    failures: number('How often the task has failed since it last succeeded.'),
    waitsFor: text('What the task waits for; absent when nothing.').optional(),
    succeededAt: time('When the task last succeeded; absent before.').optional(),
    message: text('The newest error since then; absent without one.').optional(),
  })
  .describe('One task.');

export const operatorFacts = z
  .strictObject({
    ready: yesOrNo('Whether the operator can do its work.'),
    phase: text('What the operator does: starting, standby, running, stopping.'),
    waitsFor: text('What the operator waits for, or lacks; absent when nothing.').optional(),
    tasks: z.array(task).describe('Its tasks.'),
    unusedKeys: number('Keys that can still be registered, where the operator counts them.').optional(),
  })
  .describe('What the operator says of itself.');

export const operators = z
  .array(
    z
      .strictObject({
        name: text('Scheme, host and port of the operator’s probes.'),
        seen: asked(operatorFacts, 'What the operator says.'),
      })
      .describe('One operator.'),
  )
  .describe('Every operator whose probes could be asked.');

export const wallet = asked(
  z
    .strictObject({
      address: text('Address of the wallet.'),
      balanceWei: wei('What the wallet has.'),
      recommendedWei: wei('What it should have at least.'),
      currency: text('What the balance is of.'),
    })
    .describe('The hot wallet.'),
  'The hot wallet of the operator.',
);

const transaction = z
  .strictObject({
    id: number('Number of the transaction in the database.'),
    kind: text('What the transaction is for, such as "harvest".'),
    state: z
      .enum(['intended', 'sent', 'confirmed', 'reverted', 'cancelled', 'abandoned'])
      .describe('How far the transaction has come.'),
    nonce: number('Nonce of the wallet that sends it.'),
    hash: hex(32, 'Hash of its latest form; absent before anything was signed.').optional(),
    reason: text('Why it ended as it did, where there is something to say.').optional(),
    createdAt: time('When it was begun.'),
    updatedAt: time('When its row last changed.'),
  })
  .describe('One transaction.');

export const transactions = asked(
  z
    .strictObject({
      open: number('How many are under way.'),
      newestTransactions: z.array(transaction).describe('The newest ones, the newest first.'),
    })
    .describe('The transactions of the operator.'),
  'The transactions of the operator, in its database.',
);
