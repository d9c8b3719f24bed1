import { z } from 'zod';
import * as member from '../result-members.ts';

const index = member.number('Index of a validator on the chain.');
const wei = (what: string) => z.string().regex(/^\d+$/).describe(`${what}, in wei; decimal.`);
/** An amount that may be below 0. */
const signedWei = (what: string) => member.text(`${what}, in wei; decimal.`);
const gwei = (what: string) => member.text(`${what}, in gwei of the beacon chain; decimal.`);

const why = member.text(
  'What is waited for, or why there is nothing to do; absent where something is to be done.',
);
const part = {
  state: z
    .enum(['off', 'idle', 'waiting', 'acting'])
    .describe(
      'Whether the operator would act now: "off" where it never does as it is told or in such a vault, "idle" where there is nothing to do.',
    ),
  reason: why.optional(),
};

const head = z
  .strictObject({
    block: member.number('Number of the execution block that the plan is made by.'),
    blockHash: member.hex(32, 'Its hash.'),
    slot: member.number('Slot of the beacon chain that has it.'),
    epoch: member.number('Epoch of the slot.'),
    minedAt: z.iso.datetime().describe('Time of the block.'),
  })
  .describe('The head of both chains: all of the plan is as of it, but for prices and what oracles say.');

const assets = z
  .strictObject({
    withdrawableWei: wei('Assets of the vault that nobody waits for, after a pending harvest'),
    redemptionsWei: wei(
      'What of them osToken redemptions will take; 0 where too little is there to stake anyway',
    ),
    minBalanceWei: wei('What stays in the vault and is never staked'),
    stakeableGwei: gwei('What may be staked'),
  })
  .describe('Assets of the vault.');

const registration = z
  .strictObject({
    ...part,
    type: z
      .enum(['0x01', '0x02'])
      .describe('Type of the withdrawal credentials of new validators; absent where none are registered.')
      .optional(),
    keySource: member
      .text('Where the keys of new validators come from; absent where that was not looked at.')
      .optional(),
    amounts: z
      .array(gwei('Amount of a validator'))
      .describe(
        'Amounts of the validators that the assets are enough for, as many as are registered at once.',
      ),
    newValidators: z
      .array(
        z
          .strictObject({
            publicKey: member.publicKey('Public key of the validator.'),
            amountGwei: gwei('What it is registered with'),
          })
          .describe('A validator to be registered.'),
      )
      .describe('Validators that would be registered now, in their order.'),
    restGwei: gwei('What is left of the assets when all of this is done'),
  })
  .describe('New validators.');

const funding = z
  .strictObject({
    ...part,
    reservedGwei: gwei('What is kept for later top-ups, and not used for new validators'),
    topUps: z
      .array(
        z
          .strictObject({
            index: index.optional(),
            publicKey: member.publicKey('Public key of the validator.'),
            balanceGwei: gwei('What the validator has, with all that is on its way to it'),
            amountGwei: gwei('What is added'),
            newBalanceGwei: gwei('What it has then'),
          })
          .describe('A top-up; the index is absent where the beacon chain does not know the validator yet.'),
      )
      .describe('Validators that would be topped up now.'),
    untouched: z
      .array(
        z
          .strictObject({
            publicKey: member.publicKey('Public key of the validator.'),
            reason: member.text('Why.'),
          })
          .describe('A validator.'),
      )
      .describe('Validators of the vault that are not topped up, where any are or could be.'),
  })
  .describe('Top-ups of the validators that the vault has.');

const withdrawals = z
  .strictObject({
    ...part,
    lackingGwei: gwei(
      'What the exit queue and osToken redemptions lack without what is coming in; absent where that was not looked at',
    ).optional(),
    comingInGwei: gwei(
      'What is coming in: balances of exiting validators, and waiting partial withdrawals; absent where that was not looked at',
    ).optional(),
    missingGwei: gwei('What is missing then; absent where that was not looked at').optional(),
    uncoveredGwei: gwei('What of it cannot be had of the validators now').optional(),
    requests: z
      .array(
        z
          .strictObject({
            index,
            publicKey: member.publicKey('Public key of the validator.'),
            kind: z.enum(['partial', 'exit']).describe('Whether the validator goes on, or exits.'),
            amountGwei: gwei('What is requested; 0 for an exit'),
            returnsGwei: gwei('What comes back by it'),
          })
          .describe('A request to withdraw.'),
      )
      .describe('Requests that would be sent now, exits first.'),
    later: z
      .array(index)
      .describe(
        'Validators whose request would follow in another pass: it would cost more than the limit, or has no room.',
      ),
    untouched: z
      .array(z.strictObject({ index, reason: member.text('Why.') }).describe('A validator.'))
      .describe('Validators that nothing is asked of, where anything is missing.'),
  })
  .describe('Withdrawals from validators, and their exits.');

const costs = z
  .strictObject({
    requestFeeWei: wei('What goes with each request to withdraw at most').optional(),
    requestFeesWei: wei('What goes with all requests together; what is too much comes back'),
    baseFeePerGasWei: wei('Base fee of the head'),
    priorityFeePerGasWei: wei('What the node advises to give the proposer'),
    calls: z
      .array(
        z
          .strictObject({
            kind: member.text('What the transaction is for, as "tx list" calls it.'),
            gas: member.number('Gas of the transaction.'),
            atLeast: member.yesOrNo(
              'Whether it takes more: what a registration takes is known when the oracles have approved it.',
            ),
            refusal: member
              .text('Why the vault refuses the call as the chain is now; absent where it does not.')
              .optional(),
          })
          .describe('A transaction.'),
      )
      .describe('Transactions that would be sent, in their order.'),
    gasWei: wei('What their gas costs at these prices'),
    balanceWei: wei('What the hot wallet has; absent where it is not known which that is').optional(),
    balanceAfterWei: signedWei(
      'What it has when all of this is paid for; 0 where it is not enough',
    ).optional(),
    enough: member
      .yesOrNo('Whether the wallet can pay for it; absent where it is not known which that is.')
      .optional(),
  })
  .describe('What it costs.');

export const RESULT = z.strictObject({
  vault: member.vault,
  vaultVersion: member.number('Version of the vault, as its contract says.'),
  head,
  wallet: member
    .address(
      'The hot wallet that is meant: the one that was named, else the validators manager of the vault.',
    )
    .optional(),
  assets,
  funding,
  registration,
  withdrawals,
  costs,
  notes: z
    .array(member.text('A sentence.'))
    .describe('What else is to be known, such as what could not be looked at.'),
});
