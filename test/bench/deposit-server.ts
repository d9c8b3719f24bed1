// A JSON-RPC node with nothing but deposits, and an IPFS gateway with their snapshot, in a process of its own:
// node test/bench/deposit-server.ts KNOWN FRESH. Prints its addresses as a line of JSON, ends with stdin.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { signMessage } from '../../src/domain/consensus/bls.ts';
import { depositSigningRoot } from '../../src/domain/consensus/deposit-signature.ts';
import { publicKeyOf } from '../../src/domain/keys/derivation.ts';
import { startIpfsGateway } from '../devnet/ipfs-gateway.ts';
import { CREDENTIALS, DEPOSIT_CONTRACT, depositBlock, FORK_VERSION, knownKey } from './deposit-inputs.ts';

const MAX_LOGS = 10_000;
const TOPIC = '0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5';
const AMOUNT_GWEI = 32_000_000_000n;

const [known = 0, fresh = 0] = process.argv.slice(2).map(Number);
/** Nothing is final at first but the snapshot, which is of block 0. */
let finalized = 0;

/** Public key and signature of deposits that are not in the snapshot: real ones, each of another key. */
const signed = Array.from({ length: fresh }, (_, i) => {
  const secretKey = new Uint8Array(32).fill(1);
  new DataView(secretKey.buffer).setUint32(28, i);
  const publicKey = publicKeyOf(secretKey);
  const message = { publicKey, withdrawalCredentials: CREDENTIALS, amountGwei: AMOUNT_GWEI };
  return { publicKey, signature: signMessage(secretKey, depositSigningRoot(message, FORK_VERSION)) };
});

const template = Buffer.alloc(0x240);
for (const [i, [offset, length]] of [
  [0xa0, 48],
  [0x100, 32],
  [0x140, 8],
  [0x180, 96],
  [0x200, 8],
].entries()) {
  template.writeUInt32BE(offset ?? 0, i * 32 + 28);
  template.writeUInt32BE(length ?? 0, (offset ?? 0) + 28);
}
template.set(CREDENTIALS, 0x120);
template.writeBigUInt64LE(AMOUNT_GWEI, 0x160);

function logText(index: number): string {
  const { publicKey, signature } = signed[index - known] ?? {
    publicKey: knownKey(index),
    signature: undefined,
  };
  template.set(publicKey, 0xc0);
  // A signature of a key that is known is not looked at; it only has to take its space.
  template.set(signature ?? Buffer.concat([publicKey, publicKey]), 0x1a0);
  template.writeBigUInt64LE(BigInt(index), 0x220);
  const hash = createHash('sha256').update(publicKey).digest('hex');
  return `{"address":"${DEPOSIT_CONTRACT}","topics":["${TOPIC}"],"data":"0x${template.toString('hex')}","blockNumber":"0x${depositBlock(index).toString(16)}","transactionHash":"0x${hash}","transactionIndex":"0x0","blockHash":"0x${hash}","logIndex":"0x${(index % 10).toString(16)}","removed":false}`;
}

function answer({ id, method, params }: { id: number; method: string; params: unknown[] }): string {
  const text = (result: string) => `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
  if (method === 'eth_chainId') return text('"0x7a69"');
  if (method === 'eth_blockNumber') return text(`"0x${finalized.toString(16)}"`);
  if (method === 'bench_finalize') {
    finalized = depositBlock(Number(params[0]) - 1);
    return text('true');
  }
  if (method === 'eth_getBlockByNumber') {
    const hash = `0x${finalized.toString(16).padStart(64, '0')}`;
    return text(
      JSON.stringify({ number: `0x${finalized.toString(16)}`, hash, parentHash: hash, timestamp: '0x1' }),
    );
  }
  const [filter] = params as { fromBlock: string; toBlock: string }[];
  const first = Math.max(0, (Number(filter?.fromBlock) - 1) * 10);
  const last = Math.min(known + fresh, Number(filter?.toBlock) * 10);
  if (last - first > MAX_LOGS) {
    return `{"jsonrpc":"2.0","id":${id},"error":{"code":-32005,"message":"query returned more than ${MAX_LOGS} results"}}`;
  }
  const logs: string[] = [];
  for (let index = first; index < last; index++) logs.push(logText(index));
  return text(`[${logs.join()}]`);
}

const snapshot = Buffer.alloc(known * 52);
for (let i = 0; i < known; i++) snapshot.set(knownKey(i), i * 52 + 4);
await using gateway = await startIpfsGateway();
const cid = await gateway.add(snapshot);

const server = createServer(async (request, response) => {
  const payload = await json(request);
  const requests = [payload].flat() as Parameters<typeof answer>[0][];
  const answers = requests.map(answer);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(Array.isArray(payload) ? `[${answers.join()}]` : answers[0]);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  console.log(JSON.stringify({ rpcUrl: `http://127.0.0.1:${port}`, ipfsUrl: gateway.url, cid }));
});
process.stdin.resume();
await new Promise(resolve => process.stdin.once('end', resolve));
server.closeAllConnections();
server.close();
