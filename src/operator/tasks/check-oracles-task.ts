import type { ChainReader } from '../../clients/execution/chain-snapshot.ts';
import { noOracleConfig } from '../../clients/execution/contracts/keeper.ts';
import type { HttpDeps } from '../../clients/http.ts';
import { checkOracleUp } from '../../clients/oracle.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Network } from '../../networks/network.ts';
import type { OracleSetGuard } from '../../services/oracles/oracle-set-guard.ts';
import type { Task } from '../loop/run-task.ts';
import type { OperatorMetrics } from '../probes/metrics.ts';

export interface CheckOraclesDeps {
  readonly chain: Pick<ChainReader, 'readSnapshot'>;
  readonly oracleSets: Pick<OracleSetGuard, 'configFor'>;
  readonly http: HttpDeps;
  readonly metrics: Pick<OperatorMetrics, 'showOracles'>;
  readonly log: Pick<Logger, 'debug' | 'warn' | 'info'>;
}

export interface CheckOraclesOptions {
  readonly network: Pick<Network, 'secondsPerSlot' | 'slotsPerEpoch'> & {
    readonly contracts: Pick<Network['contracts'], 'keeper'>;
  };
  /** Time limit of one oracle, all its replicas together. */
  readonly timeoutMs: number;
}

/**
 * Counts the oracles that answer. Else nobody sees that they are too few before the next validator is to be registered:
 * as long as there are no assets, no oracle is asked for an approval.
 */
export function checkOracles(deps: CheckOraclesDeps, { network, timeoutMs }: CheckOraclesOptions): Task {
  const { chain, oracleSets, http, metrics, log } = deps;
  let wereEnough = true;
  return {
    name: 'check-oracles',
    intervalMs: network.secondsPerSlot * network.slotsPerEpoch * 1000,
    async run(signal) {
      const { events, keeper } = await chain.readSnapshot({ signal });
      if (events.config === null) throw noOracleConfig(network.contracts.keeper);
      const { oracles } = await oracleSets.configFor(events.config.ipfsHash);
      const answers = await Promise.all(
        oracles.map(async oracle => {
          try {
            await checkOracleUp(http, oracle, { timeoutMs, signal });
            return true;
          } catch (error) {
            log.debug({ oracle: oracle.address }, `Oracle does not answer: ${messageOf(error)}`);
            return false;
          }
        }),
      );
      signal.throwIfAborted();
      const reachable = answers.filter(isUp => isUp).length;
      const required = keeper.validatorsMinOracles;
      metrics.showOracles({ known: oracles.length, reachable, required });
      const areEnough = reachable >= required;
      const counted = `${reachable} of ${oracles.length} oracles answer, ${required} have to approve`;
      if (areEnough !== wereEnough) {
        if (areEnough) log.info(`Enough oracles answer again: ${counted}`);
        else log.warn(`Too few oracles answer: ${counted}`);
      }
      wereEnough = areEnough;
      return areEnough ? undefined : `more oracles: ${counted}`;
    },
  };
}
