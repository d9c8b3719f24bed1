import { type ProxiedRequest, startRequestProxy } from './request-proxy.ts';
import { startWireProxy } from './wire-proxy.ts';

/** How far a transaction is, as seen from outside. */
type StepPhase = 'preparing' | 'approving' | 'recorded' | 'sent' | 'ended';

/** Something that an operator is about to do outside its own process, or has done and not learnt yet. */
export interface Step {
  readonly phase: StepPhase;
  /** Method and endpoint, or the statement's text, with what differs from time to time left out. */
  readonly kind: string;
  /** How often there was one of this kind in this phase, with this one. */
  readonly number: number;
}

interface StepServers {
  readonly execution: string;
  readonly beacon: string;
  readonly signer: string;
  readonly ipfs: string;
  /** Left out for an operator with an embedded database. */
  readonly database?: string | undefined;
}

/** Stands between one operator and everything that it talks to; oracles tell of themselves. */
export interface StepGate extends AsyncDisposable {
  /** The URLs to give in place of the servers'. */
  readonly servers: StepServers;
  /** The next transaction: phases and numbers begin anew. */
  begin(): void;
  /** An oracle was asked. */
  asked(request: { readonly method: string; readonly path: string }): Promise<boolean>;
}

const NAMES = ['execution', 'beacon', 'signer', 'ipfs'] as const;
/** Their answers have consequences that the operator does not know of when it never gets them. */
const SENDING = 'execution eth_sendRawTransaction';

/**
 * @param onStep - called with every step; it goes on when this resolves to true, and never when it says false
 */
export async function startStepGate(
  servers: StepServers,
  onStep: (step: Step) => Promise<boolean>,
): Promise<StepGate> {
  await using stack = new AsyncDisposableStack();
  let phase: StepPhase = 'preparing';
  let numbers = new Map<string, number>();
  const take = async (kind: string): Promise<boolean> => {
    const name = `${phase}: ${kind}`;
    const number = (numbers.get(name) ?? 0) + 1;
    numbers.set(name, number);
    const step = { phase, kind, number };
    phase = phaseAfter(step);
    return onStep(step);
  };
  const proxy = stack.use(
    await startRequestProxy({
      servers: NAMES.map(name => servers[name]),
      hold: async request => {
        const kind = kindOfRequest(request);
        if (!request.isAnswered) return take(kind);
        return kind === SENDING ? take(`${kind}, answered`) : true;
      },
    }),
  );
  const [execution = '', beacon = '', signer = '', ipfs = ''] = proxy.urls;
  const wire =
    servers.database === undefined
      ? undefined
      : stack.use(
          await startWireProxy({
            serverUrl: servers.database,
            hold: text => take(`database ${text.replaceAll(/\s+/g, ' ').trim()}`),
          }),
        );
  const open = stack.move();
  return {
    servers: { execution, beacon, signer, ipfs, database: wire?.url },
    begin() {
      phase = 'preparing';
      numbers = new Map();
    },
    asked: ({ method, path }) => take(`oracle ${method} ${withoutNames(path)}`),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function kindOfRequest({ server, method, path, body }: ProxiedRequest): string {
  const name = NAMES[server] ?? '';
  if (name === 'execution') return `execution ${tellingCallOf(body)}`;
  return `${name} ${method} ${withoutNames(path)}`;
}

/** Keys, addresses, numbers, and CIDs. */
function withoutNames(path: string): string {
  return path.replaceAll(/0x[0-9a-f]+|(?<=[/=,])\d+|\b(Qm|ba)\w{40,}/gi, '…');
}

/**
 * Method of a JSON-RPC request, of a call of a contract with its selector. What several tasks ask at once goes out as one
 * batch, in changing company: the last in the order of the alphabet tells enough (receipts, fees, logs).
 */
function tellingCallOf(body: string): string {
  const parsed: RpcCall | RpcCall[] = JSON.parse(body);
  const calls = [parsed].flat().map(({ method, params }) => {
    const [call] = params;
    const isCall = typeof call === 'object' && call !== null && 'data' in call;
    return isCall ? `${method} ${String(call.data).slice(0, 10)}` : method;
  });
  return calls.sort().at(-1) ?? '';
}

interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

function phaseAfter({ phase, kind }: Step): StepPhase {
  if (kind.startsWith('signer POST') && phase === 'preparing') return 'approving';
  if (/^database .*insert into \S*"transactions"/.test(kind)) return 'recorded';
  if (phase === 'recorded' && kind === `${SENDING}, answered`) return 'sent';
  if (/^database .*update \S*"transactions" set state = \$\d+, reason/.test(kind)) return 'ended';
  return phase;
}
