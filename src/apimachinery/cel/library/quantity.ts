/** Amounts of resources. https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-quantity-library */
import { ParseError } from '../../parse-error.js';
import { Quantity } from '../../quantity.js';
import { type FunctionDeclaration, type Library, member, overload } from '../declarations.js';
import { boolType, doubleType, intType, stringType, structType, type Type } from '../types.js';
import { CelError, Double, isInt, normalizeInt, Opaque, type Result, type Value } from '../values.js';

const quantityType = structType('kubernetes.Quantity');

class QuantityValue extends Opaque {
  override readonly type = quantityType;
  readonly quantity: Quantity;
  /** Whether it was written with a fraction, or in less than whole units: `1.0`, `1000m`. */
  readonly isFractional: boolean;

  constructor(quantity: Quantity, isFractional: boolean) {
    super();
    this.quantity = quantity;
    this.isFractional = isFractional;
  }

  override equals(other: Value): boolean {
    return other instanceof QuantityValue && this.quantity.equals(other.quantity);
  }

  /** Undefined where it has no exact value in whole units, or does not fit into 64 bits. */
  get units(): number | bigint | undefined {
    const { quantity } = this;
    if (this.isFractional || quantity.nanos % 1_000_000_000n !== 0n) return undefined;
    return normalizeInt(quantity.nanos / 1_000_000_000n);
  }

  plus(other: QuantityValue, sign: 1 | -1): QuantityValue {
    const sum = sign === 1 ? this.quantity.add(other.quantity) : this.quantity.subtract(other.quantity);
    if (other.quantity.isZero) return this;
    return new QuantityValue(sum, other.isFractional || (this.isFractional && !this.quantity.isZero));
  }
}

/** The value of the text of an amount. */
export const quantityValue = (text: string): Result => parse(text);

function parse(text: Value): QuantityValue | CelError {
  try {
    return new QuantityValue(Quantity.parse(text as string), /[.numU]/.test(text as string));
  } catch (error) {
    if (error instanceof ParseError) return new CelError(error.message);
    throw error;
  }
}

const compare = (a: Value, b: Value) => (a as QuantityValue).quantity.compare((b as QuantityValue).quantity);

function accessor(name: string, id: string, result: Type, call: (value: QuantityValue) => Result): FunctionDeclaration {
  return { name, overloads: [member(id, [quantityType], result, (value) => call(value as QuantityValue))] };
}

function comparison(name: string, id: string, result: Type, call: (order: number) => Value): FunctionDeclaration {
  return { name, overloads: [member(id, [quantityType, quantityType], result, (a, b) => call(compare(a, b)))] };
}

function sum(name: string, sign: 1 | -1): FunctionDeclaration {
  const call = (a: Value, b: Value) => {
    const other = isInt(b) ? new QuantityValue(Quantity.of(BigInt(b), 'DecimalExponent'), false) : (b as QuantityValue);
    return (a as QuantityValue).plus(other, sign);
  };
  const overloads = [
    member(`quantity_${name}`, [quantityType, quantityType], quantityType, call),
    member(`quantity_${name}_int`, [quantityType, intType], quantityType, call),
  ];
  return { name, overloads };
}

export const quantityLibrary: Library = {
  functions: [
    { name: 'quantity', overloads: [overload('string_to_quantity', [stringType], quantityType, parse)] },
    {
      name: 'isQuantity',
      overloads: [
        overload('is_quantity_string', [stringType], boolType, (text) => parse(text) instanceof QuantityValue),
      ],
    },
    {
      name: 'sign',
      overloads: [overload('quantity_sign', [quantityType], intType, (a) => (a as QuantityValue).quantity.sign)],
    },
    comparison('isGreaterThan', 'quantity_is_greater_than', boolType, (order) => order > 0),
    comparison('isLessThan', 'quantity_is_less_than', boolType, (order) => order < 0),
    comparison('compareTo', 'quantity_compare_to', intType, (order) => order),
    accessor('asApproximateFloat', 'quantity_get_float', doubleType, (a) => new Double(a.quantity.toNumber())),
    accessor(
      'asInteger',
      'quantity_get_int',
      intType,
      (a) => a.units ?? new CelError('cannot convert value to integer'),
    ),
    accessor('isInteger', 'quantity_is_integer', boolType, (a) => a.units !== undefined),
    sum('add', 1),
    sum('sub', -1),
  ],
};
