/**
 * Objects to protobuf messages, byte for byte as Kubernetes' generated Go code writes them: fields in ascending order,
 * map keys sorted, and whatever is no pointer written even when empty.
 */
import { toJson } from '#base/exact-json.js';
import { parseDuration, parseInstant } from '../codec/time.js';
import type { MessageField, MessagePlan } from './message-plan.js';
import { type BackwardWriter, wireType } from './wire.js';

type Fields = Record<string, unknown>;

export function writeMessage(writer: BackwardWriter, plan: MessagePlan, value: unknown): void {
  if (plan.codec) {
    writeSpecial(writer, plan, value);
    return;
  }
  const input = (value ?? {}) as Fields;
  for (let index = plan.fields.length - 1; index >= 0; index--) {
    const field = plan.fields[index]!;
    if (field.schema.inline) {
      const mark = writer.length;
      writeMessage(writer, field.type, input);
      writer.close(field.number, mark);
    } else writeField(writer, field, input[field.name]);
  }
}

function writeField(writer: BackwardWriter, field: MessageField, value: unknown): void {
  const { shape, wrapped } = field.schema;
  if (shape === 'single') {
    if (value === undefined || value === null) {
      if (field.schema.pointer || field.scalar === 'bytes') return;
    }
    writeValue(writer, field, { number: field.number, value });
  } else if (shape === 'list') {
    const list = (value ?? []) as unknown[];
    const mark = writer.length;
    if (wrapped && value === undefined) return;
    for (let index = list.length - 1; index >= 0; index--) {
      writeValue(writer, field, { number: wrapped ? 1 : field.number, value: list[index] });
    }
    if (wrapped) writer.close(field.number, mark);
  } else writeMap(writer, field, (value ?? {}) as Fields);
}

function writeMap(writer: BackwardWriter, field: MessageField, map: Fields): void {
  const keys = Object.keys(map).sort();
  for (let index = keys.length - 1; index >= 0; index--) {
    const entry = writer.length;
    const value = map[keys[index]!];
    if (field.schema.shape === 'mapOfLists') {
      const mark = writer.length;
      const list = (value ?? []) as unknown[];
      for (let at = list.length - 1; at >= 0; at--) writeValue(writer, field, { number: 1, value: list[at] });
      writer.close(2, mark);
    } else writeValue(writer, field, { number: 2, value });
    const mark = writer.length;
    writer.text(keys[index]!);
    writer.close(1, mark);
    writer.close(field.number, entry);
  }
}

/** One value with its tag; an absent one is written as its zero. */
function writeValue(
  writer: BackwardWriter,
  field: MessageField,
  { number, value }: { number: number; value: unknown },
) {
  switch (field.scalar) {
    case 'int32':
    case 'int64':
      writer.varint((value as number) ?? 0);
      writer.tag(number, wireType.varint);
      return;
    case 'bool':
      writer.varint(value ? 1 : 0);
      writer.tag(number, wireType.varint);
      return;
    case 'double':
      writer.double((value as number) ?? 0);
      writer.tag(number, wireType.fixed64);
      return;
  }
  const mark = writer.length;
  if (field.scalar === 'string') writer.text((value as string) ?? '');
  else if (field.scalar === 'bytes') writer.bytes(Buffer.from((value as string) ?? '', 'base64'));
  else if (field.scalar) writer.text(toJson(value ?? null));
  else writeMessage(writer, field.type, value);
  writer.close(number, mark);
}

function writeSpecial(writer: BackwardWriter, plan: MessagePlan, value: unknown): void {
  switch (plan.codec) {
    case 'time':
    case 'microTime':
      writeTime(writer, { text: value as string | null | undefined, micros: plan.codec === 'microTime' });
      return;
    case 'duration':
      writeBigVarint(writer, parseDuration((value as string) ?? '0s'));
      writer.tag(1, wireType.varint);
      return;
    case 'quantity':
      writeText(writer, 1, String(value ?? '0'));
      return;
    case 'intOrString':
      writeText(writer, 3, typeof value === 'string' ? value : '');
      writeNumber(writer, 2, typeof value === 'number' ? value : 0);
      writeNumber(writer, 1, typeof value === 'string' ? 1 : 0);
      return;
    case 'raw':
    case 'rawJSON':
      if (value !== undefined && value !== null) writeText(writer, 1, toJson(value));
      return;
    case 'items':
      for (const one of [...((value ?? []) as string[])].reverse()) writeText(writer, 1, one);
      return;
    default:
      writeSchemaChoice(writer, plan, value);
  }
}

function writeTime(
  writer: BackwardWriter,
  { text, micros }: { text: string | null | undefined; micros: boolean },
): void {
  if (!text) return;
  const { seconds, nanos } = parseInstant(text);
  writeNumber(writer, 2, micros ? nanos - (nanos % 1000) : 0);
  writeNumber(writer, 1, seconds);
}

/** JSONSchemaPropsOr...: a schema, or else an array, a boolean or strings. */
function writeSchemaChoice(writer: BackwardWriter, plan: MessagePlan, value: unknown): void {
  const [first, second] = plan.fields as [MessageField, MessageField];
  if (plan.codec === 'schemaOrBool') {
    if (typeof value === 'object' && value !== null) writeValue(writer, second, { number: 2, value });
    writeNumber(writer, 1, value === false || value === undefined || value === null ? 0 : 1);
  } else if (Array.isArray(value)) {
    for (let index = value.length - 1; index >= 0; index--) {
      writeValue(writer, second, { number: second.number, value: value[index] });
    }
  } else if (value !== undefined && value !== null) writeValue(writer, first, { number: first.number, value });
}

function writeText(writer: BackwardWriter, number: number, text: string): void {
  const mark = writer.length;
  writer.text(text);
  writer.close(number, mark);
}

function writeNumber(writer: BackwardWriter, number: number, value: number): void {
  writer.varint(value);
  writer.tag(number, wireType.varint);
}

function writeBigVarint(writer: BackwardWriter, value: bigint): void {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  writer.bytes(Uint8Array.from(bytes));
}
