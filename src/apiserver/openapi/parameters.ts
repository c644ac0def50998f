/**
 * The parameters of operations: those of options are the scalar fields of the options' types, as the schema table and
 * the descriptions have them. kubectl looks for `fieldValidation` and `dryRun` among those of PATCH.
 */
import { planOf } from '#apimachinery/codec/plan.js';
import type { Scalar, SchemaTable } from '#apimachinery/schema.js';
import { type Descriptions, metaV1 } from './json-schema.js';

export type Method = 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch';

export interface Parameter {
  name: string;
  in: 'path' | 'query';
  type: 'string' | 'integer' | 'boolean';
  description: string;
}

const types: Partial<Record<Scalar, Parameter['type']>> = {
  string: 'string',
  bool: 'boolean',
  int32: 'integer',
  int64: 'integer',
};

export class OperationParameters {
  readonly #table: SchemaTable;
  readonly #descriptions: Descriptions;
  readonly #known = new Map<string, readonly Parameter[]>();
  readonly pretty: Parameter;

  constructor({ table, descriptions }: { table: SchemaTable; descriptions: Descriptions }) {
    this.#table = table;
    this.#descriptions = descriptions;
    const description = descriptions[`${metaV1}.ListOptions`]?.['pretty'] ?? '';
    this.pretty = { name: 'pretty', in: 'query', type: 'string', description };
  }

  /** Those of an options type by its OpenAPI name. Of a list each element is given alone. */
  ofOptions(typeName: string, without: readonly string[] = []): readonly Parameter[] {
    const key = [typeName, ...without].join(' ');
    let known = this.#known.get(key);
    if (!known) {
      const texts = this.#descriptions[typeName] ?? {};
      const plan = planOf(this.#table, typeName);
      if (!plan) throw new TypeError(`the schema table lacks ${typeName}`);
      known = plan.fields.flatMap(({ name, scalar, schema }): Parameter[] => {
        const type = scalar && types[scalar];
        if (!type || schema.shape === 'map' || without.includes(name)) return [];
        return [{ name, in: 'query', type, description: texts[name] ?? '' }];
      });
      this.#known.set(key, known);
    }
    return known;
  }
}

/** The variables of a path; `kind` is the kind that the path's operations take. */
export function pathParameters(path: string, kind: string): Parameter[] {
  const descriptions: Record<string, string> = {
    namespace: 'object name and auth scope, such as for teams and projects',
    name: `name of the ${kind}`,
    path: 'path to the resource',
  };
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name!,
    in: 'path',
    type: 'string',
    description: descriptions[name!]!,
  }));
}

/** In the order of documents: by name, those in the path before those in the query. */
export function sortedParameters(parameters: Iterable<Parameter>): Parameter[] {
  const keyOf = (one: Parameter) => `${one.name} ${one.in}`;
  const byKey = new Map([...parameters].map((one) => [keyOf(one), one]));
  return [...byKey.keys()].sort().map((key) => byKey.get(key)!);
}
