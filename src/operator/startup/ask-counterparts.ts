import { messageOf } from '../../lib/errors.ts';
import { isOutage } from '../loop/wait-out.ts';
import { checkBeaconNodes, checkExecutionNodes } from './check-nodes.ts';
import {
  type AskedCounterparts,
  type CheckStartupDeps,
  type CheckStartupOptions,
  checkDepositData,
  mayDoWithoutDepositData,
  readVaultFacts,
} from './check-startup.ts';

/**
 * Asks before the keys are loaded, which may take hours, what does not take any: whether deposit data and nodes are those
 * of the vault and its network. What is down is told and not waited for, since that can be done afterwards.
 * @throws OperatorError naming what does not fit
 */
export async function askCounterparts(
  deps: Pick<CheckStartupDeps, 'log' | 'status' | 'node' | 'executionNodes' | 'beaconNodes' | 'sources'>,
  {
    network,
    vault,
    isRegistering,
    signal,
  }: Pick<CheckStartupOptions, 'network' | 'vault' | 'isRegistering' | 'signal'>,
): Promise<AskedCounterparts> {
  const { log, status, node } = deps;
  const ask = async <T>(step: () => Promise<T>): Promise<{ readonly answer: T } | undefined> => {
    try {
      return { answer: await step() };
    } catch (error) {
      signal.throwIfAborted();
      if (!isOutage(error)) throw error;
      status.enter('starting', messageOf(error));
      log.warn(`${messageOf(error)} It is asked again when the keys are loaded.`);
      return undefined;
    }
  };
  const depositData = isRegistering ? await checkDepositData(deps) : { entries: 0, missing: undefined };
  log.info('Checking connection to consensus nodes...');
  const consensus = await ask(() => checkBeaconNodes(log, deps.beaconNodes, network));
  log.info('Checking connection to execution nodes...');
  const execution = await ask(() => checkExecutionNodes(log, deps.executionNodes, network));
  const facts = execution && (await ask(() => readVaultFacts(node, vault, network)));
  // Where it is not known which vault it is, that is found out when the nodes are up.
  const { missing } = depositData;
  if (missing !== undefined && facts && !mayDoWithoutDepositData(facts.answer, vault, network)) throw missing;
  return {
    depositData,
    isConsensusUp: consensus !== undefined,
    isExecutionUp: execution !== undefined,
    facts: facts?.answer,
  };
}
