/**
 * OpenAPI v2 in the protobuf form that kubectl asks for, `openapi.v2.Document` of
 * https://github.com/google/gnostic-models. What a Kubernetes document never has is left out of the tables below.
 */
import { BackwardWriter, wireType } from '#apimachinery/protobuf/wire.js';

/** Writes one field, tag and all; absent values are not passed to it. */
export type Write = (writer: BackwardWriter, number: number, value: unknown) => void;
export type Spec = readonly (readonly [number: number, name: string, write: Write])[];
export type Fields = Record<string, unknown>;

/** Names that begin with `x-`, which every message may have. */
export const extensions = 'x-';

export function encodeGnostic(document: unknown): Uint8Array {
  return encodeSpec(documentSpec, document as Fields);
}

export function encodeSpec(spec: Spec, value: Fields): Uint8Array {
  const writer = new BackwardWriter();
  writeSpec(writer, spec, value);
  return writer.finish();
}

function writeSpec(writer: BackwardWriter, spec: Spec, value: Fields): void {
  for (let index = spec.length - 1; index >= 0; index--) {
    const [number, name, write] = spec[index]!;
    if (name === extensions) writeExtensions(writer, number, value);
    else if (value[name] !== undefined) write(writer, number, value[name]);
  }
}

export const text: Write = (writer, number, value) => {
  const mark = writer.length;
  writer.text(value as string);
  writer.close(number, mark);
};

export const flag: Write = (writer, number, value) => {
  writer.varint(value ? 1 : 0);
  writer.tag(number, wireType.varint);
};

export const count: Write = (writer, number, value) => {
  writer.varint(value as number);
  writer.tag(number, wireType.varint);
};

export const double: Write = (writer, number, value) => {
  writer.double(value as number);
  writer.tag(number, wireType.fixed64);
};

/** A JSON value as YAML text, of which JSON is a part. */
export const any: Write = (writer, number, value) => {
  const mark = writer.length;
  text(writer, 2, JSON.stringify(value));
  writer.close(number, mark);
};

export const list =
  (write: Write): Write =>
  (writer, number, value) => {
    const values = value as unknown[];
    for (let index = values.length - 1; index >= 0; index--) write(writer, number, values[index]);
  };

export const message =
  (spec: () => Spec): Write =>
  (writer, number, value) => {
    const mark = writer.length;
    writeSpec(writer, spec(), value as Fields);
    writer.close(number, mark);
  };

/** An object as a list of messages of a name and a value. */
export const named =
  (write: Write): Write =>
  (writer, number, value) => {
    const entries = Object.entries(value as Fields);
    for (let index = entries.length - 1; index >= 0; index--) {
      const mark = writer.length;
      write(writer, 2, entries[index]![1]);
      text(writer, 1, entries[index]![0]);
      writer.close(number, mark);
    }
  };

/** The write of a field inside a message that has nothing else. */
export const inside =
  (field: number, write: Write): Write =>
  (writer, number, value) => {
    const mark = writer.length;
    write(writer, field, value);
    writer.close(number, mark);
  };

function writeExtensions(writer: BackwardWriter, number: number, value: Fields): void {
  const entries = Object.entries(value).filter(([name]) => name.startsWith(extensions));
  named(any)(writer, number, Object.fromEntries(entries));
}

const schema = message(() => schemaSpec);

