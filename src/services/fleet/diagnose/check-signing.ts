import { openKeymanager } from '../../../clients/keymanager.ts';
import { openSignerClient } from '../../../clients/signer/signer-client.ts';
import { openSignerEndpoint } from '../../../clients/signer/signer-endpoint.ts';
import type { SignerTls } from '../../../clients/signer/signer-tls.ts';
import { readSignerPublicKeys } from '../../../clients/signer/web3signer.ts';
import { EXIT_PROOF, type ExitNetwork } from '../../../domain/consensus/exit-message.ts';
import { type OwnCheck, passed, skipped } from '../../../domain/fleet/doctor/check.ts';
import type { EndpointUrl } from '../../../lib/endpoint-url.ts';
import { PUBLIC_KEY_LENGTH } from '../../../lib/lengths.ts';
import type { RecordTable } from '../../../lib/record-table.ts';
import { ask, type Patience } from '../observe/ask.ts';

interface SignerOptions {
  readonly tls: SignerTls | undefined;
  readonly limitMs: number;
}

/** Whether each signer takes keys through its key manager, as `remote-signer-setup` needs it: its keys are listed there, and none is sent. */
export function checkImports(
  urls: readonly EndpointUrl[],
  { tls, limitMs }: SignerOptions,
): Promise<OwnCheck[]> {
  const code = 'signer-imports';
  return Promise.all(
    urls.map(async (url): Promise<OwnCheck> => {
      const where = `signer ${url.name}`;
      const seen = await ask(limitMs, async ({ signal }) => {
        await using keymanager = openKeymanager({ url, tls, timeoutMs: limitMs, signal });
        return (await keymanager.listKeystores()).size;
      });
      if (seen.answer === 'answered')
        return passed(code, where, `has a key manager, which lists ${seen.facts} keys and takes others`);
      if (seen.answer === 'not-asked') return skipped(code, where, seen.reason);
      const { code: fault, message, hint } = seen.fault;
      // Who writes key files needs none.
      if (fault === 'keymanager-missing')
        return skipped(code, where, 'has no key manager to import keys with');
      return { code, severity: 'warn', where, what: message.replace(/\.$/, ''), hint };
    }),
  );
}

export interface SigningToCheck extends SignerOptions {
  /** Whether signers are to be asked for a signature. */
  readonly isWanted: boolean;
  readonly network: ExitNetwork;
  /** The vault's validators; undefined when nobody knows them. */
  readonly validators: RecordTable | undefined;
}

/**
 * Whether each signer signs with a key of the vault: an exit that no chain ever accepts, since there is no such validator and its epoch
 * never comes. The signature is verified, and thrown away.
 */
export function checkSigning(
  urls: readonly EndpointUrl[],
  { isWanted, validators, network, ...options }: SigningToCheck,
): Promise<OwnCheck[]> {
  const code = 'signer-signs';
  return Promise.all(
    urls.map(async (url): Promise<OwnCheck> => {
      const where = `signer ${url.name}`;
      if (!isWanted) return skipped(code, where, '--prove-signing asks for no signature');
      if (validators === undefined) return skipped(code, where, 'nobody knows which keys the vault has');
      const seen = await ask(options.limitMs, async patience => {
        const publicKey = await findKey(url, validators, { ...options, ...patience });
        if (publicKey === undefined) return false;
        const { tls, limitMs: timeoutMs } = options;
        await using client = openSignerClient({ urls: [url], tls, timeoutMs, signal: patience.signal });
        await client.signExit({ ...EXIT_PROOF, network, publicKey });
        return true;
      });
      if (seen.answer === 'not-asked') return skipped(code, where, seen.reason);
      if (seen.answer === 'answered') {
        return seen.facts
          ? passed(code, where, `signs with a key of the vault (${seen.latencyMs} ms)`)
          : skipped(code, where, 'has no validator’s own key of the vault');
      }
      const { message, hint = 'Its log says why' } = seen.fault;
      return { code, severity: 'fail', where, what: message.replace(/\.$/, ''), hint };
    }),
  );
}

/** The first key of the vault that a signer lists; undefined when it has none of them. */
async function findKey(
  url: EndpointUrl,
  validators: RecordTable,
  { tls, limitMs, signal }: SignerOptions & Patience,
): Promise<Uint8Array | undefined> {
  await using endpoint = openSignerEndpoint({ url, tls, timeoutMs: limitMs, connections: 1 });
  const listed = await readSignerPublicKeys(endpoint.http, { url, timeoutMs: limitMs, signal });
  for (let at = 0; at < listed.length; at += PUBLIC_KEY_LENGTH) {
    const publicKey = listed.slice(at, at + PUBLIC_KEY_LENGTH);
    if (validators.has(publicKey)) return publicKey;
  }
  return undefined;
}
