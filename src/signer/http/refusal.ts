/** An answer other than 200, thrown by whatever finds the reason. */
export class Refusal extends Error {
  readonly status: number;
  /** Text of the answer; Web3Signer's own when left out, which is the status's phrase. */
  readonly body: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  /**
   * @param reason - for the log
   * @param options.told - whether the client reads the reason, too: only where Web3Signer has no such answer
   */
  constructor(
    status: number,
    reason: string,
    options: {
      readonly told?: boolean | undefined;
      readonly headers?: Readonly<Record<string, string>> | undefined;
    } = {},
  ) {
    super(reason);
    this.name = 'Refusal';
    this.status = status;
    this.body = options.told ? reason : undefined;
    this.headers = options.headers ?? {};
  }
}
