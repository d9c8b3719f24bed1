// The chart deploy/helm/stakewise.
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { inFolder, root } from './tools.js';

const CHART = join(root, 'deploy/helm/stakewise');
const VALUES = join(root, 'test/deploy/values');
const RENDERED = join(root, 'test/deploy/rendered');
/** The oldest version that the chart takes, and the newest whose schemas are known. */
const KUBERNETES = ['1.28', '1.37'];
const RELEASE = ['vault-a', '--namespace', 'staking', '--kube-version', `${KUBERNETES[0]}.0`];

const valuesFiles = () =>
  readdirSync(VALUES)
    .filter(name => name.endsWith('.yaml'))
    .map(name => join(VALUES, name));

const templateArgs = (values, { chart = CHART, more = [] } = {}) => [
  'template',
  RELEASE[0],
  chart,
  ...RELEASE.slice(1),
  '--values',
  values,
  ...more,
];

const render = (tools, values, options) => tools.run('helm', templateArgs(values, options));

/** Values that would harm somebody or do nothing, each with what is said of it; on top of full.yaml. */
const REFUSED = [
  [['vault=0x12'], /vault.*does not match pattern/s],
  [['database.secretName='], /secretName.*minLength/s],
  [['encryptionKey.secretName='], /encryptionKey\.secretName is required/],
  [['operator.wallet.secretName='], /operator\.wallet\.secretName is required/],
  [
    ['web3signer.enabled=false', 'validators.total=0', 'validators.groups=null'],
    /The operator needs a signer/,
  ],
  [['web3signer.enabled=false'], /web3signerEndpoint is required without web3signer/],
  [['web3signer.slashingDatabase.jdbcUrl='], /slashingDatabase\.jdbcUrl is required/],
  [['web3signer.slashingDatabase.jdbcUrl=jdbc:postgresql://db/w?password=x'], /jdbcUrl.*'not' failed/s],
  [['web3signer.slashingDatabase.passwordSecretName='], /passwordSecretName is required/],
  [['operator.env.REMOTE_DB_URL=postgresql://u:p@db/x'], /REMOTE_DB_URL/],
  [['operator.replica=3'], /additional properties 'replica' not allowed/],
  [['validators.feeRecipient='], /validators\.feeRecipient is required/],
  [['validators.total=3'], /index 3 is not below validators\.total, which is 3/],
  [['validators.total=5'], /no group has index 4 of 5/],
  [['validators.groups.teku.indexOffset=1'], /lighthouse and teku both have index 1/],
  [['validators.groups.teku.client=nimbus'], /value must be one of 'lighthouse', 'teku', 'prysm'/],
  [['validators.groups.teku.image.tag='], /image consensys\/teku needs a tag or a digest/],
  [['operator.staking.validatorType=0x03'], /validatorType/],
  [['operator.staking.maxValidatorBalanceGwei=300'], /maxValidatorBalanceGwei/],
  [['operator.staking.withdrawal=false'], /additional properties 'withdrawal' not allowed/],
  [['operator.statusPage.host=10.0.0.1'], /statusPage.*host/s],
  [['operator.statusPage.host=127.0.0.1'], /statusPage\.service needs .* the host 0\.0\.0\.0/],
  [['operator.statusPage.enabled=false'], /statusPage\.service needs operator\.statusPage\.enabled/],
  [['network=gnosis'], /prysm has no network gnosis/],
  [['network=/networks/own.json'], /has no network \/networks\/own\.json/],
  [['consensusEndpoints=null'], /consensusEndpoints is required/],
];

/** What the cluster runs while full.yaml is rendered, and what is said of it; undefined where nothing is. */
const RUNNING = [
  ['lighthouse', { start: 0, replicas: 2, running: 2 }, undefined],
  // Another group had index 2, which teku is to get.
  [
    'retired',
    { start: 2, replicas: 1, running: 1 },
    /teku gets index 2, which StatefulSet vault-a-stakewise-retired still runs/,
  ],
  ['retired', { start: 2, replicas: 0, running: 1 }, /teku gets index 2/],
  ['retired', { start: 2, replicas: 0, running: 0 }, undefined],
  [
    'lighthouse',
    { start: 0, replicas: 3, running: 3 },
    /teku gets index 2, which StatefulSet vault-a-stakewise-lighthouse/,
  ],
];

