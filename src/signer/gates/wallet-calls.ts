import { FunctionFragment, Interface } from 'ethers/abi';
import { Refusal } from '../http/refusal.ts';
import { requireFunding, requireWithdrawals, type VaultOperations } from './vault-operations.ts';

/** The contracts and the vault that calls may go to: addresses in any case. */
export interface CallParties {
  readonly vault: string;
  readonly keeper: string;
  /** The validators manager of vaults of version 2 to 4 that name no other, and of later ones that name it. */
  readonly depositDataRegistry?: string | undefined;
  /** Default: none. */
  readonly operations?: VaultOperations | undefined;
}

/** One row of the table: what the wallet may call, and how much ether may go with it. */
type AllowedCall = (FixedValue | ValueByArguments) & {
  readonly signature: string;
  /** Whether the first argument is a vault, and has to be this one: the contract does the same for any. */
  readonly namesVault?: true | undefined;
  /** Whether the only argument is a list of calls of the same contract, each of which must be a row of its own. */
  readonly isBatch?: true | undefined;
};

interface FixedValue {
  readonly maxValueWei: bigint;
  /** Looks at the arguments. @throws Refusal */
  readonly require?: ((values: readonly unknown[]) => void) | undefined;
}

/** The ether that may go with the call hangs on its arguments. */
interface ValueByArguments {
  readonly maxValueWei: 'by-arguments';
  /** Looks at the arguments and at the ether. @throws Refusal */
  readonly require: (values: readonly unknown[], valueWei: bigint) => void;
}

/** A contract, and all that the wallet calls there. */
interface Receiver {
  readonly name: string;
  readonly address: string;
  readonly calls: readonly AllowedCall[];
}

const APPROVAL = '(bytes32, uint256, bytes, bytes, string)';
const HARVEST = '(bytes32, int160, uint160, bytes32[])';

const BATCH: AllowedCall = { signature: 'multicall(bytes[])', maxValueWei: 0n, isBatch: true };

/** Vaults of version 1 take validators with a proof, later ones from their manager; all are harvested alike. */
const VAULT_CALLS: readonly AllowedCall[] = [
  { signature: `registerValidator(${APPROVAL}, bytes32[])`, maxValueWei: 0n },
  { signature: `registerValidators(${APPROVAL}, uint256[], bool[], bytes32[])`, maxValueWei: 0n },
  { signature: `registerValidators(${APPROVAL}, bytes)`, maxValueWei: 0n },
  { signature: `updateState(${HARVEST})`, maxValueWei: 0n },
  BATCH,
];

/** What a vault of version 5 (3 on Gnosis) does with validators that it has, each as far as it was switched on. */
function operationCalls(
  vault: string,
  { funding = false, maxWithdrawalRequestFeeWei }: VaultOperations,
): AllowedCall[] {
  const calls: AllowedCall[] = [];
  if (funding) {
    calls.push({
      signature: 'fundValidators(bytes, bytes)',
      maxValueWei: 0n,
      require: values => requireFunding(vault, values),
    });
  }
  if (maxWithdrawalRequestFeeWei !== undefined) {
    calls.push({
      signature: 'withdrawValidators(bytes, bytes)',
      maxValueWei: 'by-arguments',
      require: (values, valueWei) => requireWithdrawals(maxWithdrawalRequestFeeWei, values, valueWei),
    });
  }
  return calls;
}

const REGISTRY_CALLS: readonly AllowedCall[] = [
  { signature: `registerValidator(address, ${APPROVAL}, bytes32[])`, maxValueWei: 0n, namesVault: true },
  {
    signature: `registerValidators(address, ${APPROVAL}, uint256[], bool[], bytes32[])`,
    maxValueWei: 0n,
    namesVault: true,
  },
  { signature: `updateVaultState(address, ${HARVEST})`, maxValueWei: 0n, namesVault: true },
  BATCH,
];

const KEEPER_CALLS: readonly AllowedCall[] = [
  {
    signature: 'updateExitSignatures(address, uint256, string, bytes)',
    maxValueWei: 0n,
    namesVault: true,
  },
];

