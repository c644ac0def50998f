/** A test on real containers that carries an official name. */
import { test } from 'vitest';
import { assertOfficial } from '../official.js';

const timeoutMs = 180_000;

/** Throws RangeError when the name is not official. */
export function conformance(name: string, run: () => Promise<void>): void {
  assertOfficial(name);
  test(name, { timeout: timeoutMs }, run);
}
