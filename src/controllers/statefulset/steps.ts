/** Takes the steps that `decide` asks for, each with the event that tells of it. */
import statefulSets from '#api/apps/statefulset.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { StatefulSet } from '#api/gen/apps-v1.js';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { keyOf } from '#client/informer.js';
import { isNamespaceTerminating, messageOf } from '../pod-writes.js';
import type { ControllerContext } from '../runtime.js';
import type { UnseenWrites } from '../unseen-writes.js';
import { claimsFor, hasOtherController, isStale, ownersWanted } from './claims.js';
import type { Step } from './decide.js';
import { identityLabels, isInRange, newPod, podNameOf } from './identity.js';

export interface StepTakerOptions {
  set: StatefulSet;
  context: ControllerContext<unknown>;
  unseen: UnseenWrites<Pod>;
  template: (revision: string) => PodTemplateSpec;
}

export class StepTaker {
  readonly #options: StepTakerOptions;

  constructor(options: StepTakerOptions) {
    this.#options = options;
  }

  /** Gives the pod that it made or changed. Throws StatusError. */
  async take(step: Step): Promise<Pod | undefined> {
    switch (step.type) {
      case 'create':
        return this.#create(step.ordinal, step.revision);
      case 'claims':
        await this.#createClaims(step.ordinal);
        await this.#settleOwners(step, { isPending: true });
        return undefined;
      case 'repair':
        return this.#repair(step);
      case 'delete':
        return this.#delete(step.pod);
    }
  }

  async #create(ordinal: number, revision: string): Promise<Pod | undefined> {
    const { set, context, unseen, template } = this.#options;
    if (this.#knownClaims(ordinal).some((one) => isStale(set, one, { ordinal, pod: undefined }))) return undefined;
    const pod = newPod(set, { ordinal, template: template(revision), revision });
    try {
      await this.#createClaims(ordinal);
      const { uid = '' } = set.metadata;
      const created = await unseen.attempt(uid, () => context.client.of(pods).create(pod));
      unseen.wrote(uid, created);
      this.#tell('Create', podNameOf(set, ordinal));
      return created;
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      // A pod that our copy does not show yet, or somebody else's: nothing that anybody need be told of.
      if (!isReason(error, 'AlreadyExists')) this.#tell('Create', podNameOf(set, ordinal), error);
      throw error;
    }
  }

  #knownClaims(ordinal: number): PersistentVolumeClaim[] {
    const { set, context } = this.#options;
    const known = context.informers.of(claims);
    return claimsFor(set, ordinal).flatMap((one) => known.get(keyOf(one)) ?? []);
  }

  /** Tries all of them before it throws. */
  async #createClaims(ordinal: number): Promise<void> {
    const { set, context } = this.#options;
    const failures: unknown[] = [];
    for (const wanted of claimsFor(set, ordinal)) {
      const { name = '' } = wanted.metadata;
      const known = context.informers.of(claims).get(keyOf(wanted));
      if (known?.metadata.deletionTimestamp)
        failures.push(new StatusError({ reason: 'Conflict', message: `pvc ${name} is being deleted` }));
      if (known) continue;
      try {
        await context.client.of(claims).create(wanted);
        this.#tellOfClaim(name, ordinal);
      } catch (error) {
        if (isReason(error, 'AlreadyExists')) continue;
        if (!isNamespaceTerminating(error)) this.#tellOfClaim(name, ordinal, error);
        const message = `failed to create PVC ${name}: ${messageOf(error)}`;
        failures.push(error instanceof StatusError ? new StatusError({ ...error.status, message }) : error);
      }
    }
    if (failures.length > 0) throw together(failures);
  }

  /** Gives whether a claim had other owners than the retention policy says. */
  async #settleOwners(place: { ordinal: number; pod: Pod }, { isPending }: { isPending: boolean }): Promise<boolean> {
    const { set, context } = this.#options;
    let changed = false;
    for (const known of this.#knownClaims(place.ordinal)) {
      const owners = ownersWanted(set, known, place);
      if ((isPending || owners) && hasOtherController(set, known, place)) {
        const message = `PersistentVolumeClaim ${known.metadata.name} has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim`;
        context.recorder.event(set, { type: 'Warning', reason: 'ConflictingController', message });
      }
      if (!owners) continue;
      changed = true;
      await context.client.of(claims).update({ ...known, metadata: { ...known.metadata, ownerReferences: owners } });
    }
    return changed;
  }

  async #repair({ ordinal, pod, labels }: Step & { type: 'repair' }): Promise<Pod | undefined> {
    const { set, context, unseen } = this.#options;
    const changed = await this.#settleOwners({ ordinal, pod }, { isPending: false });
    const { metadata } = pod;
    if (!labels) {
      // Of a pod that is to go nobody is told, as upstream.
      if (changed && isInRange(set, ordinal)) this.#tell('Update', metadata.name ?? '');
      return undefined;
    }
    const right = { ...metadata, labels: { ...metadata.labels, ...identityLabels(set, ordinal) } };
    try {
      const { uid = '' } = set.metadata;
      const updated = await unseen.attempt(uid, () => context.client.of(pods).update({ ...pod, metadata: right }));
      unseen.wrote(uid, updated);
      this.#tell('Update', metadata.name ?? '');
      return updated;
    } catch (error) {
      this.#tell('Update', metadata.name ?? '', error);
      throw error;
    }
  }

  /** Gives the pod as one that is going, so that it is counted as such. */
  async #delete(pod: Pod): Promise<Pod | undefined> {
    const { set, context, unseen } = this.#options;
    const { name = '', namespace, uid } = pod.metadata;
    const { uid: setUid = '' } = set.metadata;
    const options = { namespace, preconditions: { uid } };
    try {
      await unseen.attempt(setUid, () => context.client.of(pods).delete(name, options));
    } catch (error) {
      if (isReason(error, 'NotFound')) {
        unseen.gone(setUid, pod);
        return undefined;
      }
      // A Conflict: another pod has the name by now, as the copy will show.
      if (!isReason(error, 'Conflict')) this.#tell('Delete', name, error);
      throw error;
    }
    unseen.deleted(setUid, pod);
    this.#tell('Delete', name);
    return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: pod.metadata.deletionTimestamp ?? 'now' } };
  }

  #tell(verb: Verb, pod: string, error?: unknown): void {
    const what = `Pod ${pod} in ${statefulSets.kind} ${this.#options.set.metadata.name}`;
    this.#record(verb, error === undefined ? `${what} successful` : `${what} failed error: ${messageOf(error)}`, error);
  }

  #tellOfClaim(name: string, ordinal: number, error?: unknown): void {
    const { set } = this.#options;
    const what = `Pod ${podNameOf(set, ordinal)} in ${statefulSets.kind} ${set.metadata.name}`;
    const message = error === undefined ? `${what} success` : `for ${what} failed error: ${messageOf(error)}`;
    this.#record('Create', `Claim ${name} ${message}`, error);
  }

  #record(verb: Verb, message: string, error: unknown): void {
    const { set, context } = this.#options;
    const [type, how] = error === undefined ? (['Normal', 'Successful'] as const) : (['Warning', 'Failed'] as const);
    context.recorder.event(set, { type, reason: `${how}${verb}`, message: `${verb} ${message}` });
  }
}

type Verb = 'Create' | 'Update' | 'Delete';

/** One failure for several, worded as Go joins them. */
function together(failures: unknown[]): unknown {
  if (failures.length === 1) return failures[0];
  const [first] = failures;
  const message = `[${failures.map(messageOf).join(', ')}]`;
  return first instanceof StatusError ? new StatusError({ ...first.status, message }) : new Error(message);
}
