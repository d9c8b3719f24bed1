// The dashboard of the operator: what the vault's money does first, what the process does last.
import {
  type Dashboard,
  DashboardCursorSync,
  VariableHide,
  VariableRefresh,
  VariableSort,
} from '@grafana/schema';
import { arrange, badFrom, GREEN, goodFrom, lines, RED, stat, states, words, YELLOW } from './panels.ts';

/** The operators of the chosen vault: "vault" stands on vault_info only, and chooses the instances. */
const S = 'job=~"$job", instance=~"$instance"';

/** A figure of the vault: every operator of it may know it, and one that stands by may not. */
const most = (metric: string, labels = '') => `max(${metric}{${S}${labels === '' ? '' : `, ${labels}`}})`;
const rate = (metric: string, labels = '') =>
  `rate(${metric}{${S}${labels === '' ? '' : `, ${labels}`}}[$__rate_interval])`;
/** Seconds since a time that is 0 as long as there is none; 0 then, too. */
const since = (metric: string) => `(time() - ${metric}{${S}}) * (${metric}{${S}} > bool 0)`;

const WEI = '1e18';
const GWEI = '1e9';
const YES_NO = words(['no', GREEN], ['yes', RED]);
const UP = words(['down', RED], ['up', GREEN]);

const money = {
  title: 'Money waiting, and why',
  panels: [
    stat({
      title: 'Assets waiting',
      description: 'What the vault could stake now. It earns nothing until validators are registered.',
      queries: [{ expr: `${most('stakeable_assets')} / ${WEI}`, legend: 'assets' }],
      unit: 'none',
      width: 4,
      colours: badFrom(32, YELLOW),
    }),
    stat({
      title: 'Validators that they pay for',
      description: 'One or more for longer than minutes: look at the reasons beside it.',
      queries: [
        {
          expr: `floor(${most('stakeable_assets')} / ${most('assets_per_validator_wei')})`,
          legend: 'validators',
        },
      ],
      unit: 'none',
      width: 4,
      colours: badFrom(1, YELLOW),
    }),
    stat({
      title: 'Registration blocked',
      description: 'Whether something is in the way that no waiting mends. The reasons are below.',
      queries: [{ expr: most('registration_blocked'), legend: 'blocked' }],
      unit: 'none',
      width: 4,
      colours: badFrom(1),
      words: YES_NO,
    }),
    stat({
      title: 'Keys left',
      description:
        'Validators of the deposit data that can still be registered with the keys at hand; without deposit data, keys of the signer that no deposit has used.',
      queries: [{ expr: most('unused_validator_keys'), legend: 'keys' }],
      unit: 'none',
      width: 4,
      colours: goodFrom(6, YELLOW),
    }),
    stat({
      title: 'Last registration, block',
      description: 'Of the operators that run now; 0 when they have registered nothing since they started.',
      queries: [{ expr: most('last_registration_block'), legend: 'block' }],
      unit: 'none',
      width: 4,
      colours: [{ color: GREEN, value: null }],
    }),
    stat({
      title: 'Acting operators',
      description: 'Exactly one acts for a vault. None: nobody registers. Two: they do not share a database.',
      queries: [{ expr: `sum(leader{${S}})`, legend: 'leaders' }],
      unit: 'none',
      width: 4,
      colours: [
        { color: RED, value: null },
        { color: GREEN, value: 1 },
        { color: RED, value: 2 },
      ],
    }),
    lines({
      title: 'Assets',
      description: 'Assets that wait, and what one validator takes.',
      queries: [
        { expr: `${most('stakeable_assets')} / ${WEI}`, legend: 'waiting' },
        { expr: `${most('assets_per_validator_wei')} / ${WEI}`, legend: 'one validator' },
      ],
      unit: 'none',
      width: 10,
    }),
    states({
      title: 'Why registration is blocked',
      description: 'One line for each reason. docs/alerts.md says what to do about each.',
      queries: [{ expr: `max by (reason) (registration_blocked{${S}})`, legend: '{{reason}}' }],
      unit: 'none',
      width: 14,
      words: words(['no', 'transparent'], ['blocked', RED]),
    }),
  ],
};

