import { Interface } from 'ethers/abi';
import { type Deposit, isDepositSigned } from './deposit-data.ts';
import { type DepositChain, hex, unhex } from './exit-signature.ts';
import type { Protocol } from './protocol.ts';

/** A validator that a deposit made. */
interface DepositedValidator extends Deposit {
  /** Its place among the validators of the chain, from 0. */
  readonly index: bigint;
  readonly blockNumber: number;
}

/** The validators of the chain by its own deposits, as the beacon chain counts them. */
export interface DepositLog {
  /** The validators up to the head, in the order of their indexes. */
  listValidators(): Promise<readonly DepositedValidator[]>;
  /** Takes this key's deposit without a look at its signature. */
  vouchFor(publicKey: Uint8Array): void;
  /** Whether the beacon chain makes a validator of a deposit. */
  isSigned(deposit: Deposit): boolean;
}

/** Where the deposit contract is, and how it is asked. */
interface DepositContractOnChain {
  readonly provider: Pick<Protocol['provider'], 'send'>;
  readonly addresses: Pick<Protocol['addresses'], 'depositContract'>;
}

const depositContract = new Interface([
  'event DepositEvent(bytes pubkey, bytes withdrawal_credentials, bytes amount, bytes signature, bytes index)',
]);

interface DepositEvent {
  readonly topics: string[];
  readonly data: string;
}

interface Log extends DepositEvent {
  readonly blockNumber: string;
}

/**
 * Follows the deposit contract from block 0: a key is a validator with its first deposit whose signature is valid; later
 * deposits add to its balance. Everything is read anew when the head is another block, so that it survives reorganisations.
 */
export function createDepositLog(
  { provider, addresses }: DepositContractOnChain,
  chain: DepositChain,
): DepositLog {
  const vouched = new Set<string>();
  const verdicts = new Map<string, boolean>();
  let known:
    | { readonly head: string; readonly validators: Promise<readonly DepositedValidator[]> }
    | undefined;

  const isSigned = (deposit: Deposit): boolean => {
    if (vouched.has(hex(deposit.publicKey))) return true;
    const { publicKey, withdrawalCredentials, signature, amountGwei } = deposit;
    const name = `${hex(publicKey)}${hex(withdrawalCredentials)}${hex(signature)}${amountGwei}`;
    const verdict = verdicts.get(name) ?? isDepositSigned(deposit, chain);
    verdicts.set(name, verdict);
    return verdict;
  };
  const read = async (): Promise<readonly DepositedValidator[]> => {
    const logs: Log[] = await provider.send('eth_getLogs', [
      { address: addresses.depositContract, fromBlock: '0x0', toBlock: 'latest' },
    ]);
    const validators = new Map<string, DepositedValidator>();
    for (const log of logs) {
      const deposit = parseDeposit(log);
      const name = hex(deposit.publicKey);
      if (validators.has(name) || !isSigned(deposit)) continue;
      const index = BigInt(validators.size);
      validators.set(name, { ...deposit, index, blockNumber: Number(log.blockNumber) });
    }
    return [...validators.values()];
  };
  return {
    listValidators: async () => {
      const { hash: head } = await provider.send('eth_getBlockByNumber', ['latest', false]);
      const current = known !== undefined && known.head === head ? known : { head, validators: read() };
      known = current;
      return await current.validators;
    },
    vouchFor: publicKey => void vouched.add(hex(publicKey)),
    isSigned,
  };
}

/** The deposit that an event of the deposit contract tells of. */
export function parseDeposit({ topics, data }: DepositEvent): Deposit {
  const fields = depositContract.parseLog({ topics, data })?.args;
  return {
    publicKey: unhex(fields?.pubkey),
    withdrawalCredentials: unhex(fields?.withdrawal_credentials),
    amountGwei: unhex(fields?.amount).readBigUInt64LE(),
    signature: unhex(fields?.signature),
  };
}
