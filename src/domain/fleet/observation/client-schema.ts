// The part of an observation that is about validator clients. Loaded by docs and tests alone.
import { z } from 'zod';
import { asked, hex, number, someKeys, text, time, yesOrNo } from './observation-members.ts';

const digest = (description: string) => hex(32, description);

/** The files of a client as the last run of `setup-validator` has written them. */
const writtenFiles = z
  .strictObject({
    total: number('How many keys the files got.'),
    digest: digest('SHA-256 over the public keys that the files got.'),
    manifestCounter: number('Manifest of the database that they were written from.'),
    planned: number('How many validator clients there were then.'),
    host: text('Machine that has written them.'),
    writtenAt: time('When they were written.'),
    current: yesOrNo('Whether they have the keys that the plan gives to the client now.'),
  })
  .describe('The files that were written for the client last.');

const clientRow = z
  .strictObject({
    index: number('Number of the validator client, from 0.'),
    planned: number('How many keys the plan gives to it.'),
    written: writtenFiles.optional(),
  })
  .describe('One validator client.');

export const clients = asked(
  z
    .strictObject({
      rows: z
        .array(clientRow)
        .describe('Every client of the plan, and every other one that files were written for.'),
    })
    .describe('What the database has of the validator clients.'),
  'The plan of validator clients and the files that were written by it, both of the database.',
);

export const keymanagerFacts = z
  .strictObject({
    index: number(
      'The client of the plan that has most of its keys; absent where it runs no key of the vault, or there is no plan.',
    ).optional(),
    runs: number('How many keys it runs.'),
    remote: number('How many of these are keys of a remote signer.'),
    missing: someKeys('Keys that the plan gives to the client and that it does not run.'),
    misplaced: someKeys('Keys that the plan gives to another client.'),
    foreign: number('Keys that it runs and that are not the vault’s.'),
  })
  .describe('The keys that a validator client runs now.');

export const keymanagers = z
  .array(
    z
      .strictObject({
        name: text('Scheme, host and port of the validator client.'),
        seen: asked(keymanagerFacts, 'What the client says.'),
      })
      .describe('One validator client with the key manager API.'),
  )
  .describe('Every validator client that could be asked.');