const transactions = {
  title: 'Transactions',
  panels: [
    lines({
      title: 'Confirmed transactions',
      description:
        'Registrations, rotations of exit signatures, harvests, top-ups and withdrawals, since the operators started.',
      queries: [
        {
          expr: `sum by (kind) (transactions_total{${S}, status="confirmed"})`,
          legend: '{{kind}}',
        },
      ],
      unit: 'none',
      width: 8,
    }),
    lines({
      title: 'Transactions that did not succeed',
      description:
        'Those that reverted, would have reverted, expired or were cancelled, of all that were begun.',
      queries: [
        {
          expr: `sum by (kind) (transactions_total{${S}}) - sum by (kind) (transactions_total{${S}, status="confirmed"})`,
          legend: '{{kind}}',
        },
      ],
      unit: 'none',
      width: 8,
    }),
    lines({
      title: 'Under way for',
      description: 'How long a transaction has waited for its block. More than minutes: "operator tx list".',
      queries: [
        {
          expr: `max by (kind) (${since('transaction_pending_since_timestamp_seconds')})`,
          legend: '{{kind}}',
        },
      ],
      unit: 's',
      width: 8,
    }),
    lines({
      title: 'Hot wallet',
      description: 'What it has, in ETH or xDAI, and what it should have at least.',
      queries: [
        { expr: `min(wallet_balance{${S}}) / ${WEI}`, legend: 'balance' },
        { expr: `${most('wallet_minimum_wei')} / ${WEI}`, legend: 'minimum' },
      ],
      unit: 'none',
      width: 8,
    }),
    lines({
      title: 'Fees',
      description: 'The base fee of the chain, and the ceiling above which nothing is sent.',
      queries: [
        { expr: `${most('base_fee_wei')} / ${GWEI}`, legend: 'base fee' },
        { expr: `${most('fee_ceiling_wei')} / ${GWEI}`, legend: 'ceiling' },
      ],
      unit: 'suffix: gwei',
      width: 8,
    }),
    states({
      title: 'Held up by the fee ceiling',
      description: 'Whether a transaction waits for the base fee to fall.',
      queries: [
        {
          expr: `max by (kind) (transactions_blocked{${S}, reason="fee_ceiling"})`,
          legend: '{{kind}}',
        },
      ],
      unit: 'none',
      width: 8,
      words: words(['no', 'transparent'], ['waits', YELLOW]),
    }),
  ],
};

const withdrawals = {
  title: 'Exit queue, withdrawals, top-ups',
  panels: [
    stat({
      title: 'Exit queue lacks',
      description:
        'What holders who leave wait for beyond what is coming in. After a day the oracles exit validators.',
      queries: [{ expr: `${most('queued_assets')} / ${GWEI}`, legend: 'assets' }],
      unit: 'none',
      width: 4,
      colours: badFrom(1, YELLOW),
    }),
    stat({
      title: 'Exited by the oracles',
      description: 'Validators of the vault that enough oracles exit.',
      queries: [{ expr: most('validators_exited_by_oracles'), legend: 'validators' }],
      unit: 'none',
      width: 4,
      colours: badFrom(1),
    }),
    stat({
      title: 'Last withdrawals, block',
      description: 'Of the operators that run now; 0 when they have requested none since they started.',
      queries: [{ expr: most('last_withdrawal_block'), legend: 'block' }],
      unit: 'none',
      width: 4,
      colours: [{ color: GREEN, value: null }],
    }),
    stat({
      title: 'Last top-ups, block',
      description: 'Of the operators that run now; 0 when they have topped up nothing since they started.',
      queries: [{ expr: most('last_funding_block'), legend: 'block' }],
      unit: 'none',
      width: 4,
      colours: [{ color: GREEN, value: null }],
    }),
    states({
      title: 'Why nothing is withdrawn',
      description: 'One line for each reason. docs/alerts.md says what to do about each.',
      queries: [{ expr: `max by (reason) (withdrawals_blocked{${S}})`, legend: '{{reason}}' }],
      unit: 'none',
      width: 8,
      words: words(['no', 'transparent'], ['waits', YELLOW]),
    }),
  ],
};

