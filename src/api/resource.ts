/**
 * All that a resource may say of itself, as data and pure functions of the object. What needs the rest of the cluster
 * is admission. One resource is one file whose default export is `defineResource(...)`.
 */
import { collect, type FieldError, type Found } from '#apimachinery/field-error.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Shape } from '#apimachinery/structural/shape.js';
import type { RowCondition } from '#apimachinery/table.js';
import type { GatedFields } from './gated.js';

/** What a client needs to address a resource; every definition is one. */
export interface ResourceRef<T extends KubeObject = KubeObject> {
  group: string;
  /** In order of preference; the first is the one our components speak. */
  versions: readonly [string, ...string[]];
  /** The one that is meant, on what `rulesAt` gives. Default: the first. */
  version?: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  /** Carries the type only; never set. */
  readonly object?: T;
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** What a caller writes; `defineResource` fills in the rest. */
export interface ResourceSpec<T extends KubeObject> {
  group: string;
  versions: readonly [string, ...string[]];
  /** Default: the first of `versions`. */
  storageVersion?: string;
  /**
   * Brings objects of any of the kind's versions into another: new objects, in the order given. Default: the versions
   * share one shape, and only apiVersion is changed.
   *
   * An object is stored in `storageVersion`, converted to it when it is written, and to the version of the request when
   * it is read; what is stored in the version that is asked for is served byte by byte. The rules below see a request's
   * objects, old and new, in the request's version if `perVersion` has a rule of their own for it, and otherwise in the
   * storage version. Paths in their messages are then those of the storage version. (A rule that changes its object in
   * place is given a converted one, and the result is converted back: what a conversion loses is lost by that.)
   */
  convert?: Convert;
  /** Of a custom resource, in place of a schema in the table of built-in types. */
  shape?: Shape;
  /** What differs from version to version. Versions that are stored but not served may stand here too. */
  perVersion?: Readonly<Record<string, VersionRules>>;
  kind: string;
  /** Default: kind + 'List'. */
  listKind?: string;
  /** Default: the kind in lower case, with English plural. */
  plural?: string;
  singular?: string;
  shortNames?: readonly string[];
  categories?: readonly string[];
  namespaced: boolean;
  /** Default: all. A resource with only `create` (a review) is answered by a handler and never stored. */
  verbs?: readonly Verb[];
  subresources?: Subresources;
  /** The hash that discovery shows for the storage version. */
  storageVersionHash?: string;
  /** The path below /registry, when it is not the plural (after the group, for a custom resource). */
  storagePrefix?: string;

