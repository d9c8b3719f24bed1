import { messageOf } from '../../lib/errors.ts';
import type { ValidatorKeys } from '../key-supply.ts';
import type { PassOutcome, TaskObserver } from '../loop/run-task.ts';

type Phase = 'starting' | 'standby' | 'running' | 'stopping';

/** What `/readyz` answers with. */
interface StatusReport {
  readonly ready: boolean;
  readonly phase: Phase;
  /** What it waits for while it starts or stands by, or what it lacks for its work; else null. */
  readonly waitsFor: string | null;
  readonly tasks: readonly TaskReport[];
  /** Where validators are registered with keys of the signer, how many are left. */
  readonly validatorKeys?: ValidatorKeys | undefined;
}

interface TaskReport {
  readonly name: string;
  readonly running: boolean;
  /** ISO 8601. */
  readonly lastSuccess: string | null;
  /** The newest error since the last success, if there was one. */
  readonly lastError: { readonly at: string; readonly message: string } | null;
  readonly waitsFor: string | null;
  readonly failures: number;
}

/** What the process is doing; kept for probes. */
export interface OperatorStatus extends TaskObserver {
  enter(phase: Phase, waitsFor?: string): void;
  /** Something without which nothing can be done is missing, until it is there again (undefined). */
  miss(what: string | undefined): void;
  /** Shows how many validator keys are left. */
  showKeys(keys: ValidatorKeys): void;
  /** Shows a task before its first pass. */
  expect(task: string): void;
  report(): StatusReport;
}

interface TaskState {
  running: boolean;
  lastSuccess: Date | undefined;
  lastError: { at: Date; message: string } | undefined;
  waitsFor: string | undefined;
  failures: number;
}

/** A task that fails so often in a row makes the process unready: once is no trouble yet. */
const UNREADY_FAILURES = 3;

/**
 * Keeps what probes ask for.
 * @param scrub - takes secrets out of messages
 */
export function createOperatorStatus(scrub: (text: string) => string): OperatorStatus {
  const tasks = new Map<string, TaskState>();
  let phase: Phase = 'starting';
  let waitsFor: string | undefined;
  let missing: string | undefined;
  let validatorKeys: ValidatorKeys | undefined;
  const stateOf = (name: string): TaskState => {
    const state = tasks.get(name) ?? {
      running: false,
      failures: 0,
      lastSuccess: undefined,
      lastError: undefined,
      waitsFor: undefined,
    };
    tasks.set(name, state);
    return state;
  };
  return {
    enter(next, what) {
      phase = next;
      waitsFor = what;
    },
    miss(what) {
      missing = what;
    },
    showKeys(keys) {
      validatorKeys = keys;
    },
    expect: name => void stateOf(name),
    passBegan(name) {
      stateOf(name).running = true;
    },
    passEnded(name, pass) {
      noteOutcome(stateOf(name), pass, scrub);
    },
    report() {
      const isServing = phase === 'running' || phase === 'standby';
      const isFailing = [...tasks.values()].some(({ failures }) => failures >= UNREADY_FAILURES);
      const lacks = missing ?? waitsFor;
      return {
        ready: isServing && !isFailing && missing === undefined,
        phase,
        waitsFor: lacks === undefined ? null : scrub(lacks),
        tasks: [...tasks].map(([name, state]) => describeTask(name, state)),
        ...(validatorKeys && { validatorKeys }),
      };
    },
  };
}

function noteOutcome(state: TaskState, pass: PassOutcome, scrub: (text: string) => string): void {
  state.running = false;
  state.waitsFor = pass.waitsFor === undefined ? undefined : scrub(pass.waitsFor);
  if (pass.error === undefined) {
    state.lastSuccess = new Date();
    state.lastError = undefined;
    state.failures = 0;
  } else {
    state.lastError = { at: new Date(), message: scrub(messageOf(pass.error)) };
    state.failures++;
  }
}

function describeTask(name: string, state: TaskState): TaskReport {
  const { running, lastSuccess, lastError, waitsFor, failures } = state;
  return {
    name,
    running,
    lastSuccess: lastSuccess?.toISOString() ?? null,
    lastError:
      lastError === undefined ? null : { at: lastError.at.toISOString(), message: lastError.message },
    waitsFor: waitsFor ?? null,
    failures,
  };
}
