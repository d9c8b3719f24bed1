import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSigner, type RunningSigner } from '../../../src/compose/signer.ts';
import type { SignerSettings } from '../../../src/settings/signer-settings.ts';
import { temporaryDirectory } from '../../support/programs/cli.ts';
import { type LogLine, recordingLog } from '../../support/recording-log.ts';

export interface BuiltInSigner extends RunningSigner {
  readonly directory: string;
  readonly keysDirectory: string;
  readonly lines: readonly LogLine[];
}

/** The built-in signer in this process, with key files of these secret keys (hex). */
export async function startBuiltIn(
  secretKeys: readonly string[],
  settings: Partial<SignerSettings> = {},
): Promise<BuiltInSigner> {
  const temporary = temporaryDirectory();
  const keysDirectory = join(temporary.path, 'keys');
  await mkdir(keysDirectory);
  await writeKeyFile(keysDirectory, secretKeys);
  const { log, lines } = recordingLog();
  try {
    const signer = await openSigner(
      {
        network: 'mainnet',
        keys: { kind: 'key-files', directory: keysDirectory },
        listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
        poolSize: 1,
        ...settings,
      },
      { log, warn: () => undefined },
    );
    return {
      address: signer.address,
      keyCount: signer.keyCount,
      walletAddress: signer.walletAddress,
      directory: temporary.path,
      keysDirectory,
      lines,
      [Symbol.asyncDispose]: async () => {
        await signer[Symbol.asyncDispose]();
        temporary[Symbol.dispose]();
      },
    };
  } catch (error) {
    temporary[Symbol.dispose]();
    throw error;
  }
}

/** One multi-document file, as Web3Signer reads it. */
export async function writeKeyFile(
  directory: string,
  secretKeys: readonly string[],
  name = 'keys.yaml',
): Promise<void> {
  const documents = secretKeys.map(key => `type: file-raw\nkeyType: BLS\nprivateKey: '0x${key}'\n`);
  await writeFile(join(directory, name), documents.join('---\n'));
}
