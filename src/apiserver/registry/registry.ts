/**
 * The registry's public face: one store per resource, through which alone objects are read and written. Handlers of
 * verbs and subresources use it; the implementation, the only one, is `registry/store.ts`.
 */

import type { ResourceRef } from '#api/resource.js';
import type { Scheme } from '#api/scheme.js';
import type { Status } from '#apimachinery/errors.js';
import type { Found } from '#apimachinery/field-error.js';
import type { KubeList, KubeObject } from '#apimachinery/object.js';
import type { Turns } from '#base/turns.js';
import type { Annotate } from '../audit/audit.js';
import type { UserInfo } from '../authentication/authenticator.js';

export interface Registry {
  readonly scheme: Scheme;
  /** In the resource's `version`, or its preferred one. Throws a TypeError for a resource that the scheme does not hold: a bug of the caller. */
  of<T extends KubeObject>(
    resource: ResourceRef<T> | { group: string; plural: string; version?: string },
  ): ResourceStore<T>;
}

/** Where an object is. `namespace` is '' for cluster-scoped resources. */
export interface ObjectKey {
  namespace: string;
  name: string;
}

/** All methods throw StatusError. Objects given are frozen and shared; `copy()` before changing one. */
export interface ResourceStore<T extends KubeObject = KubeObject> {
  /** Reads see every write that this process has had answered. */
  get(key: ObjectKey): Promise<T>;
  list(options?: { namespace?: string; labelSelector?: string; fieldSelector?: string }): Promise<KubeList<T>>;
  /** The registry owns `object` from here on. */
  create(object: T, write: Write): Promise<T>;
  /** Runs `change` on a copy of the current object, validates and commits; again when another write came between. */
  update(key: ObjectKey, change: Change<T>, write: Write & UpdateOptions<T>): Promise<T>;
  /**
   * Deletes, or marks as deleting, as finalizers and grace periods say. Gives the object as it then is, or a Status
   * once it is gone.
   */
  delete(key: ObjectKey, options: DeleteOptions, write: Write): Promise<T | Status>;
}

/**
 * Gets a copy it may change and give back, or gives another object (one that takes no parameter gets no copy). Throws
 * StatusError to refuse. May run repeatedly.
 */
export type Change<T> = (current: T) => T | Promise<T>;

/** On whose behalf, and how, a write is made. */
export interface Write {
  user: UserInfo;
  /** Everything but the commit. */
  dryRun: boolean;
  /** '' for the resource itself; also names the subresource in managedFields. */
  subresource: string;
  /** The field manager: the request's, or the first part of its User-Agent. */
  manager: string;
  /** `done`: the caller has had the request admitted already (a handler of a subresource whose body is another kind). */
  admission: 'run' | 'done';
  /** A deletion of what a list gives: the request names no object, and so does what admission is shown. */
  isCollective?: boolean;
  /** The version that the request came in. Default: the first that the definition serves. */
  version?: string;
  /** The request's CreateOptions, UpdateOptions, PatchOptions or DeleteOptions. */
  options: Readonly<Record<string, unknown>>;
  /** The object has its managedFields already: an apply. */
  fieldsTracked?: boolean;
  warn(text: string): void;
  annotate: Annotate;
  /** Of a request that is large, which lets others have theirs. */
  turns?: Turns | undefined;
}

export interface UpdateOptions<T> {
  /**
   * Takes the place of the definition's prepareForUpdate, validate and validateUpdate, for a subresource with rules of
   * its own (binding, scale, ephemeralcontainers, approval). What is left out here does not run.
   */
  rules?: {
    prepare?: (object: T, old: T) => void;
    validate?: (object: T, old: T) => Found;
    /** The write is none of the kind that raises metadata.generation, whatever it changes. */
    keepsGeneration?: boolean;
  };
  preconditions?: Preconditions;
  /** The change does not touch the live object, and so needs no copy of it. */
  leavesLive?: boolean;
}

export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
  preconditions?: Preconditions;
}
