/** Printer columns and selectable fields of custom resources: JSONPaths, and what a table shows of what they find. */

import type { CustomResourceColumnDefinition, SelectableField } from '#api/gen/apiextensions-v1.js';
import { nameColumn } from '#api/meta/columns.js';
import { fieldText } from '#api/meta/field-text.js';
import type { Column } from '#api/resource.js';
import { humanAge } from '#apimachinery/duration.js';
import { parseJsonPath } from '#apimachinery/json-path.js';
import type { KubeObject } from '#apimachinery/object.js';
import { ParseError } from '#apimachinery/parse-error.js';
import { isNumber, toJson } from '#base/exact-json.js';
import type { Json } from '#base/json.js';

const ageColumn: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description: fieldText('meta.v1.ObjectMeta.creationTimestamp'),
  jsonPath: '.metadata.creationTimestamp',
};

/** A column whose path cannot be read, and those after it, are left out. */
export function columnsOf(definitions: readonly CustomResourceColumnDefinition[] = [ageColumn]): Column<KubeObject>[] {
  const columns: Column<KubeObject>[] = [nameColumn];
  for (const definition of definitions) {
    const column = columnOf(definition);
    if (!column) return columns;
    columns.push(column);
  }
  return columns;
}

function columnOf(definition: CustomResourceColumnDefinition): Column<KubeObject> | undefined {
  const { name, type, format, description, priority, jsonPath } = definition;
  try {
    const path = parseJsonPath(jsonPath);
    return {
      name,
      type: type as Column<KubeObject>['type'],
      format,
      description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
      priority,
      cell: (object, { nowMs }) => cellOf(type, path(object as unknown as Json)[0], nowMs),
    };
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

/** A value of another type than the column's shows as none, but for text, which everything can be. */
function cellOf(type: string, value: Json | undefined, nowMs: number): unknown {
  if (value === undefined) return null;
  if (type === 'string') return textOf(value);
  if (type === 'integer') return typeof value === 'number' ? Math.trunc(value) : isNumber(value) ? value : null;
  if (type === 'date') return typeof value === 'string' ? ageOf(value, nowMs) : null;
  return typeof value === type ? value : null;
}

function textOf(value: Json): string {
  if (value === null) return '<no value>';
  return typeof value === 'string' ? value : toJson(value);
}

function ageOf(time: string, nowMs: number): string {
  if (time === '' || time === 'null') return '<unknown>';
  const isTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/.test(time);
  return isTime && !Number.isNaN(Date.parse(time)) ? humanAge(time, nowMs) : '<invalid>';
}

export function selectableFieldsOf(
  fields: readonly SelectableField[] | undefined,
): Record<string, (object: KubeObject) => string> | undefined {
  if (!fields?.length) return undefined;
  return Object.fromEntries(
    fields.map(({ jsonPath }) => {
      const path = parseJsonPath(jsonPath);
      const read = (object: KubeObject) => String(path(object as unknown as Json)[0] ?? '');
      return [jsonPath.replace(/^\./, ''), read];
    }),
  );
}
