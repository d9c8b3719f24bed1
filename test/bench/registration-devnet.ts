// The world around an operator in a process of its own, told what to do over IPC: a chain, and oracles that answer at once.
import { type Devnet, startDevnet } from '../devnet/devnet.ts';

const METHODS = ['createVault', 'setDepositDataRoot', 'setBalance', 'mine', 'writeNetworkFile'] as const;
type Method = (typeof METHODS)[number];

export interface DevnetCall {
  readonly id: number;
  readonly method: Method;
  readonly args: readonly never[];
}

const devnet: Devnet = await startDevnet({ oracles: 11, threshold: 8, oracleServers: { instant: true } });
process.on('message', async ({ id, method, args }: DevnetCall) => {
  const call = devnet[method] as (...given: readonly never[]) => Promise<unknown>;
  process.send?.({ id, result: await call.apply(devnet, [...args]) });
});
process.on('disconnect', () => void devnet.stop().then(() => process.exit()));
process.send?.({ id: 0, result: devnet.rpcUrl });
