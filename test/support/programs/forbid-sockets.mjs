// Preloaded into a program that must not use the network: the first attempt ends it with exit code 99.
import dgram from 'node:dgram';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

function forbid(owner, name) {
  owner[name] = () => {
    process.stderr.write(`forbidden: ${name}\n`);
    process.exit(99);
  };
}

forbid(net.Socket.prototype, 'connect');
forbid(net.Server.prototype, 'listen');
forbid(dgram, 'createSocket');
for (const name of Object.keys(dns)) if (/^(lookup|resolve)/.test(name)) forbid(dns, name);
for (const name of Object.keys(dns.promises)) if (/^(lookup|resolve)/.test(name)) forbid(dns.promises, name);
forbid(globalThis, 'fetch');
syncBuiltinESMExports();
