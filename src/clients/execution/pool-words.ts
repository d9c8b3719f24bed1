/** What a node's pool of transactions says of one that it does not take. */
type PoolVerdict = 'known' | 'nonce-taken' | 'underpriced';

interface PoolWords {
  readonly verdict: PoolVerdict;
  /** Who says so. */
  readonly by: string;
  readonly words: RegExp;
}

/**
 * The words of nodes, of their older releases and of the services in front of them; the first that fits. JSON-RPC has no codes
 * for it: most say -32000, whatever it is. Sources: go-ethereum core/txpool/errors.go and core/error.go, Nethermind
 * TxPool/AcceptTxResult.cs and TxPoolErrorMessages.cs, Besu RpcErrorType.java, Erigon txpoolcfg DiscardReason and the import
 * results of its gRPC pool, Reth rpc-eth-types error and transaction-pool error, OpenEthereum rpc errors.rs, anvil.
 */
const POOL_WORDS: readonly PoolWords[] = [
  { verdict: 'underpriced', by: 'geth, Reth, Nethermind, Besu, Erigon', words: /\bunderpriced\b/i },
  // Before what is said of nonces: "There is another transaction with same nonce in the queue. Try increasing the gas price".
  {
    verdict: 'underpriced',
    by: 'OpenEthereum',
    words: /another transaction with same nonce|transaction gas price .*\btoo low\b/i,
  },
  { verdict: 'underpriced', by: 'Erigon', words: /could not replace existing/i },
  { verdict: 'underpriced', by: 'Erigon, Nethermind', words: /fee[ _]?too[ _]?low/i },
  { verdict: 'underpriced', by: 'Nethermind before 2026', words: /replacement ?not ?allowed/i },
  { verdict: 'underpriced', by: 'Reth, first releases', words: /insufficient gas price to replace/i },
  { verdict: 'underpriced', by: 'Besu', words: /gas price below\b/i },
  { verdict: 'underpriced', by: 'Besu, hosted services', words: /replacement.*\b(?:fee|price)\b/i },
  {
    verdict: 'known',
    by: 'geth, Reth, Erigon, Nethermind',
    words: /already ?(?:known|imported|exists?|added)/i,
  },
  { verdict: 'known', by: 'Erigon', words: /already_exists|existing txn? with same hash/i },
  { verdict: 'known', by: 'Besu, geth of old', words: /\bknown transaction/i },
  { verdict: 'known', by: 'OpenEthereum', words: /same hash was already/i },
  { verdict: 'known', by: 'hosted services', words: /already in (?:the )?(?:mem|tx ?)?pool/i },
  { verdict: 'nonce-taken', by: 'Nethermind before 2026', words: /\bold ?nonce\b/i },
  {
    verdict: 'nonce-taken',
    by: 'geth, Reth, Besu, Erigon, Nethermind, OpenEthereum',
    words: /nonce (?:is )?too low/i,
  },
  {
    verdict: 'nonce-taken',
    by: 'hosted services',
    words: /nonce has already been used|lower than the current nonce|\bstale nonce\b/i,
  },
];

/** What the pool of a node says in these words; undefined when it is something else. */
export function readPoolWords(reason: string): PoolVerdict | undefined {
  return POOL_WORDS.find(({ words }) => words.test(reason))?.verdict;
}
