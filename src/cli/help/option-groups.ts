/** What help needs to know of an option; oclif's flags have more. */
export interface HelpFlag {
  readonly name: string;
  readonly helpGroup?: string | undefined;
}

export interface OptionGroup<F extends HelpFlag> {
  readonly heading: string;
  readonly flags: readonly F[];
}

/** Headings of options that have none of their own, in the order of help, and which options stand below each. */
const HEADINGS: readonly (readonly [heading: string, options: RegExp])[] = [
  [
    'VAULT',
    /^(vault|network|data-dir|deposit-data-file|validator-type|max-validator-balance-gwei|min-deposit-amount-gwei|min-deposit-delay)$/,
  ],
  ['NODES', /^(execution|consensus|ipfs)-|-ipfs(-|$)|^oracle|^skip-startup-checks$/],
  ['SIGNING', /^(remote-signer|signer|keystores?|keys|hashi-vault)-|wallet|^exit-shards$|^pool-size$/],
  [
    'SERVER',
    /^(listen|socket|client-names|allow-unauthenticated|rate-limit|sign-deposits)$|^tls-|^http-host|^only-/,
  ],
  ['DATABASE', /^db-|^wait-for-db$|^database-dir$|^vault-public-key$|^encrypt-key/],
  [
    'TRANSACTIONS',
    /^max-fee-|^priority-fee-|^harvest-vault$|^vault-min-balance|^disable-validators-|^disable-(full-)?withdrawals$|^withdrawals-interval$|^max-withdrawal-|^once$/,
  ],
  ['FILES', /^(output-dir|file-mode|owner|check|removals|layout|adopt|template-dir|force)$/],
  ['OBSERVABILITY', /^(enable-metrics|health-port|termination-log|verbose|json)$|^metrics-|^status-|^log-/],
  ['VARIABLES', /^env-file$/],
];
/** The heading of what no other one has. */
const OWN_HEADING = 'OPTIONS';
/** Options that need no headings between them. */
const FEW = 14;

/** Heading of options that must be given. */
export const REQUIRED_GROUP = 'REQUIRED';
/** Heading of options of another program, which are ignored or refused: help leaves them out. */
export const FOREIGN_GROUP = 'OF THE PYTHON OPERATOR';

/** A page's options in groups: those that must be given first, then the command's own; many are sorted under headings. */
export function groupOptions<F extends HelpFlag>(flags: readonly F[]): OptionGroup<F>[] {
  const required = flags.filter(({ helpGroup }) => helpGroup === REQUIRED_GROUP);
  const others = flags.filter(({ helpGroup }) => helpGroup !== REQUIRED_GROUP && helpGroup !== FOREIGN_GROUP);
  const headingOf = ({ name }: F) =>
    others.length <= FEW
      ? OWN_HEADING
      : (HEADINGS.find(([, options]) => options.test(name))?.[0] ?? OWN_HEADING);
  const headings = [OWN_HEADING, ...HEADINGS.map(([heading]) => heading)];
  const sorted = headings.map(heading => ({
    heading,
    flags: others.filter(flag => headingOf(flag) === heading),
  }));
  return [{ heading: REQUIRED_GROUP, flags: required }, ...sorted].filter(group => group.flags.length > 0);
}
