// The one observation of a fleet: what each counterpart says of the vault's keys. docs/schemas has it as JSON Schema, as a
// part of the result of "operator status". Loaded by docs and tests alone; observation.ts has its types for the program.
import { z } from 'zod';
import * as client from './client-schema.ts';
import { asked, hex, number, someKeys, text, time, wei, yesOrNo } from './observation-members.ts';
import { operators, transactions, wallet } from './operator-schema.ts';

const name = text('Scheme, host and port of the counterpart, or the path of its socket.');

/** What the vault's directory has on this machine. */
export const localFacts = z
  .strictObject({
    createdKeys: number(
      'Index of the next key in config.json: how many keys were made of the mnemonic.',
    ).optional(),
    keystores: number('How many keystores the directory has.'),
    depositDataEntries: number('How many entries the deposit data file has; absent without one.').optional(),
    depositDataRoot: hex(32, 'Root of the deposit data file; absent without one.').optional(),
  })
  .describe('What the directory of the vault has.');

export const databaseFacts = z
  .strictObject({
    server: text('Version of the server, or of the embedded database.'),
    step: text('The last migration that the database has had.'),
    manifestCounter: number('How many manifests the vault has had: one more with each upload.'),
    total: number('How many validators readers see, retired ones among them.'),
    unfinished: number('Validators that an upload which never ended has left, and nobody sees.'),
    stale: number('How many validators have shares of an earlier oracle set only; retired ones need none.'),
    oracleSetHash: hex(32, 'The oracle set that the last upload made shares for.').optional(),
    oracleConfig: text('IPFS hash of the document that lists that oracle set.').optional(),
    threshold: number('How many shares recover a signature of that oracle set.').optional(),
    setSize: number('How many oracles that set has.').optional(),
    depositDataEntries: number('How many entries the stored deposit data has.').optional(),
    depositDataRoot: hex(32, 'Root of the deposit data of the last upload.').optional(),
    planned: number('How many validator clients the plan has; absent without a plan.').optional(),
    planIntact: yesOrNo('Whether the plan is as it was stored; absent without one.').optional(),
    unassigned: someKeys('Keys that the plan gives to no validator client.'),
    retired: z
      .strictObject({
        outOfSigners: number('How many are left out of the files of signers alone.'),
        outOfClients: number('How many are left out of the files of signers and validator clients.'),
        outOfRotation: number('How many are left out everywhere: their retirement is over.'),
      })
      .describe('Keys of exited validators that "remote-db prune" has retired; absent without any.')
      .optional(),
  })
  .describe('What the database has of the vault.');

export const lastChange = z
  .strictObject({
    command: text('The command that made the change.'),
    actor: text('User and host that ran it.'),
    changedAt: time('When the change was made.'),
  })
  .describe('The newest entry of the audit log.');

export const executionFacts = z
  .strictObject({
    block: number('Number of the newest block.'),
    producedAt: time('Time of that block.'),
  })
  .describe('How far the execution node is.');

export const consensusFacts = z
  .strictObject({ epoch: number('The current epoch.') })
  .describe('How far the consensus node is.');

export const contractFacts = z
  .strictObject({
    block: number('Block as of which the contracts were read.'),
    producedAt: time('Time of that block.'),
    vaultVersion: number('Version of the vault.'),
    depositDataUsed: yesOrNo('Whether validators are registered by the root of deposit data.'),
    depositDataRoot: hex(
      32,
      'Root of the deposit data that the contract takes; absent when none is set.',
    ).optional(),
    nextIndex: number('Place in the deposit data of the validator that is registered next.').optional(),
    withdrawableWei: wei('What validators can be registered from.'),
    registeredLately: number(
      'Validators that the vault has registered in the last 7 days; absent when unknown.',
    ).optional(),
    oracleConfig: text('IPFS hash of the oracle configuration that the keeper has published last.'),
    minOracles: number('How many oracles have to approve.'),
  })
  .describe('What the contracts say of the vault.');

export const validatorFacts = z
  .strictObject({
    unregistered: number('Keys that the beacon chain does not know.'),
    pending: number('Validators that are not active yet.'),
    active: number('Validators that are active.'),
    exiting: number('Validators that are about to exit.'),
    exited: number('Validators that have exited.'),
    slashed: someKeys('Validators that were slashed.'),
  })
  .describe(
    'What the beacon chain says of the keys of the database; of those of the deposit data without one.',
  );

export const oracleFacts = z
  .strictObject({
    oracleSetHash: hex(32, 'The oracle set that the keeper names, see the stored one.'),
    oracleConfig: text('IPFS hash of the document that lists it.'),
    threshold: number('How many shares recover a signature.'),
    members: z
      .array(
        z
          .strictObject({
            address: text('Address of the oracle.'),
            result: z
              .enum(['answered', 'refused', 'failed'])
              .describe('Whether the oracle has answered, has refused to, or was not reached.'),
            latencyMs: number('How long the oracle took, in milliseconds.'),
            message: text('What went wrong; absent when the oracle has answered.').optional(),
          })
          .describe('One oracle.'),
      )
      .describe('Every oracle of the set, in its order.'),
  })
  .describe('The oracles of the keeper.');

export const signerFacts = z
  .strictObject({
    loaded: number('How many keys the signer lists.'),
    expected: number(
      'How many keys it should have: those of the validators and all their shares; absent when unknown.',
    ).optional(),
    missing: someKeys('Keys that it should have and does not list.'),
    extra: someKeys('Keys that it lists and that are not the vault’s. Other vaults may share the signer.'),
  })
  .describe('The keys of the signer.');

export const OBSERVATION = z
  .strictObject({
    seenAt: time('When the observation was begun.'),
    vault: text('Address of the vault, with checksum.'),
    network: text('Name of the network.'),
    local: asked(localFacts, 'The vault’s directory on this machine.'),
    database: asked(databaseFacts, 'The remote database.'),
    lastChange: asked(lastChange, 'The audit log of the database, which auditors may read.'),
    executionNodes: z
      .array(z.strictObject({ name, seen: asked(executionFacts, 'What it says.') }).describe('One node.'))
      .describe('Every execution node.'),
    consensusNodes: z
      .array(z.strictObject({ name, seen: asked(consensusFacts, 'What it says.') }).describe('One node.'))
      .describe('Every consensus node.'),
    contracts: asked(contractFacts, 'The contracts of vault, keeper and deposit data registry.'),
    beaconChain: asked(validatorFacts, 'The beacon chain.'),
    oracles: asked(oracleFacts, 'The oracles that the keeper names.'),
    signers: z
      .array(z.strictObject({ name, seen: asked(signerFacts, 'What it says.') }).describe('One signer.'))
      .describe('Every signer.'),
    clients: client.clients,
    keymanagers: client.keymanagers,
    runTwice: someKeys('Keys that more than one of the validator clients runs.'),
    operators,
    lease: asked(
      z
        .strictObject({
          holder: text('Process that holds the lease, or held it last; empty when nobody ever has.'),
          epoch: number('How often the lease was taken.'),
          held: yesOrNo('Whether the lease is held now.'),
          expiresAt: time('When it ends unless it is renewed; absent when nobody ever had it.').optional(),
        })
        .describe('The lease of the vault’s operators.'),
      'The lease, in the database of the operator.',
    ),
    wallet,
    transactions,
  })
  .describe('What each counterpart says of the vault’s keys.');
