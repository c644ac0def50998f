/**
 * OpenAPI v3 in protobuf, `openapi.v3.Document` of https://github.com/google/gnostic-models: client-go's `openapi3`
 * package, and with it the validation and the patches of `kubectl apply`, reads documents in no other form.
 */
import { wireType } from '#apimachinery/protobuf/wire.js';
import {
  any,
  count,
  double,
  encodeSpec,
  extensions,
  type Fields,
  flag,
  inside,
  list,
  message,
  named,
  type Spec,
  text,
  type Write,
} from './gnostic.js';

export function encodeGnosticV3(document: unknown): Uint8Array {
  return encodeSpec(documentSpec, document as Fields);
}

/** A message of its own, or a reference to one: fields 1 and 2 of what upstream names `…OrReference`. */
const orReference =
  (spec: () => Spec): Write =>
  (writer, number, value) => {
    const isReference = typeof (value as Fields)['$ref'] === 'string';
    const one = isReference
      ? inside(
          2,
          message(() => referenceSpec),
        )
      : inside(1, message(spec));
    one(writer, number, value);
  };

const schema = orReference(() => schemaSpec);
const mediaTypes = inside(1, named(message(() => mediaTypeSpec)));
const schemas = inside(1, named(schema));

/** Only scalars have a place in it; of a default that is an object or a list, an empty message tells. */
const defaultValue: Write = (writer, number, value) => {
  const mark = writer.length;
  if (typeof value === 'number') {
    writer.double(value);
    writer.tag(1, wireType.fixed64);
  } else if (typeof value === 'boolean') flag(writer, 2, value);
  else if (typeof value === 'string') text(writer, 3, value);
  writer.close(number, mark);
};

const additionalProperties: Write = (writer, number, value) =>
  inside(typeof value === 'boolean' ? 2 : 1, typeof value === 'boolean' ? flag : schema)(writer, number, value);

const referenceSpec: Spec = [[1, '$ref', text]];

const schemaSpec: Spec = [
  [1, 'nullable', flag],
  [9, 'title', text],
  [10, 'multipleOf', double],
  [11, 'maximum', double],
  [12, 'exclusiveMaximum', flag],
  [13, 'minimum', double],
  [14, 'exclusiveMinimum', flag],
  [15, 'maxLength', count],
  [16, 'minLength', count],
  [17, 'pattern', text],
  [18, 'maxItems', count],
  [19, 'minItems', count],
  [20, 'uniqueItems', flag],
  [21, 'maxProperties', count],
  [22, 'minProperties', count],
  [23, 'required', list(text)],
  [24, 'enum', list(any)],
  [25, 'type', text],
  [26, 'allOf', list(schema)],
  [27, 'oneOf', list(schema)],
  [28, 'anyOf', list(schema)],
  [29, 'not', message(() => schemaSpec)],
  [30, 'items', inside(1, schema)],
  [31, 'properties', schemas],
  [32, 'additionalProperties', additionalProperties],
  [33, 'default', defaultValue],
  [34, 'description', text],
  [35, 'format', text],
  [36, extensions, any],
];

const mediaTypeSpec: Spec = [[1, 'schema', schema]];

const parameter = orReference(() => [
  [1, 'name', text],
  [2, 'in', text],
  [3, 'description', text],
  [4, 'required', flag],
  [10, 'schema', schema],
]);

const requestBody = orReference(() => [
  [1, 'description', text],
  [2, 'content', mediaTypes],
  [3, 'required', flag],
]);

const response = orReference(() => [
  [1, 'description', text],
  [3, 'content', mediaTypes],
]);

const operation = message(() => [
  [1, 'tags', list(text)],
  [3, 'description', text],
  [5, 'operationId', text],
  [6, 'parameters', list(parameter)],
  [7, 'requestBody', requestBody],
  [8, 'responses', inside(2, named(response))],
  [13, extensions, any],
]);

const pathSpec: Spec = [
  [4, 'get', operation],
  [5, 'put', operation],
  [6, 'post', operation],
  [7, 'delete', operation],
  [8, 'options', operation],
  [9, 'head', operation],
  [10, 'patch', operation],
  [13, 'parameters', list(parameter)],
];

const infoSpec: Spec = [
  [1, 'title', text],
  [6, 'version', text],
];

const securityScheme = orReference(() => [
  [1, 'type', text],
  [2, 'description', text],
  [3, 'name', text],
  [4, 'in', text],
]);

const componentsSpec: Spec = [
  [1, 'schemas', schemas],
  [7, 'securitySchemes', inside(1, named(securityScheme))],
];

const documentSpec: Spec = [
  [1, 'openapi', text],
  [2, 'info', message(() => infoSpec)],
  [4, 'paths', inside(1, named(message(() => pathSpec)))],
  [5, 'components', message(() => componentsSpec)],
];
