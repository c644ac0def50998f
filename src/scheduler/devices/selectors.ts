/**
 * Whether a device is one that an expression chooses. What was found out of a device holds as long as it is published
 * as it is; upstream's limit bounds what one evaluation may cost.
 */
import { compileDeviceSelector } from '#api/devices/compile.js';
import type { Device } from '#api/gen/resource-v1.js';
import { CelError, CompileError, type Program, type Value } from '#apimachinery/cel/index.js';
import { deviceValue } from './device-values.js';

/** An expression that is wrong, or fails on a device. */
export class SelectorError extends Error {
  override readonly name = 'SelectorError';
  readonly when: 'compile' | 'runtime';

  constructor(when: 'compile' | 'runtime', message: string) {
    super(message);
    this.when = when;
  }
}

const costMax = 1_000_000;
/** Programs kept; the one asked for longest ago goes first. */
const programsMax = 64;

export class Selectors {
  readonly #programs = new Map<string, Program>();
  /** Devices are immutable values. */
  readonly #matches = new WeakMap<Device, Map<string, boolean>>();
  readonly #values = new WeakMap<Device, Value | CelError>();

  /** Throws SelectorError. */
  matches(expression: string, device: Device, driver: string): boolean {
    let known = this.#matches.get(device);
    if (!known) this.#matches.set(device, (known = new Map()));
    let matches = known.get(expression);
    if (matches === undefined) known.set(expression, (matches = this.#evaluate(expression, device, driver)));
    return matches;
  }

  #evaluate(expression: string, device: Device, driver: string): boolean {
    let input = this.#values.get(device);
    if (input === undefined) this.#values.set(device, (input = deviceValue(driver, device)));
    if (input instanceof CelError) throw new SelectorError('runtime', input.message);
    const value = input;
    const program = this.#program(expression);
    const { value: result } = program.evaluate((name) => (name === 'device' ? value : undefined), { costMax });
    if (typeof result === 'boolean') return result;
    const why = result instanceof CelError ? result.message : 'the result is no bool';
    throw new SelectorError('runtime', why);
  }

  #program(expression: string): Program {
    let program = this.#programs.get(expression);
    this.#programs.delete(expression);
    try {
      program ??= compileDeviceSelector(expression);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      throw new SelectorError('compile', error.detail);
    }
    this.#programs.set(expression, program);
    if (this.#programs.size > programsMax) this.#programs.delete(this.#programs.keys().next().value!);
    return program;
  }
}
