/** An example of a command line for help; the name of the program is the one that the user typed. */
export function example(commandLine: string): string {
  return `<%= config.bin %> ${commandLine}`;
}

const VAULT = '--vault 0x8189aF89A7718C1baB5628399FC0ba50C6949bCc';
const DATABASE = '--db-url-file ./db-url';

/**
 * An example of a command below `remote-db`.
 * @param group - more of the group's options, which stand before the command
 */
export function remoteDbExample(commandLine: string, group = ''): string {
  return example(['remote-db', DATABASE, VAULT, group, commandLine].filter(part => part !== '').join(' '));
}

/** An example of a command below `tx`. */
export function transactionExample(verb: string, options = ''): string {
  return example(['tx', verb, VAULT, DATABASE, options].filter(part => part !== '').join(' '));
}
