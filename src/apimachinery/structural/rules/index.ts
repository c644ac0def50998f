/** Rules in CEL: large, and loaded when a schema has some; see `loadRules`. */
export { costBudget } from '../../cel/index.js';
export { compileRules, typeOfSelf } from './compiled-rule.js';
export { RuleRun } from './evaluate.js';
export { Ratchet } from './ratchet.js';
export { RuleTree } from './rule-tree.js';
