/**
 * The macros: calls that stand for a fold over a list or map, or for a look whether a field is there.
 * https://github.com/google/cel-spec/blob/master/doc/langdef.md#macros
 */
import { accumulatorName, type Call, type Comprehension, call, type Expr, ident, literal, operators } from './ast.js';

/** A macro was called in a way that it does not allow. */
export class MacroError extends Error {
  readonly offset: number;

  constructor(at: Expr, message: string) {
    super(message);
    this.offset = at.offset;
  }
}

export interface MacroCall {
  offset: number;
  name: string;
  target: Expr | undefined;
  args: Expr[];
}

/** How a fold goes on from element to element: the parts of a comprehension besides its range and variables. */
type Fold = Pick<Comprehension, 'init' | 'condition' | 'step' | 'result'>;

/** Makes a fold from what the macro was given behind its variables. */
type FoldMaker = (offset: number, args: Expr[], variables: string[]) => Fold;

interface FoldMacro {
  make: FoldMaker;
  /** How many arguments may stand behind one variable, and behind two. */
  afterOne: readonly number[];
  afterTwo: readonly number[];
  /** How a variable that is no name is complained about. */
  complaint: string;
}

const simpleName = 'argument must be a simple name';
const identifier = 'argument is not an identifier';

const folds = new Map<string, FoldMacro>([
  ['all', { make: all, afterOne: [1], afterTwo: [1], complaint: simpleName }],
  ['exists', { make: exists, afterOne: [1], afterTwo: [1], complaint: simpleName }],
  ['exists_one', { make: existsOne, afterOne: [1], afterTwo: [1], complaint: simpleName }],
  ['existsOne', { make: existsOne, afterOne: [1], afterTwo: [1], complaint: simpleName }],
  ['map', { make: collect, afterOne: [1, 2], afterTwo: [], complaint: identifier }],
  ['filter', { make: filter, afterOne: [1], afterTwo: [], complaint: identifier }],
  ['transformList', { make: collect, afterOne: [], afterTwo: [1, 2], complaint: simpleName }],
  ['transformMap', { make: transformMap, afterOne: [], afterTwo: [1, 2], complaint: simpleName }],
  ['transformMapEntry', { make: transformMapEntry, afterOne: [], afterTwo: [1, 2], complaint: simpleName }],
]);

/** What a call stands for, or undefined where it is no macro's. Throws a MacroError. */
export function expandMacro(macro: MacroCall): Expr | undefined {
  const { name, target, args } = macro;
  if (!target) return name === 'has' && args.length === 1 ? presence(macro.offset, args[0]!) : undefined;
  if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2) return optionalMap(macro, target);
  if (name === 'sortBy' && args.length === 2) return sortBy(macro, target);
  const fold = folds.get(name);
  if (fold?.afterOne.includes(args.length - 1)) return expandFold(macro, fold, 1);
  return fold?.afterTwo.includes(args.length - 2) ? expandFold(macro, fold, 2) : undefined;
}

function presence(offset: number, field: Expr): Expr {
  if (field.kind !== 'select') throw new MacroError(field, 'invalid argument to has() macro');
  return { ...field, offset, isTest: true };
}

function expandFold({ offset, target, args }: MacroCall, fold: FoldMacro, variableCount: 1 | 2): Expr {
  const variables = args.slice(0, variableCount).map((arg) => {
    if (arg.kind !== 'ident') throw new MacroError(arg, fold.complaint);
    return arg.name;
  });
  if (variables[0] === variables[1]) throw new MacroError(args[1]!, `duplicate variable name: ${variables[0]}`);
  const hidden = variables.indexOf('__result__');
  if (hidden >= 0) throw new MacroError(args[hidden]!, 'iteration variable overwrites accumulator variable');
  return {
    kind: 'comprehension',
    offset,
    range: target!,
    variable: variables[0]!,
    variable2: variables[1],
    accumulator: accumulatorName,
    ...fold.make(offset, args.slice(variableCount), variables),
  };
}

const accumulator = (offset: number) => ident(offset, accumulatorName);

function all(offset: number, [predicate]: Expr[]): Fold {
  return {
    init: literal(offset, true),
    condition: call(offset, operators.notStrictlyFalse, [accumulator(offset)]),
    step: call(offset, operators.and, [accumulator(offset), predicate!]),
    result: accumulator(offset),
  };
}

