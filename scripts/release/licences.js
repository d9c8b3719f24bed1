// The licences of all packages whose code is in the program, in the bundle or beside it, and of Node, for whom the file has to go along.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LICENCE_FILE, productionPackages, root } from './app-files.js';

const RULE = `\n\n${'-'.repeat(78)}\n\n`;

/** @returns the text of the file; a package without a licence file of its own is named with the licence that it states */
export function thirdPartyLicences() {
  const parts = productionPackages().map(([key, { version, license }]) => {
    const name = key.slice(key.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const texts = licenceTexts(join(root, key));
    const stated = statedLicence(join(root, key)) ?? license ?? 'not stated';
    const text = texts.length === 0 ? '(The package has no licence file.)' : texts.join('\n\n');
    return `${name} ${version}\nLicence: ${stated}\n\n${text}`;
  });
  const head =
    'The StakeWise Operator contains the code of these packages, and runs on Node.js (https://nodejs.org), whose licence is at\n' +
    'https://github.com/nodejs/node/blob/main/LICENSE.';
  return `${[head, ...parts].join(RULE)}\n`;
}

function licenceTexts(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => LICENCE_FILE.test(name))
    .sort()
    .map(name => readFileSync(join(folder, name), 'utf8').trim());
}

function statedLicence(folder) {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return undefined;
  const { license, licenses } = JSON.parse(readFileSync(file, 'utf8'));
  return typeof license === 'string'
    ? license
    : (license?.type ?? licenses?.map(({ type }) => type).join(' OR '));
}