/** What Helm's "lookup" asks of a cluster's API, and no more. */
async function withCluster(sets, use) {
  const statefulSets = sets.map(([name, { start, replicas, running }]) => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: `vault-a-stakewise-${name}`,
      namespace: 'staking',
      labels: { 'app.kubernetes.io/instance': 'vault-a', 'stakewise/part': 'validators' },
    },
    spec: { replicas, ordinals: { start } },
    status: { replicas: running },
  }));
  const resource = { name: 'statefulsets', kind: 'StatefulSet', namespaced: true, verbs: ['get', 'list'] };
  const version = { groupVersion: 'apps/v1', version: 'v1' };
  const answers = {
    '/version': { major: '1', minor: '30', gitVersion: 'v1.30.0' },
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/api/v1': { kind: 'APIResourceList', groupVersion: 'v1', resources: [] },
    '/apis': {
      kind: 'APIGroupList',
      groups: [{ name: 'apps', versions: [version], preferredVersion: version }],
    },
    '/apis/apps/v1': { kind: 'APIResourceList', groupVersion: 'apps/v1', resources: [resource] },
    '/apis/apps/v1/namespaces/staking/statefulsets': {
      apiVersion: 'apps/v1',
      kind: 'StatefulSetList',
      metadata: {},
      items: statefulSets,
    },
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://cluster');
    const answer = answers[pathname];
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(answer ?? { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound' }),
    );
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  try {
    return await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

export const chartSteps = [
  {
    name: 'helm-lint',
    run: ({ tools }) => {
      for (const values of valuesFiles())
        tools.run('helm', [
          'lint',
          '--strict',
          '--quiet',
          CHART,
          '--kube-version',
          `${KUBERNETES[0]}.0`,
          '--values',
          values,
        ]);
    },
  },
  {
    name: 'helm-template',
    run: ({ tools, isWriting }) => {
      for (const values of valuesFiles()) {
        const file = join(RENDERED, basename(values));
        const rendered = render(tools, values);
        if (isWriting) writeFileSync(file, rendered);
        else if (rendered !== readFileSync(file, 'utf8'))
          throw new Error(`${file} is not what the chart renders: run "npm run check:deploy -- --write".`);
      }
    },
  },
  {
    name: 'helm-template-refuses',
    run: ({ tools }) => {
      for (const [settings, said] of REFUSED) {
        const more = settings.flatMap(setting => ['--set', setting]);
        const { status, stderr } = tools.attempt('helm', templateArgs(join(VALUES, 'full.yaml'), { more }));
        if (status === 0 || !said.test(stderr))
          throw new Error(
            `--set ${settings.join(' --set ')}: ${said} was to be said; exit code ${status}\n${stderr}`,
          );
      }
    },
  },
  {
    name: 'helm-upgrade-beside-running-clients',
    run: async ({ tools }) => {
      for (const [name, state, said] of RUNNING) {
        await withCluster([[name, state]], async url => {
          const more = ['--dry-run=server', '--kube-apiserver', url];
          const { status, stderr } = await tools.attemptBeside(
            'helm',
            templateArgs(join(VALUES, 'full.yaml'), { more }),
            { env: { KUBECONFIG: '/dev/null' } },
          );
          const isRight = said === undefined ? status === 0 : status !== 0 && said.test(stderr);
          if (!isRight)
            throw new Error(
              `${name} ${JSON.stringify(state)}: ${said ?? 'nothing'} was to be said\n${stderr}`,
            );
        });
      }
    },
  },
  {
    name: 'values-of-the-page',
    run: ({ tools }) =>
      inFolder(folder => {
        const page = readFileSync(join(root, 'docs/kubernetes.md'), 'utf8');
        const [, values] = /```yaml\n(.*?)```/s.exec(page) ?? [];
        if (values === undefined) throw new Error('docs/kubernetes.md shows no values');
        writeFileSync(join(folder, 'values.yaml'), values.replace(/^ {3}/gm, ''));
        render(tools, join(folder, 'values.yaml'));
      }),
  },
  {
    name: 'kubernetes-validate',
    run: ({ tools }) => {
      const files = valuesFiles().map(values => join(RENDERED, basename(values)));
      for (const version of KUBERNETES)
        tools.run('kubernetes-validate', ['--strict', '--quiet', '--no-warn', '-k', version, ...files]);
    },
  },
  {
    name: 'prometheus-rule',
    run: ({ tools }) =>
      inFolder(folder => {
        const chart = join(folder, 'stakewise');
        cpSync(CHART, chart, { recursive: true });
        // Beside the chart's own rules, so that there are some, whose templates must come through as they are.
        const example = join(root, 'test/deploy/example.rules.yml');
        cpSync(example, join(chart, 'files/example.rules.yml'));
        const more = [
          '--set',
          'monitoring.prometheusRule.enabled=true',
          '--set',
          'monitoring.prometheusRule.labels.a=b',
        ];
        const text = render(tools, join(VALUES, 'full.yaml'), { chart, more });
        const rule = parseAllDocuments(text)
          .map(document => document.toJS())
          .find(each => each?.kind === 'PrometheusRule');
        if (rule === undefined) throw new Error('no PrometheusRule was rendered');
        const spec = join(folder, 'spec.yml');
        writeFileSync(spec, stringify(rule.spec));
        tools.run('promtool', ['check', 'rules', spec]);
        const groups = readdirSync(join(chart, 'files'))
          .filter(name => name.endsWith('.rules.yml'))
          .flatMap(name => parse(readFileSync(join(chart, 'files', name), 'utf8')).groups);
        const byName = list =>
          JSON.stringify(
            list.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
            sortKeys,
          );
        if (byName(rule.spec.groups) !== byName(groups))
          throw new Error('the rules in the PrometheusRule are not those of files/*.rules.yml');
      }),
  },
  {
    name: 'chart-rules-fresh',
    run: ({ tools }) => void tools.run(process.execPath, ['scripts/chart-rules.js', '--check']),
  },
];

function sortKeys(_key, value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