function exists(offset: number, [predicate]: Expr[]): Fold {
  const isNotYet = call(offset, operators.not, [accumulator(offset)]);
  return {
    init: literal(offset, false),
    condition: call(offset, operators.notStrictlyFalse, [isNotYet]),
    step: call(offset, operators.or, [accumulator(offset), predicate!]),
    result: accumulator(offset),
  };
}

function existsOne(offset: number, [predicate]: Expr[]): Fold {
  const increment = call(offset, operators.add, [accumulator(offset), literal(offset, 1)]);
  return {
    init: literal(offset, 0),
    condition: literal(offset, true),
    step: conditional(offset, predicate, increment),
    result: call(offset, operators.equals, [accumulator(offset), literal(offset, 1)]),
  };
}

function collect(offset: number, args: Expr[]): Fold {
  const append = call(offset, operators.add, [accumulator(offset), listOf(offset, [args.at(-1)!])]);
  return {
    init: listOf(offset, []),
    condition: literal(offset, true),
    step: conditional(offset, args.length === 2 ? args[0] : undefined, append),
    result: accumulator(offset),
  };
}

function filter(offset: number, [predicate]: Expr[], [variable]: string[]): Fold {
  return collect(offset, [predicate!, ident(offset, variable!)]);
}

function transformMap(offset: number, args: Expr[], [key]: string[]): Fold {
  return insertion(offset, args, [ident(offset, key!), args.at(-1)!]);
}

function transformMapEntry(offset: number, args: Expr[]): Fold {
  return insertion(offset, args, [args.at(-1)!]);
}

function insertion(offset: number, args: Expr[], inserted: Expr[]): Fold {
  const insert = call(offset, 'cel.@mapInsert', [accumulator(offset), ...inserted]);
  return {
    init: { kind: 'map', offset, entries: [] },
    condition: literal(offset, true),
    step: conditional(offset, args.length === 2 ? args[0] : undefined, insert),
    result: accumulator(offset),
  };
}

/** The step if the predicate holds, and otherwise the accumulator as it was. */
function conditional(offset: number, predicate: Expr | undefined, step: Call): Call {
  return predicate ? call(offset, operators.conditional, [predicate, step, accumulator(offset)]) : step;
}

const listOf = (offset: number, elements: Expr[]): Expr => ({ kind: 'list', offset, elements, optional: new Set() });

/** An expression with a name for a value: a fold over nothing, whose accumulator has that name. */
function bind({ offset, name, value }: { offset: number; name: string; value: Expr }, body: Expr): Expr {
  return {
    kind: 'comprehension',
    offset,
    range: listOf(offset, []),
    variable: '#unused',
    variable2: undefined,
    accumulator: name,
    init: value,
    condition: literal(offset, false),
    step: ident(offset, name),
    result: body,
  };
}

/** `x.optMap(v, f)`: f of the value if there is one. */
function optionalMap({ offset, name, args }: MacroCall, target: Expr): Expr {
  const [variable, body] = args as [Expr, Expr];
  if (variable.kind !== 'ident') throw new MacroError(variable, `${name}() variable name must be a simple identifier`);
  const memberCall = (method: string, of: Expr): Expr => ({ kind: 'call', offset, target: of, name: method, args: [] });
  const bound = bind({ offset, name: variable.name, value: memberCall('value', target) }, body);
  const none = optionalFunction(offset, 'none', []);
  const mapped = name === 'optMap' ? optionalFunction(offset, 'of', [bound]) : bound;
  return call(offset, operators.conditional, [memberCall('hasValue', target), mapped, none]);
}

/** `l.sortBy(e, key)` binds the list to a name that no text has, and sorts it by the list of the keys. */
function sortBy({ offset, args }: MacroCall, target: Expr): Expr {
  if (!['list', 'select', 'ident', 'comprehension', 'call'].includes(target.kind)) {
    const allowed = 'a list, identifier, comprehension, call or select expression';
    throw new MacroError(target, `sortBy can only be applied to ${allowed}`);
  }
  const input = () => ident(offset, '@__sortBy_input__');
  const keys = expandFold({ offset, name: 'map', target: input(), args }, folds.get('map')!, 1);
  return bind(
    { offset, name: input().name, value: target },
    {
      kind: 'call',
      offset,
      target: input(),
      name: '@sortByAssociatedKeys',
      args: [keys],
    },
  );
}

function optionalFunction(offset: number, name: 'of' | 'none', args: Expr[]): Expr {
  return call(offset, `optional.${name}`, args);
}
