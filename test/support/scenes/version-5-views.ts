import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Contract, ContractFactory } from 'ethers/contract';
import { JsonRpcProvider } from 'ethers/providers';
import { z } from 'zod';
import { connectExecutionNode, type ExecutionNode } from '../../../src/clients/execution/execution-node.ts';
import { startAnvil } from '../../devnet/anvil.ts';
import { mined } from '../../devnet/mined.ts';

const SOURCE = new URL('../contracts/Version5Views.sol', import.meta.url);
const CACHE = new URL('../../../node_modules/.cache/views/', import.meta.url);
const CHAIN_ID = 31_337;

const NAMES = [
  'ViewedVault',
  'ViewedKeeper',
  'ViewedChecker',
  'ViewedRedeemer',
  'ViewedController',
  'ViewedMulticall',
] as const;
type Name = (typeof NAMES)[number];

const artifactsSchema = z.record(
  z.string(),
  z.object({ abi: z.array(z.unknown()), evm: z.object({ bytecode: z.object({ object: z.string() }) }) }),
);
type Artifacts = z.infer<typeof artifactsSchema>;

/** An EVM node of its own with the contracts that clients of version 5 read, each as little as can be read. */
export interface Version5Views extends AsyncDisposable {
  readonly rpcUrl: string;
  readonly node: ExecutionNode;
  readonly contracts: Readonly<Record<Name, Contract>>;
  readonly addresses: Readonly<Record<Name, string>>;
  /** Sends one transaction and waits for its block. @returns the block's number */
  send(contract: Name, method: string, ...args: readonly unknown[]): Promise<number>;
  /** Sends a transaction in the name of whoever has been impersonated, and waits until it is in a block. @throws when it fails */
  sendFrom(transaction: Readonly<Record<'from' | 'to' | 'data' | 'value' | 'gas', string>>): Promise<void>;
  /** Sends a JSON-RPC request to the node. */
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  blockNumber(): Promise<number>;
}

/** @param options.slotsPerEpoch - blocks per epoch: what is finalized is two epochs behind the head */
export async function startVersion5Views(
  options: { readonly slotsPerEpoch?: number } = {},
): Promise<Version5Views> {
  await using resources = new AsyncDisposableStack();
  const anvil = resources.use(
    await startAnvil({ chainId: CHAIN_ID, slotsPerEpoch: options.slotsPerEpoch ?? 1 }),
  );
  const provider = new JsonRpcProvider(anvil.rpcUrl, CHAIN_ID, { staticNetwork: true, cacheTimeout: -1 });
  resources.defer(() => provider.destroy());
  const artifacts = await compileViews();
  const signer = await provider.getSigner(0);
  const contracts: Partial<Record<Name, Contract>> = {};
  for (const name of NAMES) {
    const { abi, evm } = artifacts[name] ?? { abi: [], evm: { bytecode: { object: '' } } };
    const factory = new ContractFactory(abi as never[], `0x${evm.bytecode.object}`, signer);
    const deployed = await factory.deploy();
    await deployed.waitForDeployment();
    contracts[name] = new Contract(await deployed.getAddress(), abi as never[], signer);
  }
  const node = await connectViews(anvil.rpcUrl);
  resources.defer(() => node.destroy());
  const owned = resources.move();
  const all = contracts as Record<Name, Contract>;
  const addresses = Object.fromEntries(NAMES.map(name => [name, String(all[name].target)]));
  return {
    rpcUrl: anvil.rpcUrl,
    node,
    contracts: all,
    addresses: addresses as Record<Name, string>,
    send: async (name, method, ...args) => {
      const sent = await all[name].getFunction(method).send(...args);
      return (await sent.wait())?.blockNumber ?? 0;
    },
    sendFrom: async transaction => {
      const hash: string = await provider.send('eth_sendTransaction', [transaction]);
      await mined(provider, { hash });
    },
    request: (method, params) => provider.send(method, [...params]),
    blockNumber: () => provider.getBlockNumber(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A client of the node behind a URL: its own, or that of a server in front of it. */
export function connectViews(url: string): Promise<ExecutionNode> {
  return connectExecutionNode(
    {},
    { endpoints: [url], chainId: CHAIN_ID, timeoutMs: 10_000, retryTimeoutMs: 0 },
  );
}

/** Compiles the contracts, or takes what an earlier run has made of the same source. */
async function compileViews(): Promise<Artifacts> {
  const content = await readFile(SOURCE, 'utf8');
  const name = createHash('sha256').update(content).digest('hex').slice(0, 32);
  const cached = new URL(`${name}.json`, CACHE);
  try {
    return artifactsSchema.parse(JSON.parse(await readFile(cached, 'utf8')));
  } catch {
    const { default: solc } = await import('solc');
    const input = {
      language: 'Solidity',
      sources: { 'views.sol': { content } },
      settings: {
        evmVersion: 'cancun',
        outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
      },
    };
    const output = JSON.parse(solc.compile(JSON.stringify(input))) as {
      errors?: { severity: string; formattedMessage: string }[];
      contracts?: { 'views.sol'?: unknown };
    };
    const errors = output.errors?.filter(({ severity }) => severity === 'error') ?? [];
    if (errors.length > 0) throw new Error(errors.map(error => error.formattedMessage).join('\n'));
    const artifacts = artifactsSchema.parse(output.contracts?.['views.sol']);
    await mkdir(CACHE, { recursive: true });
    const draft = `${fileURLToPath(cached)}.${process.pid}`;
    await writeFile(draft, JSON.stringify(artifacts));
    await rename(draft, cached);
    return artifacts;
  }
}