const exits = {
  title: 'Exit signatures, oracles, signer',
  panels: [
    stat({
      title: 'Outdated exit signatures',
      description: 'Those that a change of the oracle set has made worthless. A rotation takes minutes.',
      queries: [{ expr: most('outdated_signatures'), legend: 'outdated' }],
      unit: 'none',
      width: 4,
      colours: badFrom(1, YELLOW),
    }),
    stat({
      title: 'Oracle set unconfirmed',
      description: 'Whether an execution endpoint names an oracle set that the others do not confirm.',
      queries: [{ expr: most('oracle_set_unconfirmed'), legend: 'unconfirmed' }],
      unit: 'none',
      width: 4,
      colours: badFrom(1),
      words: YES_NO,
    }),
    stat({
      title: 'Signer',
      description: 'Whether the signer of exits has told its keys when last asked, once an epoch.',
      queries: [{ expr: `min(signer_reachable{${S}})`, legend: 'signer' }],
      unit: 'none',
      width: 4,
      colours: goodFrom(1),
      words: UP,
    }),
    stat({
      title: 'Wallet process',
      description: 'The process beside the operator that holds the hot wallet.',
      queries: [{ expr: `min(signer_process_up{${S}})`, legend: 'process' }],
      unit: 'none',
      width: 4,
      colours: goodFrom(1),
      words: UP,
    }),
    stat({
      title: 'Validators without a key',
      description: 'The configuration names them, and the signer has neither their key nor enough shares.',
      queries: [{ expr: most('unsignable_validators'), legend: 'validators' }],
      unit: 'none',
      width: 4,
      colours: badFrom(1),
    }),
    stat({
      title: 'Changes of the oracle set',
      description: 'Confirmed ones, since the operators started.',
      queries: [{ expr: most('oracle_set_changes_total'), legend: 'changes' }],
      unit: 'none',
      width: 4,
      colours: [{ color: GREEN, value: null }],
    }),
    lines({
      title: 'Oracles',
      description: 'Oracles of the set, those that answer, and how many have to approve.',
      queries: [
        { expr: most('oracles'), legend: 'in the set' },
        { expr: `min(oracles_reachable{${S}})`, legend: 'reachable' },
        { expr: most('oracles_required'), legend: 'required' },
      ],
      unit: 'none',
      width: 8,
    }),
    lines({
      title: 'Keys',
      description:
        'Keys and shares in the signer, validators of the configuration, and those left to register.',
      queries: [
        { expr: `min(signer_keys{${S}})`, legend: 'in the signer' },
        { expr: most('configured_validators'), legend: 'validators configured' },
        { expr: most('unsignable_validators'), legend: 'of them without a key' },
        { expr: most('unused_validator_keys'), legend: 'left to register' },
      ],
      unit: 'none',
      width: 8,
    }),
    states({
      title: 'How exit shards are made',
      description: 'With the key shares in the signer, or by splitting the one signature of the key.',
      queries: [{ expr: `max by (mode) (exit_shards_mode{${S}})`, legend: '{{mode}}' }],
      unit: 'none',
      width: 8,
      words: words(['no', 'transparent'], ['used', GREEN]),
    }),
  ],
};

const running = {
  title: 'Who acts: lease, database, chain',
  panels: [
    states({
      title: 'Leader',
      description: 'Which of the operators acts for the vault.',
      queries: [{ expr: `leader{${S}}`, legend: '{{instance}}' }],
      unit: 'none',
      width: 8,
      words: words(['stands by', 'transparent'], ['acts', GREEN]),
    }),
    lines({
      title: 'Age of the last renewal',
      description: 'The lease is renewed every 3 seconds, and lost after 10 without a renewal.',
      queries: [{ expr: since('lease_renewed_timestamp_seconds'), legend: '{{instance}}' }],
      unit: 's',
      width: 8,
    }),
    lines({
      title: 'Lease held for',
      description:
        'A line that falls to 0 again and again shows operators that take the lease from each other.',
      queries: [{ expr: since('lease_acquired_timestamp_seconds'), legend: '{{instance}}' }],
      unit: 's',
      width: 8,
    }),
    states({
      title: 'Database',
      description: 'Whether it has answered the last question about the lease.',
      queries: [{ expr: `database_up{${S}}`, legend: '{{instance}}' }],
      unit: 'none',
      width: 8,
      words: UP,
    }),
    states({
      title: 'Start-up',
      description:
        'Whether the checks of the start are behind it. An operator that waits at its start says for what in /readyz.',
      queries: [{ expr: `service_started{${S}}`, legend: '{{instance}}' }],
      unit: 'none',
      width: 8,
      words: words(['starting', YELLOW], ['started', GREEN]),
    }),
    lines({
      title: 'New blocks a minute',
      description: 'Blocks that the operators have seen. None: the execution node stands still.',
      queries: [{ expr: `60 * deriv(block_number{${S}}[$__rate_interval])`, legend: '{{instance}}' }],
      unit: 'none',
      width: 8,
    }),
  ],
};

