import { readFileSync } from 'node:fs';

/** One request to a real Web3Signer, and its answer. */
export interface RecordedExchange {
  readonly name: string;
  readonly server: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    /** Says how a body was made that is too large to be kept. */
    readonly body_note?: string;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
}

/** Text of a file of `test/vectors/web3signer`. */
export function readSignerRecording(name: string): string {
  return readFileSync(new URL(`../../vectors/web3signer/${name}.json`, import.meta.url), 'utf8');
}

/** Its exchanges; entries that are remarks only are left out. */
export function readSignerExchanges(name: string): readonly RecordedExchange[] {
  const { entries } = JSON.parse(readSignerRecording(name)) as { entries: Partial<RecordedExchange>[] };
  return entries.filter(
    (entry): entry is RecordedExchange => entry.request !== undefined && entry.response !== undefined,
  );
}
