import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { signerUrls } from '../../../../src/cli/options/value-kinds.ts';
import { readSignerTls } from '../../../../src/cli/signer-connection.ts';
import { it } from '../../../support/fixtures.ts';

const source = { kind: 'flag' } as const;
const none = {
  signerCa: undefined,
  signerCert: undefined,
  signerKey: undefined,
  signerPfx: undefined,
  signerPfxPassword: undefined,
};

describe('signer options', () => {
  it('signerUrls takes the URL of one signer, of several, or of a socket, and refuses others', async () => {
    const parse = async (value: string) => (await signerUrls.parse(value, source)).map(url => url.reveal());
    expect(await parse('http://signer:9000/')).toEqual(['http://signer:9000']);
    expect(await parse('https://a:9000, https://b:9000')).toEqual(['https://a:9000', 'https://b:9000']);
    expect(await parse('unix:/run/signer.sock')).toEqual(['unix:/run/signer.sock']);
    for (const wrong of ['signer:9000', 'unix:', ' , ', 'ftp://signer']) {
      await expect(parse(wrong)).rejects.toMatchObject({ code: 'invalid-url', exitCode: 2 });
    }
  });

  it('readSignerTls reads the TLS files that are named', async ({ directory }) => {
    const path = join(directory, 'ca.pem');
    writeFileSync(path, 'certificate');
    expect(await readSignerTls(none)).toBeUndefined();
    expect(await readSignerTls({ ...none, signerCa: path, signerPfxPassword: 'secret' })).toEqual({
      ca: Buffer.from('certificate'),
      cert: undefined,
      key: undefined,
      pfx: undefined,
      passphrase: 'secret',
    });
    const missing = readSignerTls({ ...none, signerPfx: join(directory, 'nowhere') });
    await expect(missing).rejects.toMatchObject({ code: 'file-missing' });
  });
});
