import { expect, it } from 'vitest';
import { CallSignals } from './call-signals.js';

it('takes many calls of one caller without a warning, and lets go of each', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const caller = new AbortController();
  const signals = new CallSignals();
  const calls = Array.from({ length: 30 }, () => signals.open(caller.signal));
  await new Promise<void>((resolve) => setImmediate(resolve));
  process.off('warning', note);
  expect(warnings).toEqual([]);
  calls[0]!.release();
  caller.abort();
  expect(calls.map(({ signal }) => signal.aborted)).toEqual([false, ...Array(29).fill(true)]);
});
