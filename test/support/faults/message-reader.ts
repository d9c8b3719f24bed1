/** A message of Postgres' protocol. */
export interface Message {
  /** Its letter; '' for the first one of a connection, which has none. */
  readonly type: string;
  readonly bytes: Buffer;
}

/** Cuts a stream into the protocol's messages. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0);
  #isStarted: boolean;

  /** @param isStarted - false for what a client sends, whose first message has no letter */
  constructor(isStarted: boolean) {
    this.#isStarted = isStarted;
  }

  read(chunk: Buffer): Message[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: Message[] = [];
    for (;;) {
      const typeLength = this.#isStarted ? 1 : 0;
      if (this.#rest.length < typeLength + 4) return messages;
      const end = typeLength + this.#rest.readUInt32BE(typeLength);
      if (this.#rest.length < end) return messages;
      const type = this.#rest.toString('latin1', 0, typeLength);
      messages.push({ type, bytes: this.#rest.subarray(0, end) });
      this.#rest = this.#rest.subarray(end);
      this.#isStarted = true;
    }
  }
}
