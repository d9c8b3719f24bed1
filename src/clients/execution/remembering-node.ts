import { ExecutionNode } from './execution-node.ts';

/** Questions about one block, or a range of blocks, whose answer is always the same on one chain. */
const LASTING = new Set(['eth_call', 'eth_getStorageAt', 'eth_getCode', 'eth_getBalance', 'eth_getLogs']);

/**
 * An execution node of which nobody asks twice what was answered before, for a process that looks at one block: what several
 * parts of it want to know of that block is asked once. Headers are always asked for, since they tell a reorganisation.
 */
export class RememberingNode extends ExecutionNode {
  readonly #answers = new Map<string, Promise<unknown>>();

  override send(method: string, params: unknown[] | Record<string, unknown>): Promise<unknown> {
    if (!LASTING.has(method) || isOfHead(params)) return super.send(method, params);
    const question = JSON.stringify([method, params]);
    const known = this.#answers.get(question);
    if (known !== undefined) return known;
    const answer = super.send(method, params);
    this.#answers.set(question, answer);
    // What has failed may pass when it is asked again.
    answer.catch(() => this.#answers.delete(question));
    return answer;
  }

  /** Forgets all, as when another head is looked at: it may be one of another chain. */
  forget(): void {
    this.#answers.clear();
  }
}

/** Whether a question is about whatever block is the last one then. */
function isOfHead(params: unknown[] | Record<string, unknown>): boolean {
  return /"(latest|pending|finalized|safe)"/.test(JSON.stringify(params));
}
