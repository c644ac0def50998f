/** The schema of a message as the protobuf codec walks it: fields by ascending number, inlined structs as messages. */
import { type FieldSchema, isScalar, type Scalar, type SchemaTable, type SpecialCodec } from '../schema.js';

export interface MessagePlan {
  readonly name: string;
  readonly codec: SpecialCodec | undefined;
  readonly fields: readonly MessageField[];
  readonly byNumber: ReadonlyMap<number, MessageField>;
}

export class MessageField {
  readonly name: string;
  readonly number: number;
  readonly schema: FieldSchema;
  readonly scalar: Scalar | undefined;
  readonly #resolve: () => MessagePlan;
  #type: MessagePlan | undefined;

  constructor(schema: FieldSchema, resolve: (name: string) => MessagePlan) {
    this.name = schema.name;
    this.number = schema.number!;
    this.schema = schema;
    this.scalar = isScalar(schema.type) ? schema.type : undefined;
    this.#resolve = () => resolve(schema.type);
  }

  /** Of a message, or of the elements of a list or map. */
  get type(): MessagePlan {
    return (this.#type ??= this.#resolve());
  }
}

const plans = new WeakMap<SchemaTable, Map<string, MessagePlan>>();

/** Undefined when the table lacks the type, or the type has no protobuf form. */
export function messagePlanOf(table: SchemaTable, typeName: string): MessagePlan | undefined {
  let known = plans.get(table);
  if (!known) plans.set(table, (known = new Map()));
  let plan = known.get(typeName);
  if (!plan) {
    const schema = table.type(typeName);
    if (!schema || schema.noProtobuf) return undefined;
    const resolve = (name: string): MessagePlan => {
      const found = messagePlanOf(table, name);
      if (!found) throw new TypeError(`${name}, which ${typeName} uses, has no protobuf form`);
      return found;
    };
    const fields = schema.fields
      .filter((field) => field.number !== undefined)
      .map((field) => new MessageField(field, resolve))
      .sort((a, b) => a.number - b.number);
    plan = { name: typeName, codec: schema.codec, fields, byNumber: new Map(fields.map((one) => [one.number, one])) };
    known.set(typeName, plan);
  }
  return plan;
}
