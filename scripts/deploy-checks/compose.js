// deploy/compose/compose.yaml, as docker-compose reads it. Its command lines are run by test/cli/compose.test.ts.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { inFolder, root } from './tools.js';

export const composeSteps = [
  {
    name: 'prometheus-config',
    run: ({ tools }) =>
      void tools.run('promtool', ['check', 'config', join(root, 'deploy/compose/prometheus/prometheus.yml')]),
  },
  {
    name: 'docker-compose-config',
    run: ({ tools }) =>
      inFolder(folder => {
        cpSync(join(root, 'deploy/compose'), folder, { recursive: true });
        mkdirSync(join(folder, 'secrets'), { recursive: true });
        const example = readFileSync(join(folder, 'env.example'), 'utf8');
        const vault = '0x1234567890abcdef1234567890abcdef12345678';
        writeFileSync(join(folder, '.env'), example.replace(/^(VAULT|FEE_RECIPIENT)=$/gm, `$1=${vault}`));
        const compose = (...args) =>
          tools.run('docker-compose', ['--file', join(folder, 'compose.yaml'), ...args], { cwd: folder });
        const all = ['--profile', 'validators', '--profile', 'admin', 'config'];
        const config = parse(compose(...all));
        if (config.services['sync-keys'].environment.VAULT !== vault)
          throw new Error(`VAULT of .env came through as ${config.services['sync-keys'].environment.VAULT}`);
        for (const [name, { image }] of Object.entries(config.services))
          if (!/:[\w.-]+$/.test(image)) throw new Error(`${name} has an image without a tag: ${image}`);
        // The status page is in a file of its own, off unless .env names it.
        if (JSON.stringify(config.services.operator).includes('STATUS_'))
          throw new Error('the status page is on by default');
        writeFileSync(
          join(folder, '.env'),
          example.replace(/^(VAULT|FEE_RECIPIENT)=$/gm, `$1=${vault}`).replace(/^#(?=COMPOSE_FILE=)/m, ''),
        );
        const { operator } = parse(tools.run('docker-compose', ['config'], { cwd: folder })).services;
        const { STATUS_PORT: port, STATUS_HOST: host } = operator.environment;
        if (`${port} ${host} ${operator.ports}` !== '9102 0.0.0.0 127.0.0.1:9102:9102/tcp')
          throw new Error(
            `the status page comes through as ${port} of ${host}, published as ${operator.ports}`,
          );
        // What has no value stops it with the variable's name.
        writeFileSync(join(folder, '.env'), example.replace(/^NETWORK=.*$/m, 'NETWORK='));
        const { status, stderr } = tools.attempt('docker-compose', ['config', '--quiet'], { cwd: folder });
        if (status === 0 || !/NETWORK/.test(stderr))
          throw new Error(`NETWORK is empty, and docker-compose says: ${stderr}`);
      }),
  },
];