const schemaSpec: Spec = [
  [1, '$ref', text],
  [2, 'format', text],
  [3, 'title', text],
  [4, 'description', text],
  [5, 'default', any],
  [6, 'multipleOf', double],
  [7, 'maximum', double],
  [8, 'exclusiveMaximum', flag],
  [9, 'minimum', double],
  [10, 'exclusiveMinimum', flag],
  [11, 'maxLength', count],
  [12, 'minLength', count],
  [13, 'pattern', text],
  [14, 'maxItems', count],
  [15, 'minItems', count],
  [16, 'uniqueItems', flag],
  [17, 'maxProperties', count],
  [18, 'minProperties', count],
  [19, 'required', list(text)],
  [20, 'enum', list(any)],
  [
    21,
    'additionalProperties',
    (writer, number, value) =>
      typeof value === 'boolean' ? inside(2, flag)(writer, number, value) : inside(1, schema)(writer, number, value),
  ],
  [22, 'type', inside(1, text)],
  [23, 'items', inside(1, schema)],
  [24, 'allOf', list(schema)],
  [25, 'properties', inside(1, named(schema))],
  [29, 'externalDocs', message(() => documentationSpec)],
  [30, 'example', any],
  [31, extensions, any],
];

const documentationSpec: Spec = [
  [1, 'description', text],
  [2, 'url', text],
];

const bodyParameterSpec: Spec = [
  [1, 'description', text],
  [2, 'name', text],
  [3, 'in', text],
  [4, 'required', flag],
  [5, 'schema', schema],
];

const queryParameterSpec: Spec = [
  [1, 'required', flag],
  [2, 'in', text],
  [3, 'description', text],
  [4, 'name', text],
  [6, 'type', text],
  [20, 'uniqueItems', flag],
];

const pathParameterSpec: Spec = [
  [1, 'required', flag],
  [2, 'in', text],
  [3, 'description', text],
  [4, 'name', text],
  [5, 'type', text],
  [19, 'uniqueItems', flag],
];

/** Parameter around one of its kinds. */
const parameter: Write = (writer, number, value) => {
  const place = (value as Fields)['in'];
  const one =
    place === 'body'
      ? inside(
          1,
          message(() => bodyParameterSpec),
        )
      : inside(
          2,
          place === 'query'
            ? inside(
                3,
                message(() => queryParameterSpec),
              )
            : inside(
                4,
                message(() => pathParameterSpec),
              ),
        );
  one(writer, number, value);
};

/** A parameter or a reference to one. */
const parameterItem: Write = (writer, number, value) => {
  const isReference = typeof (value as Fields)['$ref'] === 'string';
  const one = isReference
    ? inside(
        2,
        message(() => [[1, '$ref', text]]),
      )
    : inside(1, parameter);
  one(writer, number, value);
};

const responseSpec: Spec = [
  [1, 'description', text],
  [2, 'schema', inside(1, schema)],
];

const operationSpec: Spec = [
  [1, 'tags', list(text)],
  [3, 'description', text],
  [5, 'operationId', text],
  [6, 'produces', list(text)],
  [7, 'consumes', list(text)],
  [8, 'parameters', list(parameterItem)],
  [
    9,
    'responses',
    inside(
      1,
      named(
        inside(
          1,
          message(() => responseSpec),
        ),
      ),
    ),
  ],
  [10, 'schemes', list(text)],
  [13, extensions, any],
];

const operation = message(() => operationSpec);

const pathSpec: Spec = [
  [2, 'get', operation],
  [3, 'put', operation],
  [4, 'post', operation],
  [5, 'delete', operation],
  [6, 'options', operation],
  [7, 'head', operation],
  [8, 'patch', operation],
  [9, 'parameters', list(parameterItem)],
];

const infoSpec: Spec = [
  [1, 'title', text],
  [2, 'version', text],
];

const securitySpec: Spec = [
  [1, 'type', text],
  [2, 'name', text],
  [3, 'in', text],
  [4, 'description', text],
];

const documentSpec: Spec = [
  [1, 'swagger', text],
  [2, 'info', message(() => infoSpec)],
  [8, 'paths', inside(2, named(message(() => pathSpec)))],
  [9, 'definitions', inside(1, named(schema))],
  [10, 'parameters', inside(1, named(parameter))],
  [12, 'security', list(inside(1, named(inside(1, list(text)))))],
  [
    13,
    'securityDefinitions',
    inside(
      1,
      named(
        inside(
          2,
          message(() => securitySpec),
        ),
      ),
    ),
  ],
];
