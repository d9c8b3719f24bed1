import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createValidatorConfig } from '../../../../src/domain/fleet/validator-config.ts';
import { createWeb3SignerConfig } from '../../../../src/domain/fleet/web3signer-config.ts';
import { PROJECT_ROOT } from '../../../support/programs/cli.ts';

const [, clients = '', signer = ''] = readFileSync(join(PROJECT_ROOT, 'docs/templates.md'), 'utf8').split(
  /^## .*$/m,
);
const described = (section: string) => [...section.matchAll(/^\| `it\.(\w+)` \|/gm)].map(([, name]) => name);

it('docs/templates.md describes each member that templates of validator clients are given, and no other', () => {
  const { config } = createValidatorConfig({
    publicKeys: [],
    signerUrl: 'http://w',
    feeRecipient: '0x48319f97e5da1233c21c48b80097c0fb7a20ff86',
    isBuilderEnabled: true,
  });
  expect(described(clients)).toEqual(Object.keys(config));
});

it('docs/templates.md describes each member that the template of Web3Signer is given, and no other', () => {
  const { config } = createWeb3SignerConfig({
    version: '26.7.0',
    vaultNetwork: 'mainnet',
    keyStorePath: '/keys',
    allowedHosts: [],
    tls: { allowsCaClients: false, allowsAnyClient: false },
    metrics: { isEnabled: false, allowedHosts: [] },
  });
  expect(described(signer)).toEqual(Object.keys(config));
});
