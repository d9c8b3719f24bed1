import type { SignerTls } from '../clients/signer/signer-tls.ts';
import { readFileBytes, readPemFile } from '../lib/files.ts';
import type { SignerConnectionSettings } from '../settings/signing-settings.ts';
import type { SIGNER_CONNECTION_OPTIONS, SIGNER_TLS_OPTIONS } from './flags/signer.ts';
import type { Resolved } from './options/option.ts';

/** How a remote signer is asked, of its options. @throws OperatorError naming a file that cannot be read */
export async function signerConnection(
  given: Resolved<typeof SIGNER_CONNECTION_OPTIONS>,
): Promise<SignerConnectionSettings> {
  return { tls: await readSignerTls(given), timeoutMs: given.remoteSignerTimeout };
}

/**
 * Reads the TLS files of the options; undefined when there is none.
 * @throws OperatorError naming the file
 */
export async function readSignerTls(
  options: Resolved<typeof SIGNER_TLS_OPTIONS>,
): Promise<SignerTls | undefined> {
  const { signerCa, signerCert, signerKey, signerPfx, signerPfxPassword } = options;
  if ([signerCa, signerCert, signerKey, signerPfx].every(path => path === undefined)) return undefined;
  const [ca, cert, key] = await Promise.all(
    [signerCa, signerCert, signerKey].map(path => (path === undefined ? undefined : readPemFile(path))),
  );
  const pfx = signerPfx === undefined ? undefined : await readFileBytes(signerPfx);
  return { ca, cert, key, pfx, passphrase: signerPfxPassword };
}
