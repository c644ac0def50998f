/** The steps of starting: what runs, how long each took, and what the terminal and the control socket show of it. */
import type { Clock } from '#base/clock.js';

export interface Step {
  name: string;
  state: 'running' | 'done' | 'failed';
  startedMs: number;
  ms: number;
  /** What came of it, or why it failed, or what it is doing just now. */
  detail?: string;
}

export class Steps {
  readonly list: Step[] = [];
  readonly #clock: Clock;
  readonly #onChange: (step: Step) => void;

  constructor({ clock, onChange = () => {} }: { clock: Clock; onChange?: (step: Step) => void }) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Runs one step. `work` may report progress; what it returns as text becomes the step's detail. */
  async run<T>(name: string, work: (progress: (detail: string) => void) => Promise<T>): Promise<T> {
    const step: Step = { name, state: 'running', startedMs: this.#clock.monotonic(), ms: 0 };
    this.list.push(step);
    this.#onChange(step);
    try {
      const result = await work((detail) => {
        step.detail = detail;
        this.#onChange(step);
      });
      step.detail = typeof result === 'string' ? result : undefined;
      this.#end(step, 'done');
      return result;
    } catch (error) {
      step.detail = (error as Error).message;
      this.#end(step, 'failed');
      throw error;
    }
  }

  #end(step: Step, state: 'done' | 'failed'): void {
    step.state = state;
    step.ms = this.#clock.monotonic() - step.startedMs;
    this.#onChange(step);
  }
}
