import { Interface } from 'ethers/abi';
import type { DepositLog } from './deposit-log.ts';
import { type DepositChain, hex, unhex } from './exit-signature.ts';
import type { Answer, ReceivedRequest } from './http-server.ts';
import type { IpfsGateway } from './ipfs-gateway.ts';
import {
  checkDepositSignatures,
  checkRegistration,
  checkShares,
  encodeEntries,
  fingerprint,
  openShard,
  readVault,
} from './oracle-checks.ts';
import {
  parseApprovalRequest,
  parseRotationRequest,
  Refusal,
  type ShareRequest,
  vaultOf,
} from './oracle-requests.ts';
import { type OracleServer, startOracleServer } from './oracle-server.ts';
import type { OracleKey, OracleSet } from './oracle-set.ts';
import type { Protocol } from './protocol.ts';
import { registrationDigest, rotationDigest, signDigest } from './typed-data.ts';

export interface OraclesOptions {
  /** Servers of each oracle. */
  readonly replicas?: number;
  /** Path of the endpoints, for example `/oracle`: none by default. */
  readonly path?: string;
  /** Signs what has the right fields, without any other look at it: for benchmarks. */
  readonly instant?: boolean;
}

export interface OraclesDeps {
  readonly protocol: Protocol;
  readonly deposits: DepositLog;
  readonly ipfs: IpfsGateway;
  /** What deposits are signed for. */
  readonly chain: DepositChain;
  /** The set that the keeper names. */
  readonly currentSet: () => OracleSet;
}

/** What an oracle answered, and why. */
interface OracleDecision {
  /** Its place in the oracle set. */
  readonly oracle: number;
  readonly path: string;
  readonly status: number;
  readonly reason?: string;
}

export interface Oracles extends AsyncDisposable {
  /** The oracles of the current set, in the order of its document. */
  readonly servers: readonly OracleServer[];
  /** The answers to requests, in the order in which they were given. */
  readonly decisions: readonly OracleDecision[];
  instant: boolean;
  /** Indexes of the validators that the oracles are exiting: what each tells, unless it lies. */
  exiting: readonly number[];
  /** Called before a request is looked at: a place to change the chain or to kill who asks. */
  onRequest: ((server: OracleServer, request: ReceivedRequest) => void | Promise<void>) | undefined;
  /** Starts the servers of an oracle and gives it their addresses. */
  start(key: OracleKey): Promise<OracleKey>;
  /** Stops the servers of all oracles that are not of this set. */
  keep(keys: readonly OracleKey[]): Promise<void>;
  /** Takes note of validators whose exits a former set of oracles holds. */
  addExits(exitSignaturesIpfsHash: string, exits: ExitDocument): void;
}

/** What the oracles pin in IPFS. */
export interface ExitDocument {
  readonly vault: string;
  /** CID of the configuration whose oracles the shards are for. */
  readonly oracle_config: string;
  readonly validators: readonly {
    readonly index: number;
    readonly public_key: string;
    readonly public_key_shards: readonly string[];
    readonly exit_signature_shards: readonly string[];
  }[];
}

/** The point at infinity: what stands for the share of a validator that was not registered here. */
const NO_SHARE = Buffer.concat([Uint8Array.of(0xc0), Buffer.alloc(95)]);

const events = new Interface([
  'event ValidatorsApproval(address indexed vault, string exitSignaturesIpfsHash)',
  'event ExitSignaturesUpdated(address indexed caller, address indexed vault, uint256 nonce, string exitSignaturesIpfsHash)',
]);

/**
 * The oracles of a devnet, each an HTTP server of its own (or several, its replicas). They sign a registration when every
 * member of the request is as the protocol has it: registry root and index of the chain, the proof of the deposit data
 * or the manager's signature, deposit signatures, and exits that any threshold of them can recover; and new exit
 * signatures likewise.
 */
export function createOracles(deps: OraclesDeps, options: OraclesOptions = {}): Oracles {
  return new RunningOracles(deps, options);
}

