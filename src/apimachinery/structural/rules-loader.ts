/** Loads what compiles and evaluates rules in CEL, which is large, when there is a schema with rules. */
import { loading } from '#base/loading.js';
import { type Schema, visitSchemas } from './schema.js';

export type RulesRoom = typeof import('./rules/index.js');

let room: RulesRoom | undefined;

export async function loadRules(): Promise<RulesRoom> {
  room ??= await loading(import('./rules/index.js'));
  return room;
}

/** For a schema that has rules, after `loadRules`. */
export function loadedRules(): RulesRoom {
  if (!room) throw new TypeError('the rules were not loaded');
  return room;
}

export function hasRules(whole: Schema): boolean {
  let found = false;
  visitSchemas(whole, (schema) => {
    found ||= (schema['x-kubernetes-validations'] ?? []).length > 0;
  });
  return found;
}
