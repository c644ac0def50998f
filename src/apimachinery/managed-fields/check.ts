/** Whether an applied configuration fits the schema, and names every list element once. */
import { isNumber } from '#base/exact-json.js';
import { goSyntax, plain, typeName } from '#base/go-text.js';
import type { Json } from '#base/json.js';
import { atOnce, endsStep, type Steps } from '#base/turns.js';
import { isObject, type JsonObject } from '../patch.js';
import { ElementProblem, listElement } from './list-element.js';
import { type ListModel, type MapModel, type Model, type ScalarModel, shapeOf } from './model.js';
import { fieldElement, formatElement, type PathElement } from './path-element.js';

/** More are not looked for. */
const problemsMax = 100;

/** `.spec.replicas: expected numeric (int or float), got string`; none when it fits. */
export function checkApplied(applied: JsonObject, model: Model): string[] {
  return atOnce(checkInSteps(applied, model));
}

/** `checkApplied` of what may be large. */
export function* checkInSteps(applied: JsonObject, model: Model): Steps<string[]> {
  const problems: string[] = [];
  yield* check(applied, model, { path: undefined, problems });
  return problems;
}

/** As upstream tells of one or several. */
export function listProblems(problems: readonly string[]): string {
  return problems.length === 1 ? problems[0]! : ['errors:', ...problems.map((one) => `  ${one}`)].join('\n');
}

interface Place {
  /** Written out for what is wrong there alone. */
  path: Step | undefined;
  problems: string[];
}

interface Step {
  before: Step | undefined;
  element: PathElement;
}

/** Nothing of a single value, which is checked at once. */
function check(value: Json, model: Model, place: Place): Steps<void> | readonly never[] {
  if (value === null || place.problems.length >= problemsMax) return none;
  const shape = shapeOf(model, value);
  if (shape.kind === 'map') return checkMap(value, shape, place);
  if (shape.kind === 'list') return checkList(value, shape, place);
  checkScalar(value, shape, place);
  return none;
}

const none: readonly never[] = [];

function checkScalar(value: Json, { scalar }: ScalarModel, place: Place): void {
  const type = typeof value;
  if (scalar === 'numeric' && !isNumber(value))
    report(place, `expected numeric (int or float), got ${typeName(value)}`);
  else if (scalar === 'string' && type !== 'string')
    report(place, `expected string, got &value.valueUnstructured{Value:${brief(value, goSyntax)}}`);
  else if (scalar === 'boolean' && type !== 'boolean') report(place, `expected boolean, got &{${brief(value, plain)}}`);
  else if (scalar === 'untyped' && type === 'object')
    report(place, `expected any scalar, got &{${brief(value, plain)}}`);
}

function* checkMap(value: Json, map: MapModel, place: Place): Steps<void> {
  if (!isObject(value)) {
    report(place, `expected map, got &{${brief(value, plain)}}`);
    return;
  }
  for (const name of Object.keys(value)) {
    const model = map.field(name)?.model ?? map.element;
    const inner = within(place, fieldElement(name));
    if (!model) {
      // Upstream looks no further in the same map.
      report(inner, 'field not declared in schema');
      return;
    }
    yield* check(value[name]!, model, inner);
    if (endsStep()) yield;
  }
}

function* checkList(value: Json, list: ListModel, place: Place): Steps<void> {
  if (!Array.isArray(value)) {
    report(place, `expected list, got &{${brief(value, plain)}}`);
    return;
  }
  const seen = new Set<PathElement>();
  for (const [index, one] of value.entries()) {
    const element = list.relation === 'atomic' ? `i:${index}` : elementOf(list, { value: one, index, place });
    if (element === undefined) return;
    if (seen.has(element)) report(place, `duplicate entries for key ${formatElement(element)}`);
    seen.add(element);
    yield* check(one, list.element, within(place, element));
    if (endsStep()) yield;
  }
}

function elementOf(
  list: ListModel,
  { value, index, place }: { value: Json; index: number; place: Place },
): PathElement | undefined {
  try {
    return listElement(list, value);
  } catch (error) {
    if (!(error instanceof ElementProblem)) throw error;
    report(place, `element ${index}: ${error.message}`);
    return undefined;
  }
}

function within({ path, problems }: Place, element: PathElement): Place {
  return { path: { before: path, element }, problems };
}

function report({ path, problems }: Place, message: string): void {
  let text = '';
  for (let step = path; step; step = step.before) text = formatElement(step.element) + text;
  problems.push(text === '' ? message : `${text}: ${message}`);
}

function brief(value: Json, print: (value: Json) => string): string {
  const text = print(value);
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}