class RunningOracles implements Oracles {
  instant: boolean;
  exiting: readonly number[] = [];
  onRequest: Oracles['onRequest'];
  readonly decisions: OracleDecision[] = [];
  readonly #deps: OraclesDeps;
  readonly #options: OraclesOptions;
  readonly #started = new Map<string, OracleServer>();
  readonly #exits = new Map<string, ExitDocument>();
  /** Results of checks that are the same for all oracles, by what was checked. */
  readonly #checked = new Map<string, Promise<unknown>>();

  constructor(deps: OraclesDeps, options: OraclesOptions) {
    this.#deps = deps;
    this.#options = options;
    this.instant = options.instant ?? false;
  }

  get servers(): readonly OracleServer[] {
    return this.#deps.currentSet().oracles.flatMap(({ address }) => this.#started.get(address) ?? []);
  }

  async start(key: OracleKey): Promise<OracleKey> {
    const server = await startOracleServer(key, this.#options, async (own, request) => {
      await this.onRequest?.(own, request);
      return await this.#answer(own, request);
    });
    this.#started.set(key.address, server);
    return { ...key, endpoints: server.replicas.map(({ url }) => url) };
  }

  async keep(keys: readonly OracleKey[]): Promise<void> {
    const kept = new Set(keys.map(({ address }) => address));
    for (const [address, server] of this.#started) {
      if (kept.has(address)) continue;
      this.#started.delete(address);
      await server[Symbol.asyncDispose]();
    }
  }

  addExits(exitSignaturesIpfsHash: string, exits: ExitDocument): void {
    this.#exits.set(exitSignaturesIpfsHash, exits);
  }

  async #answer(server: OracleServer, request: ReceivedRequest): Promise<Answer> {
    const oracle = this.servers.indexOf(server);
    const { path } = request;
    try {
      const answer = await this.#route(server, request);
      this.decisions.push({ oracle, path, status: answer.status });
      return answer;
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      const reason = error instanceof Error ? error.message : String(error);
      this.decisions.push({ oracle, path, status, reason });
      return { status, body: { code: status, message: reason } };
    }
  }

  async #route(server: OracleServer, request: ReceivedRequest): Promise<Answer> {
    const vault = /^\/signatures\/(0x[0-9a-fA-F]{40})$/.exec(request.path)?.[1];
    if (request.method === 'GET' && vault !== undefined) return await this.#tellOutdated(server, vault);
    switch (`${request.method} ${request.path}`) {
      case 'GET /':
        return { status: 200, body: await this.#vote() };
      case 'GET /exits':
        return this.#tellExits(server);
      case 'POST /':
        return await this.#approve(server, readJson(request));
      case 'POST /signatures':
        return await this.#rotate(server, readJson(request));
      default:
        throw new Refusal('no such endpoint', 404);
    }
  }

  async #approve(server: OracleServer, body: unknown): Promise<Answer> {
    const { protocol, deposits } = this.#deps;
    const vault = await readVault(protocol, vaultOf(body));
    const request = parseApprovalRequest(body, vault);
    const text = JSON.stringify(body);
    const indexes = request.public_keys.map((_, i) => BigInt(request.validator_index + i));
    if (!this.instant) {
      await this.#requireDeadline(request.deadline);
      const head: string = (await protocol.provider.send('eth_getBlockByNumber', ['latest', false])).hash;
      await this.#once(['chain', head, text], () => checkRegistration(protocol, deposits, vault, request));
      await this.#once(['deposits', text], () =>
        checkDepositSignatures(this.#deps.chain, vault.address, request),
      );
      await this.#requireOwnShares(server, request, indexes, text);
    }
    const validators = Buffer.concat(encodeEntries(vault.address, request));
    const domain = { chainId: await protocol.chainId(), keeper: protocol.addresses.keeper };
    return await this.#sign(server, request, indexes, (exitSignaturesIpfsHash, deadline) =>
      registrationDigest(domain, {
        validatorsRegistryRoot: unhex(request.validators_root),
        vault: vault.address,
        validators,
        exitSignaturesIpfsHash,
        deadline,
      }),
    );
  }

  async #rotate(server: OracleServer, body: unknown): Promise<Answer> {
    const { protocol, deposits } = this.#deps;
    const { address: vault } = await readVault(protocol, vaultOf(body));
    const request = parseRotationRequest(body);
    const validators = await deposits.listValidators();
    const known = new Map(
      validators
        .filter(one => hex(one.withdrawalCredentials).endsWith(vault.slice(2).toLowerCase()))
        .map(one => [hex(one.publicKey), one.index]),
    );
    const indexes = request.public_keys.map(key => {
      const index = known.get(key);
      if (index === undefined) throw new Refusal(`${key} is no validator of vault ${vault}`);
      return index;
    });
    if (!this.instant) {
      await this.#requireDeadline(request.deadline);
      await this.#requireOwnShares(server, request, indexes, JSON.stringify(body));
    }
    const keeper = protocol.at('Keeper', protocol.addresses.keeper);
    const nonce: bigint = await keeper.getFunction('exitSignaturesNonces').staticCall(vault);
    const domain = { chainId: await protocol.chainId(), keeper: protocol.addresses.keeper };
    return await this.#sign(server, request, indexes, (exitSignaturesIpfsHash, deadline) =>
      rotationDigest(domain, { vault, exitSignaturesIpfsHash, nonce, deadline }),
    );
  }

  async #requireDeadline(deadline: number): Promise<void> {
    const { timestamp } = await this.#deps.protocol.provider.send('eth_getBlockByNumber', ['latest', false]);
    const now = Number(timestamp);
    const latest = Math.max(now, Date.now() / 1000) + this.#deps.currentSet().signatureValidityPeriod + 60;
    if (deadline <= now) throw new Refusal(`deadline ${deadline} has passed, it is ${now}`);
    if (deadline > latest) throw new Refusal(`deadline ${deadline} is too far, the last one is ${latest}`);
  }

  async #requireOwnShares(
    server: OracleServer,
    request: ShareRequest,
    indexes: readonly bigint[],
    text: string,
  ): Promise<void> {
    const set = this.#deps.currentSet();
    const complaints = await this.#once(['shares', set.configIpfsHash, indexes.join(), text], () =>
      checkShares(set, request, indexes),
    );
    const complaint = complaints.get(this.servers.indexOf(server));
    if (complaint !== undefined) throw new Refusal(complaint);
  }

  async #sign(
    server: OracleServer,
    request: ShareRequest,
    indexes: readonly bigint[],
    digestOf: (exitSignaturesIpfsHash: string, deadline: bigint) => Uint8Array,
  ): Promise<Answer> {
    const exits: ExitDocument = {
      vault: request.vault_address,
      oracle_config: this.#deps.currentSet().configIpfsHash,
      validators: request.public_keys.map((key, i) => ({
        index: Number(indexes[i]),
        public_key: key,
        public_key_shards: request.public_key_shards[i] ?? [],
        exit_signature_shards: request.exit_signature_shards[i] ?? [],
      })),
    };
    const lie = server.faults.lies;
    const text = JSON.stringify(lie === 'ipfs-hash' ? { ...exits, oracle: server.key.address } : exits);
    const ipfsHash = await this.#once(['document', text], () => this.#deps.ipfs.add(text));
    this.addExits(ipfsHash, exits);
    const deadline = request.deadline + (lie === 'deadline' ? 1 : 0);
    const secretKey = lie === 'other-oracle' ? this.#otherThan(server).secretKey : server.key.secretKey;
    const signature = signDigest(
      secretKey,
      digestOf(ipfsHash, BigInt(deadline) + (lie === 'signature' ? 7n : 0n)),
    );
    const sent = lie === 'no-signature' ? signature.map(() => 0xff) : signature;
    return { status: 200, body: { ipfs_hash: ipfsHash, signature: hex(sent), deadline } };
  }

  #otherThan(server: OracleServer): OracleKey {
    const { oracles } = this.#deps.currentSet();
    return oracles.find(({ address }) => address !== server.key.address) ?? server.key;
  }

  /** Validators whose exit shards are of another set than the current one, and how far this oracle has read. */
  async #tellOutdated(server: OracleServer, vault: string): Promise<Answer> {
    const { protocol, currentSet } = this.#deps;
    await readVault(protocol, vaultOf({ vault_address: vault }));
    const logs: { topics: string[]; data: string; blockNumber: string }[] = await protocol.provider.send(
      'eth_getLogs',
      [
        {
          address: protocol.addresses.keeper,
          topics: [
            [
              events.getEvent('ValidatorsApproval')?.topicHash,
              events.getEvent('ExitSignaturesUpdated')?.topicHash,
            ],
          ],
          fromBlock: '0x0',
          toBlock: 'latest',
        },
      ],
    );
    const configOf = new Map<number, string>();
    let block: number | null = null;
    for (const { topics, data, blockNumber } of logs) {
      const args = events.parseLog({ topics, data })?.args;
      if (args?.vault !== vault) continue;
      block = Number(blockNumber);
      const exits = this.#exits.get(args.exitSignaturesIpfsHash);
      for (const { index } of exits?.validators ?? []) configOf.set(index, exits?.oracle_config ?? '');
    }
    const outdated = [...configOf].filter(([, config]) => config !== currentSet().configIpfsHash);
    const indexes = server.faults.outdatedIndexes ?? outdated.map(([index]) => index).sort((a, b) => a - b);
    const { exitSignatureBlock = block } = server.faults;
    return {
      status: 200,
      body: {
        exit_signature_block_number: exitSignatureBlock,
        validators: indexes.map(index => ({ index })),
      },
    };
  }

  #tellExits({ key, faults }: OracleServer): Answer {
    const { exits = this.exiting } = faults;
    if (exits === 'garbage') return { status: 200, body: { exits: this.exiting } };
    if ('status' in exits) throw new Refusal('not today', exits.status);
    const place = this.#deps.currentSet().oracles.findIndex(({ address }) => address === key.address);
    const shares = exits.map(index => this.#openShare(index, place) ?? NO_SHARE);
    return {
      status: 200,
      body: exits.map((index, i) => ({ index, exit_signature_share: hex(shares[i] ?? NO_SHARE) })),
    };
  }

  /** This oracle's share of a validator's exit, when its last approval was given here. */
  #openShare(index: number, place: number): Uint8Array | undefined {
    const known = [...this.#exits.values()].flatMap(({ validators }) => validators);
    const shard = known.findLast(validator => validator.index === index)?.exit_signature_shards[place];
    const oracle = this.#deps.currentSet().oracles[place];
    return shard === undefined || oracle === undefined ? undefined : openShard(oracle.secretKey, shard);
  }

  /** The health answer: the last vote for rewards. */
  async #vote(): Promise<Record<string, unknown>> {
    const keeper = this.#deps.protocol.at('Keeper', this.#deps.protocol.addresses.keeper);
    const nonce: bigint = await keeper.getFunction('rewardsNonce').staticCall();
    const root: string = await keeper.getFunction('rewardsRoot').staticCall();
    const timestamp: bigint = await keeper.getFunction('lastRewardsTimestamp').staticCall();
    return {
      nonce: Number(nonce) - 1,
      update_timestamp: Number(timestamp),
      signature: `0x${'00'.repeat(65)}`,
      root,
      ipfs_hash: '',
      avg_reward_per_second: 0,
    };
  }

  /** What was begun for one oracle is not done again for the others. */
  #once<T>(name: readonly string[], begin: () => Promise<T>): Promise<T> {
    const key = fingerprint(...name);
    const begun = this.#checked.get(key) as Promise<T> | undefined;
    if (begun !== undefined) return begun;
    const result = begin();
    this.#checked.set(key, result);
    const [oldest] = this.#checked.keys();
    if (this.#checked.size > 200 && oldest !== undefined) this.#checked.delete(oldest);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keep([]);
  }
}

function readJson({ headers, body }: ReceivedRequest): unknown {
  if (!/^application\/json\b/.test(headers['content-type'] ?? ''))
    throw new Refusal('not application/json', 415);
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal('no JSON');
  }
}
