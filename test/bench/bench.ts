import type { Cost } from './measure.ts';
import type { BenchContext } from './prepare.ts';

export interface Figure {
  readonly cost: Cost;
  readonly bare: { readonly label: string; readonly cost: Cost; readonly by: 'cpuMs' | 'wallMs' };
  readonly verified: string;
  readonly notes?: Readonly<Record<string, string>>;
}

export interface Bench {
  readonly name: string;
  readonly title: string;
  readonly input: string;
  /** What the Python operator takes for the same work. */
  readonly reference?: string;
  /** The most that it may cost, of what the costs name. */
  readonly targets: Partial<Cost>;
  readonly needsDatabase: boolean;
  run(context: BenchContext): Promise<Figure>;
}
