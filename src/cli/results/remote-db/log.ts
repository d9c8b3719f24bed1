import { z } from 'zod';
import * as member from '../../result-members.ts';

const moment = (description: string) => z.iso.datetime().describe(description);

export const RESULT = z.strictObject({
  entries: z
    .array(
      z
        .strictObject({
          id: member.number('Number of the entry.'),
          writtenAt: moment("When it was written, by the database's clock, in UTC."),
          actor: member.text('User and host, as the writer says them.'),
          command: member.text('The command that has made the change.'),
          rows: z
            .array(
              z
                .strictObject({
                  kind: member.text('What was counted, such as "validators".'),
                  count: member.number('How many.'),
                })
                .describe('Rows of one kind.'),
            )
            .describe('What the change was of; absent where the entry has no such list.')
            .optional(),
          databaseRole: member.text('Database role whose rights were used.'),
          loginRole: member
            .text('Database role that logged in; absent in entries of older versions.')
            .optional(),
        })
        .describe('One change.'),
    )
    .describe('Changes of the rows of the vault, the newest first.'),
  more: member.yesOrNo('Whether there are earlier entries than the limit has let through.'),
  lease: z
    .strictObject({
      holder: member.text('The process that holds the lease, or held it last.'),
      epoch: member.number('How often the lease has been taken.'),
      expiresAt: moment('When the lease ends if nobody renews it, or when it has ended.'),
      held: member.yesOrNo('Whether the lease is held now.'),
    })
    .describe('The lease of the operators of the vault; absent where none has ever taken it.')
    .optional(),
});
