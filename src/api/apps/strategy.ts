/** How upstream shows a strategy that it does not know: as its own type, whose fields have Go's names. */
import { type FieldError, invalidValue, notSupported } from '#apimachinery/field-error.js';
import { goFields } from '../meta/go-fields.js';

interface Strategy {
  type?: string;
  rollingUpdate?: object;
}

export function unknownStrategy(path: string, strategy: Strategy, supported: readonly string[]): FieldError {
  return notSupported(path, goStrategy(strategy, { maxUnavailable: 0, maxSurge: 0 }), supported);
}

export function invalidStrategy(path: string, strategy: Strategy, why: string): FieldError {
  return invalidValue(path, goStrategy(strategy, { partition: 0, maxUnavailable: null }), why);
}

function goStrategy({ type = '', rollingUpdate }: Strategy, zero: object) {
  return { Type: type, RollingUpdate: rollingUpdate ? goFields({ ...zero, ...rollingUpdate }) : null };
}