/** A call that a transaction makes. */
interface WalletCall {
  readonly to: string;
  /** Lower-case hex. */
  readonly data: string;
  readonly valueWei: bigint;
}

/** Names the call when it is in the table. @throws Refusal that names receiver and selector */
export type CallCheck = (call: WalletCall) => string;

/**
 * The table of what the wallet may call: receiver × function × ether. Whatever is not in it is refused, and arguments
 * that are written otherwise than this program writes them, since a contract may read them in another way.
 */
export function createCallCheck({
  vault,
  keeper,
  depositDataRegistry,
  operations = {},
}: CallParties): CallCheck {
  const vaultCalls = [...VAULT_CALLS, ...operationCalls(vault, operations)];
  const receivers: readonly Receiver[] = [
    { name: 'vault', address: vault, calls: vaultCalls },
    { name: 'keeper', address: keeper, calls: KEEPER_CALLS },
    ...(depositDataRegistry === undefined
      ? []
      : [{ name: 'deposit data registry', address: depositDataRegistry, calls: REGISTRY_CALLS }]),
  ];
  const byAddress = new Map(
    receivers.map(receiver => [receiver.address.toLowerCase(), openReceiver(receiver, vault)]),
  );
  return call => {
    const check = byAddress.get(call.to.toLowerCase());
    if (check === undefined) {
      throw refusedCall(`${call.to}, which is no contract of the vault ${vault},`, call.data);
    }
    return check(call.data, call.valueWei);
  };
}

/** Checks calls of one contract. */
function openReceiver(
  { name, address, calls }: Receiver,
  vault: string,
): (data: string, valueWei: bigint) => string {
  const where = `the ${name} ${address}`;
  const bySelector = new Map(
    calls.map(call => {
      const fragment = FunctionFragment.from(call.signature);
      return [fragment.selector, { call, fragment }];
    }),
  );

  const check = (data: string, valueWei: bigint, isInner: boolean): string => {
    const found = bySelector.get(data.slice(0, 10));
    if (found === undefined || (isInner && found.call.isBatch)) throw refusedCall(where, data);
    const { call, fragment } = found;
    if (call.maxValueWei !== 'by-arguments' && valueWei > call.maxValueWei) {
      throw refused(
        `This signer signs no call of ${where} with selector ${data.slice(0, 10)} that sends ${valueWei} wei; ${call.maxValueWei} may be sent.`,
      );
    }
    const values = decodeStrictly(fragment, data, where);
    call.require?.(values, valueWei);
    const [first] = values;
    if (call.namesVault && String(first).toLowerCase() !== vault.toLowerCase()) {
      throw refused(
        // Three addresses, in less than the 200 characters that are shown of another process' words.
        `Call ${data.slice(0, 10)} of ${where} is for vault ${String(first)}, not ${vault}.`,
      );
    }
    if (!call.isBatch) return fragment.name;
    const inner = first as readonly string[];
    if (inner.length === 0) throw refusedCall(`nothing of ${where}`, data);
    return `${fragment.name}(${inner.map(one => check(one, 0n, true)).join(', ')})`;
  };
  return (data, valueWei) => check(data, valueWei, false);
}

/** The arguments, when the data is what they are written as. */
function decodeStrictly(fragment: FunctionFragment, data: string, where: string): readonly unknown[] {
  const abi = new Interface([fragment]);
  try {
    const values = abi.decodeFunctionData(fragment, data).toArray();
    if (abi.encodeFunctionData(fragment, values) === data) return values;
  } catch {
    // Said below.
  }
  throw refused(
    `The arguments of the call of ${where} with selector ${data.slice(0, 10)} are not written as such a call's.`,
  );
}

function refusedCall(where: string, data: string): Refusal {
  const selector = data === '0x' ? 'no selector' : `selector ${data.slice(0, 10)}`;
  return refused(`This signer signs no call of ${where} with ${selector}.`);
}

function refused(reason: string): Refusal {
  return new Refusal(412, reason, { told: true });
}
