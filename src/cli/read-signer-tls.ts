import type { SignerTls } from '../clients/signer/signer-tls.ts';
import { readFileBytes } from '../lib/files.ts';
import type { SIGNER_TLS_OPTIONS } from './flags/signer.ts';
import type { Resolved } from './options/option.ts';

/**
 * Reads the TLS files of the options; undefined when there is none.
 * @throws OperatorError naming the file
 */
export async function readSignerTls(
  options: Resolved<typeof SIGNER_TLS_OPTIONS>,
): Promise<SignerTls | undefined> {
  const { signerCa, signerCert, signerKey, signerPfx, signerPfxPassword } = options;
  if ([signerCa, signerCert, signerKey, signerPfx].every(path => path === undefined)) return undefined;
  const [ca, cert, key, pfx] = await Promise.all(
    [signerCa, signerCert, signerKey, signerPfx].map(path =>
      path === undefined ? undefined : readFileBytes(path),
    ),
  );
  return { ca, cert, key, pfx, passphrase: signerPfxPassword };
}