  /** Metadata is looked at only where nothing else is wrong, as upstream does with kinds that do not look at it themselves. */
  metadataLast?: boolean;
  /** Which names are allowed. Default: a DNS-1123 subdomain. Gives the reasons why not. */
  validateName?: (name: string) => string[];
  /** Fills in defaults, in place. Runs on every decoded object, and on objects read from storage. */
  default?: (object: T) => void;
  /** A creator may set the status (Node). Default: `status` is cleared where it is a subresource. */
  keepsStatusOnCreate?: boolean;
  /** Clears or sets what a creator may not choose (in place). `status` is cleared already where it is a subresource. */
  prepareForCreate?: (object: T) => void;
  /** Fields that are dropped where their feature is off: who writes them is held to manage them, but they are not kept. */
  gated?: GatedFields;
  /** Keeps what an updater may not change (in place). The status of `old` is kept already where it is a subresource. */
  prepareForUpdate?: (object: T, old: T) => void;
  /**
   * What writes to `/status` cannot change, besides the spec: these fields of metadata, or all of it but managedFields,
   * or ('settled') what most newer kinds leave, which are not held to own any of it. Default: nothing.
   */
  statusKeeps?: 'metadata' | 'settled' | readonly ('labels' | 'ownerReferences' | 'deletionTimestamp')[];
  /**
   * The fields that writes through a subresource ('' is none) cannot change, and that their writers are not held to own,
   * where these are not what the subresources say.
   */
  fixedFields?: (subresource: string) => readonly (readonly string[])[];
  /** For the `status` subresource; the spec of `old` and its metadata but labels etc. are kept already. */
  prepareForStatusUpdate?: (object: T, old: T, context: { nowMs: number }) => void;
  /** Finalizers need no domain. Default: all but Kubernetes' own do. */
  freeFinalizers?: boolean;
  /** Of a generated name only the outcome is looked at. Default: what it is generated from as well. */
  freePrefix?: boolean;
  /** The rules of metadata that upstream's kind repeats after those of every update. Default: those of a change. */
  metadataRepeats?: { update?: readonly MetadataCheck[]; status?: readonly MetadataCheck[] };
  /** Loads what the checks below need for this object, beside what is loaded at start. Runs before them. */
  load?: (object: T) => Promise<void>;
  /** Beyond the schema and the metadata, which are checked for every kind. */
  validate?: (object: T) => Found;
  /** Beyond `validate`, for what only a new object must satisfy. */
  validateCreate?: (object: T) => Found;
  /** What is wrong with a change is told before what would be wrong with a new object as well. */
  tellsChangeFirst?: boolean;
  /** `validate` runs on updates as well, before this (see `tellsChangeFirst`). `warn` is for what is wrong, but was before. */
  validateUpdate?: (object: T, old: T, warn?: Warn) => Found;
  validateStatusUpdate?: (object: T, old: T, warn?: Warn) => Found;
  /** In place of these where the object is large. Default: what they give, one after the other. */
  inSteps?: Checks<T, Found>;
  /** Of a change of the finalizers that are its own, by its `finalize` subresource. */
  validateFinalize?: (object: T) => FieldError[];
  /** Said in the Warning header of every answer about this resource. */
  deprecation?: string;
  /** Texts for the Warning header. */
  warnings?: (object: T, old: T | undefined) => string[];
  /**
   * A change of one of these fields raises metadata.generation, which a new object has as 1. An empty list: it stays 1.
   * 'content': everything but metadata. Default: generation is never set.
   */
  bumpsGeneration?: readonly (MetadataField | (keyof T & string))[] | 'content';
  /** PUT to a name that does not exist creates it (Lease, Event and a few more). */
  allowCreateOnUpdate?: boolean;
  /** PUT without a resourceVersion overwrites. Default: true, as for most kinds. */
  allowUnconditionalUpdate?: boolean;
  /** How long an object lives after its last change; then it is deleted. Default: for ever. */
  lifeMs?: number;
  deletion?: Deletion<T>;
  /** Field selectors beyond metadata.name and metadata.namespace. */
  selectableFields?: Record<string, (object: T) => string>;
  /** Printer columns. Default: Name and Age. */
  columns?: readonly Column<T>[];
  /** Said of an object's row in a Table as a whole. */
  rowConditions?: (object: T) => readonly RowCondition[];
  /** Of a list's rows in a Table. Default: by namespace and name. */
  rowOrder?: (one: T, other: T) => number;
  /** For a kind whose objects are those of another kind in another form: one object, two addresses. */
  storedAs?: StoredAs<T>;
}

/** A promise only where the objects are converted elsewhere (a webhook); rules can then not rely on it. Throws StatusError. */
export type Convert = (objects: readonly KubeObject[], version: string) => KubeObject[] | Promise<KubeObject[]>;

/** Each takes the place of the definition's for one version. `rulesAt` in `versions.ts` puts the two together. */
export type VersionRules = Partial<
  // biome-ignore lint/suspicious/noExplicitAny: each version has a type of its own
  Pick<ResourceSpec<any>, PureRule | RewritingRule | 'deprecation' | 'subresources' | 'shape'>
>;

/** Rules that look at objects. */
export type PureRule =
  | 'validate'
  | 'validateCreate'
  | 'validateUpdate'
  | 'validateStatusUpdate'
  | 'inSteps'
  | 'warnings'
  | 'selectableFields'
  | 'columns';

/** Rules that change the object they are given. */
export type RewritingRule = 'default' | 'prepareForCreate' | 'prepareForUpdate' | 'prepareForStatusUpdate';

/** The rules that metadata of a new object is held to, or those of a change. */
export type MetadataCheck = 'whole' | 'change';

/** Fields of metadata that raise the generation of some kinds. */
export type MetadataField = 'metadata.annotations' | 'metadata.labels';

/**
 * The objects are kept under the storage key of `resource`, in its form; its defaults and those of this kind apply to
 * its own form only. Both functions give new objects and keep metadata as it is.
 */
export interface StoredAs<T extends KubeObject> {
  resource: AnyResource;
  encode: (object: T) => KubeObject;
  decode: (stored: KubeObject) => T;
}

/** The rules that tell what is wrong. */
export interface Checks<T, Errors> {
  validate?: (object: T) => Errors;
  validateCreate?: (object: T) => Errors;
  validateUpdate?: (object: T, old: T, warn?: Warn) => Errors;
  validateStatusUpdate?: (object: T, old: T, warn?: Warn) => Errors;
}

export interface Subresources {
  /** Writes through `/status` change status only, other writes never change it. */
  status?: boolean;
  /** Paths of the fields behind an autoscaling/v1 Scale. At `selector` stands its text, or a LabelSelector. */
  scale?: { replicas: string; statusReplicas: string; selector?: string };
  /** Served by hand-written handlers in `apiserver/subresources/`, named here for discovery and authorization. */
  others?: readonly OtherSubresource[];
}

export interface OtherSubresource {
  name: string;
  /** The kind it takes and gives, when it is not the parent's. */
  kind?: string;
  group?: string;
  version?: string;
  /** Versions that are not served, but whose objects are taken. */
  takesAlso?: readonly string[];
  verbs: readonly ('create' | 'get' | 'patch' | 'update' | 'delete')[];
}

export interface Deletion<T> {
  /**
   * The seconds that an object stays, marked as deleting, before it goes; undefined: it goes at once. `asked` is the
   * request's gracePeriodSeconds.
   */
  gracePeriodSeconds?: (object: T, asked: number | undefined) => number | undefined;
  /** Why an object of this name must stay; undefined: it may go. */
  refuses?: (name: string) => string | undefined;
  /** Default: 'background'. 'none': it has no dependents, whatever a request says. */
  propagation?: 'background' | 'orphan' | 'none';
  /** Whether something besides metadata.finalizers keeps the object (a Namespace's spec.finalizers). */
  isHeld?: (object: T) => boolean;
  /** Marks an object whose deletion begins but does not end at once (in place). */
  begin?: (object: T) => void;
  /** For the Warning header, when the request does not say what becomes of the object's dependents. */
  warning?: string;
  /** A deletion is answered with the object as it was, not with a Status. */
  returnsObject?: boolean;
}

export interface Column<T> {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  format?: string;
  description?: string;
  /** 0 is always shown; over 0 only by `-o wide`. Default: 0. */
  priority?: number;
  /** `nowMs` is for ages: upstream's built-in printers send ages as text. */
  cell: (object: T, context: { nowMs: number }) => unknown;
}

export type ResourceDefinition<T extends KubeObject = KubeObject> = ResourceRef<T> &
  Omit<ResourceSpec<T>, keyof CompleteChecks<T>> &
  CompleteChecks<T> &
  Required<
    Pick<ResourceSpec<T>, 'storageVersion' | 'listKind' | 'plural' | 'singular' | 'verbs' | 'shortNames' | 'categories'>
  >;

/** At once, and in steps. */
export interface CompleteChecks<T> extends Checks<T, FieldError[]> {
  inSteps: Checks<T, Found>;
}

/** Says something in a Warning header of the answer. */
export type Warn = (text: string) => void;

/**
 * The type parameter is gone from the result of a list of definitions: the registry treats all alike. A function that
 * takes `T` is then called with the objects of its own kind only.
 */
// biome-ignore lint/suspicious/noExplicitAny: definitions of different kinds stand in one list, and are told apart by kind
export type AnyResource = ResourceDefinition<any>;

/** Completes a definition. Throws a TypeError when the storage version is not one of the versions. */
export function defineResource<T extends KubeObject>(spec: ResourceSpec<T>): ResourceDefinition<T> {
  const { versions, kind, storageVersion = versions[0] } = spec;
  if (!versions.includes(storageVersion) && !spec.perVersion?.[storageVersion])
    throw new TypeError(`${kind}: storage version ${storageVersion} is not served`);
  const singular = spec.singular ?? kind.toLowerCase();
  return {
    ...completed(spec),
    storageVersion,
    singular,
    plural: spec.plural ?? pluralOf(singular),
    listKind: spec.listKind ?? `${kind}List`,
    verbs: spec.verbs ?? allVerbs,
    shortNames: spec.shortNames ?? [],
    categories: spec.categories ?? [],
  };
}

const checkNames = ['validate', 'validateCreate', 'validateUpdate', 'validateStatusUpdate'] as const;

type Check = (...args: unknown[]) => Found;

/** The same with the rules that it has in both forms. */
export function completed<T extends KubeObject, Rules extends VersionRules | ResourceSpec<T>>(
  rules: Rules,
): Omit<Rules, keyof CompleteChecks<T>> & CompleteChecks<T> {
  const { inSteps } = rules;
  const atOnce: Record<string, Check> = {};
  const stepwise: Record<string, Check> = {};
  for (const name of checkNames) {
    const check = rules[name] as Check | undefined;
    if (!check) continue;
    atOnce[name] = (...args) => collect(check(...args));
    stepwise[name] = (inSteps?.[name] as Check | undefined) ?? check;
  }
  return { ...rules, ...atOnce, inSteps: stepwise } as Omit<Rules, keyof CompleteChecks<T>> & CompleteChecks<T>;
}

function pluralOf(singular: string): string {
  if (/(s|x|ch|sh)$/.test(singular)) return `${singular}es`;
  if (/[^aeiou]y$/.test(singular)) return `${singular.slice(0, -1)}ies`;
  return `${singular}s`;
}
