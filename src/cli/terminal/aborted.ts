/**
 * The user left a prompt. Not an error to report: `Aborted!`, as click does. Ctrl-C exits with 130 wherever it is pressed, as
 * it does while a command works; Ctrl-D and a "no" with 1.
 */
export class Aborted extends Error {
  readonly isInterrupt: boolean;

  constructor({ isInterrupt = false }: { readonly isInterrupt?: boolean | undefined } = {}) {
    super('Aborted!');
    this.name = 'Aborted';
    this.isInterrupt = isInterrupt;
  }
}
