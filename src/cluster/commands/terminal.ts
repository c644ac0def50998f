/** What the commands print: steps as they happen, and plain lines. Colours and redrawing only where a person looks. */
import type { Clock, Timer } from '#base/clock.js';
import type { Step } from '../steps.js';

export interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

/** A step that takes longer than this is shown while it runs. */
const showAfterMs = 300;
const redrawMs = 120;
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

export function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 1000).toFixed(1)} s`;
}

/** Prints each step when it ends; on a terminal, the ones that take long also while they run. */
export class StepPrinter {
  readonly #output: Output;
  readonly #clock: Clock;
  readonly #running = new Set<Step>();
  readonly #announced = new Set<Step>();
  #frame = 0;
  #drawn = 0;
  #timer: Timer | undefined;

  constructor({ output, clock }: { output: Output; clock: Clock }) {
    this.#output = output;
    this.#clock = clock;
  }

  readonly show = (step: Step): void => {
    if (step.state === 'running') {
      this.#running.add(step);
      this.#arm();
      return;
    }
    this.#running.delete(step);
    this.#erase();
    const mark = step.state === 'done' ? this.paint('32', '✓') : this.paint('31', '✗');
    const detail = step.detail ? `  ${this.paint('2', step.detail)}` : '';
    this.#output.write(`  ${mark} ${step.name.padEnd(24)} ${seconds(step.ms).padStart(8)}${detail}\n`);
    if (this.#running.size === 0) this.stop();
  };

  stop(): void {
    this.#erase();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  paint(code: string, text: string): string {
    return this.#output.isTTY ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  #arm(): void {
    this.#timer ??= this.#clock.setTimer(redrawMs, () => {
      this.#timer = undefined;
      this.#draw();
      if (this.#running.size > 0) this.#arm();
    });
  }

  #draw(): void {
    const now = this.#clock.monotonic();
    const slow = [...this.#running].filter(({ startedMs }) => now - startedMs > showAfterMs);
    if (!this.#output.isTTY) {
      // A log wants one line when something starts to take long, not a moving picture.
      for (const step of slow) {
        if (this.#announced.has(step) || now - step.startedMs < 1000) continue;
        this.#announced.add(step);
        this.#output.write(`  … ${step.name}${step.detail ? `: ${step.detail}` : ''}\n`);
      }
      return;
    }
    this.#erase();
    const frame = frames[this.#frame++ % frames.length]!;
    for (const step of slow) {
      const line = `  ${frame} ${step.name.padEnd(24)} ${seconds(now - step.startedMs).padStart(8)}  ${step.detail ?? ''}`;
      this.#output.write(`${line.slice(0, (this.#output.columns ?? 80) - 1)}\n`);
    }
    this.#drawn = slow.length;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#output.write(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#drawn = 0;
  }
}
