/** The user left a prompt with Ctrl-C or Ctrl-D. Not an error to report: `Aborted!`, exit 1, as click does. */
export class Aborted extends Error {
  constructor() {
    super('Aborted!');
    this.name = 'Aborted';
  }
}
