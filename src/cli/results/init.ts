import { z } from 'zod';
import * as member from '../result-members.ts';

export const RESULT = z.strictObject({
  vault: member.vault,
  network: member.text('Name of the network, or absolute path of the network file.'),
  firstPublicKey: member.publicKey("First public key of the mnemonic, by which it is known as the vault's."),
});
