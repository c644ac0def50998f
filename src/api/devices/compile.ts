/** Compiles the expressions that choose devices; loaded with the first that is written. */
import {
  boolType,
  CompileError,
  compile,
  type DeclaredType,
  dynType,
  type Environment,
  estimateCost,
  kubernetesEnvironment,
  mapType,
  type Program,
  sizesOf,
  stringType,
  structsOf,
  structType,
  type Type,
} from '#apimachinery/cel/index.js';
import { forbiddenField, invalidValue } from '#apimachinery/field-error.js';
import type { FieldErrors } from '../meta/check.js';

const costMax = 1_000_000;
const domainLengthMax = 63;
const idLengthMax = 32;
const valueLengthMax = 64;
const propertiesMax = 32;

const sized = (type: Type, elementsMax: number): DeclaredType => ({ type, elementsMax, bytesMin: 0 });

/** By domain, then by name. */
function properties(value: DeclaredType): DeclaredType {
  const map = (keyLengthMax: number, element: DeclaredType): DeclaredType => ({
    ...sized(mapType(stringType, element.type), propertiesMax),
    key: sized(stringType, keyLengthMax),
    element,
  });
  return map(domainLengthMax, map(idLengthMax, value));
}

const device: DeclaredType = {
  ...sized(structType('kubernetes.DRADevice'), 1),
  fields: new Map([
    ['driver', sized(stringType, domainLengthMax)],
    ['attributes', properties(sized(dynType, valueLengthMax))],
    ['capacity', properties(sized(structType('kubernetes.Quantity'), 1))],
    ['allowMultipleAllocations', sized(boolType, 1)],
  ]),
};

let environment: Environment | undefined;

/** Throws a CompileError. */
export function compileDeviceSelector(expression: string): Program {
  environment ??= kubernetesEnvironment().extend({ variables: [['device', device.type]], structs: structsOf(device) });
  const program = compile(expression, environment);
  const { type } = program;
  if (!type.equals(boolType) && !type.equals(dynType))
    throw new CompileError('Type', `must evaluate to bool or the unknown type, not ${type}`);
  return program;
}

export function* checkDeviceSelector(path: string, expression: string): FieldErrors {
  try {
    const program = compileDeviceSelector(expression);
    if (estimateCost(program.root, sizesOf(device)).max > costMax)
      yield forbiddenField(path, 'too complex, exceeds cost limit');
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    yield invalidValue(path, expression, error.detail);
  }
}
