/**
 * Objects as rows of a meta.k8s.io Table, which kubectl prints, and as their metadata alone.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
 */
import { humanAge } from './duration.js';
import type { KubeObject, ListMeta, ObjectMeta } from './object.js';

/** What a table needs of a printer column; a resource's columns say more. */
export interface TableColumn<T> {
  name: string;
  type: string;
  format?: string;
  description?: string;
  /** 0 is always shown; over 0 only by `-o wide`. Default: 0. */
  priority?: number;
  /** undefined and null stand for no value. */
  cell: (object: T, context: { nowMs: number }) => unknown;
}

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface Table {
  kind: 'Table';
  apiVersion: string;
  metadata: ListMeta;
  columnDefinitions: ColumnDefinition[] | null;
  rows: TableRow[];
}

export interface ColumnDefinition {
  name: string;
  type: string;
  format: string;
  description: string;
  priority: number;
}

export interface TableRow {
  cells: unknown[];
  conditions?: readonly RowCondition[];
  object: KubeObject | PartialObjectMetadata | null;
}

/** Something said of a whole row: that what it shows has come to its end. */
export interface RowCondition {
  type: 'Completed';
  status: 'True';
  reason: string;
  message: string;
}

export interface PartialObjectMetadata {
  kind: 'PartialObjectMetadata';
  apiVersion: string;
  metadata: ObjectMeta;
}

export interface TableOptions<T extends KubeObject> {
  /** None: name and age. */
  columns: readonly TableColumn<T>[] | undefined;
  objects: readonly T[];
  rowConditions?: ((object: T) => readonly RowCondition[]) | undefined;
  /** Of the list; for one object, its resourceVersion. */
  metadata: ListMeta;
  nowMs: number;
  /** Default: Metadata. */
  includeObject?: IncludeObject;
  /** Default: v1. */
  version?: MetaVersion;
  /** A watch sends the column definitions with its first event only. Default: true. */
  headers?: boolean;
}

export type MetaVersion = 'v1' | 'v1beta1';

export const defaultColumns: readonly TableColumn<KubeObject>[] = [
  {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: "The object's name, unique among its kind and namespace.",
    cell: (object) => object.metadata.name ?? '',
  },
  {
    name: 'Age',
    type: 'string',
    description: 'The time since the object was created.',
    cell: (object, { nowMs }) => humanAge(object.metadata.creationTimestamp, nowMs),
  },
];

export function tableOf<T extends KubeObject>(options: TableOptions<T>): Table {
  const { objects, metadata, nowMs, includeObject = 'Metadata', version = 'v1', headers = true } = options;
  const columns: readonly TableColumn<T>[] = options.columns ?? defaultColumns;
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    columnDefinitions: headers ? columns.map(definitionOf) : null,
    rows: objects.map((object) => tableRow(object, { ...options, columns, nowMs, includeObject, version })),
  };
}

export function tableRow<T extends KubeObject>(
  object: T,
  options: Pick<TableOptions<T>, 'columns' | 'nowMs' | 'includeObject' | 'version' | 'rowConditions'>,
): TableRow {
  const { nowMs, includeObject = 'Metadata', version = 'v1' } = options;
  const columns: readonly TableColumn<T>[] = options.columns ?? defaultColumns;
  const conditions = options.rowConditions?.(object) ?? [];
  return {
    cells: columns.map((column) => column.cell(object, { nowMs }) ?? null),
    ...(conditions.length > 0 && { conditions }),
    object: rowObject(object, { includeObject, version }),
  };
}

/** The object without anything but its metadata. */
export function partialObjectMetadata(object: KubeObject, version: MetaVersion = 'v1'): PartialObjectMetadata {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

function definitionOf<T>({
  name,
  type,
  format = '',
  description = '',
  priority = 0,
}: TableColumn<T>): ColumnDefinition {
  return { name, type, format, description, priority };
}

function rowObject(
  object: KubeObject,
  { includeObject, version }: { includeObject: IncludeObject; version: MetaVersion },
): TableRow['object'] {
  if (includeObject === 'None') return null;
  return includeObject === 'Object' ? object : partialObjectMetadata(object, version);
}
