/** What the threads of thread-pool.test.ts do. */
export interface OddJobs {
  /** Tells which thread it was, in which order it came there, and how many have begun and not ended. */
  note: { input: { readonly label: string; readonly delayMs: number }; output: Note };
  double: { input: { readonly bytes: Uint8Array }; output: { readonly bytes: Uint8Array } };
  /** How large the buffer is that the bytes lie in, in the thread, and the environment there. */
  describe: {
    input: { readonly bytes: Uint8Array };
    output: { readonly bufferLength: number; readonly env: string[] };
  };
  addShared: { input: { readonly shared: SharedArrayBuffer; readonly amount: number }; output: number };
  fail: { input: { readonly kind: 'operator' | 'external' | 'bug' | 'text' }; output: never };
  exit: { input: null; output: never };
  crash: { input: null; output: never };
  /** Waits until the number in shared memory is no longer zero, and keeps the thread busy meanwhile. */
  hold: { input: { readonly gate: SharedArrayBuffer }; output: Uint8Array };
  answerFunction: { input: null; output: () => void };
}

interface Note {
  readonly label: string;
  readonly thread: number;
  readonly place: number;
  readonly underWay: number;
}