const tasks = {
  title: 'Tasks',
  panels: [
    lines({
      title: 'Failures in a row',
      description:
        'Passes of a task that have failed since the last one that did not. /readyz names the error.',
      queries: [{ expr: `max by (task) (task_failures_in_a_row{${S}})`, legend: '{{task}}' }],
      unit: 'none',
      width: 8,
    }),
    lines({
      title: 'Failed passes a minute',
      description: 'By task, and of all tasks together.',
      queries: [
        { expr: `60 * sum by (task) (${rate('task_failures_total')})`, legend: '{{task}}' },
        { expr: `60 * sum(${rate('exception_count_total')})`, legend: 'all' },
      ],
      unit: 'none',
      width: 8,
    }),
    lines({
      title: 'Since the last success',
      description: 'A task of every slot should stay below a minute, one of every epoch below an epoch.',
      queries: [
        {
          expr: `min by (task) (time() - task_last_success_timestamp_seconds{${S}})`,
          legend: '{{task}}',
        },
      ],
      unit: 's',
      width: 8,
    }),
    lines({
      title: 'Duration of passes (95 of 100 are shorter)',
      description: 'A registration waits for its block, and so does a rotation.',
      queries: [
        {
          expr: `histogram_quantile(0.95, sum by (task, le) (${rate('task_duration_seconds_bucket')}))`,
          legend: '{{task}}',
        },
      ],
      unit: 's',
      width: 12,
    }),
    lines({
      title: 'Slot of the chain',
      description:
        'The slot of the last block that was seen, as a time: how far behind the clock the node is.',
      queries: [{ expr: most('slot_number'), legend: 'slot' }],
      unit: 'none',
      width: 12,
    }),
  ],
};

const requests = {
  title: 'Requests to others',
  panels: [
    lines({
      title: 'Requests a second',
      description: 'To signers, oracles, execution nodes, beacon nodes and IPFS gateways.',
      queries: [
        { expr: `sum by (target) (${rate('request_duration_seconds_count')})`, legend: '{{target}}' },
      ],
      unit: 'ops',
      width: 8,
    }),
    lines({
      title: 'Requests that failed, by server',
      description:
        'Time-outs, refusals and servers that could not be reached, as a share of all requests to the server.',
      queries: [
        {
          expr: `1 - sum by (target, server) (${rate('request_duration_seconds_count', 'outcome="ok"')}) / sum by (target, server) (${rate('request_duration_seconds_count')})`,
          legend: '{{target}} {{server}}',
        },
      ],
      unit: 'percentunit',
      width: 8,
    }),
    lines({
      title: 'Duration of requests (95 of 100 are shorter)',
      description: 'By whom they go to.',
      queries: [
        {
          expr: `histogram_quantile(0.95, sum by (target, le) (${rate('request_duration_seconds_bucket')}))`,
          legend: '{{target}}',
        },
      ],
      unit: 's',
      width: 8,
    }),
  ],
};

const processes = {
  title: 'Processes',
  panels: [
    lines({
      title: 'Memory',
      description: 'Of the operator; the process that holds the wallet has its own, some 105 to 140 MB.',
      queries: [{ expr: `process_resident_memory_bytes{${S}}`, legend: '{{instance}}' }],
      unit: 'bytes',
      width: 8,
    }),
    lines({
      title: 'CPU',
      description: 'Cores that the operator uses.',
      queries: [{ expr: rate('process_cpu_seconds_total'), legend: '{{instance}}' }],
      unit: 'none',
      width: 8,
    }),
    stat({
      title: 'Versions',
      description: 'Operators by their version and that of Node.',
      queries: [
        { expr: `count by (version, node) (build_info{${S}})`, legend: '{{version}}, Node {{node}}' },
      ],
      unit: 'none',
      width: 8,
      colours: [{ color: GREEN, value: null }],
    }),
  ],
};

/** A variable whose values are those of a label. */
function labelVariable(name: string, label: string, series: string, isOne: boolean) {
  return {
    type: 'query',
    name,
    label,
    hide: VariableHide.dontHide,
    datasource: { type: 'prometheus', uid: '$datasource' },
    query: { query: `label_values(${series})`, refId: name },
    refresh: VariableRefresh.onTimeRangeChanged,
    sort: VariableSort.alphabeticalAsc,
    multi: !isOne,
    includeAll: !isOne,
    ...(!isOne && { current: { selected: true, text: ['All'], value: ['$__all'] } }),
  } as const;
}

export const OPERATOR_DASHBOARD: Dashboard = {
  uid: 'stakewise-operator',
  title: 'StakeWise operator',
  description:
    'What waits, why, and who acts. docs/monitoring.md lists the figures, docs/alerts.md what to do.',
  tags: ['stakewise'],
  schemaVersion: 39,
  version: 1,
  editable: true,
  graphTooltip: DashboardCursorSync.Crosshair,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  timezone: 'browser',
  templating: {
    list: [
      {
        type: 'datasource',
        name: 'datasource',
        label: 'Prometheus',
        query: 'prometheus',
        hide: VariableHide.dontHide,
        refresh: VariableRefresh.onDashboardLoad,
      },
      labelVariable('job', 'Job', 'vault_info, job', true),
      labelVariable('vault', 'Vault', 'vault_info{job=~"$job"}, vault', true),
      labelVariable('instance', 'Operator', 'vault_info{job=~"$job", vault=~"$vault"}, instance', false),
    ],
  },
  panels: arrange([money, transactions, withdrawals, exits, running, tasks, requests, processes]),
};
