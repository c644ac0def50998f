/** Takes the steps that `decide` asks for, each with the event that tells of it. */
import statefulSets from '#api/apps/statefulset.js';
import claims from '#api/core/persistentvolumeclaim.js';
import pods from '#api/core/pod/index.js';
import type { StatefulSet } from '#api/gen/apps-v1.js';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { keyOf } from '#client/informer.js';
import { isNamespaceTerminating } from '../pod-writes.js';
import type { ControllerContext } from '../runtime.js';
import type { UnseenWrites } from '../unseen-writes.js';
import { claimsFor, isStale, ownersWanted } from './claims.js';
import type { Step } from './decide.js';
import { identityLabels, newPod, podNameOf } from './identity.js';

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
        return undefined;
      case 'repair':
        return this.#repair(step);
      case 'delete':
        return this.#delete(step.pod);
    }
  }

  async #create(ordinal: number, revision: string): Promise<Pod | undefined> {
    const { set, context, unseen, template } = this.#options;
    if (claimsFor(set, ordinal).some((one) => this.#isStale(one))) return undefined;
    const pod = newPod(set, { ordinal, template: template(revision), revision });
    try {
      await this.#createClaims(ordinal);
      const { uid = '' } = set.metadata;
      const created = await unseen.attempt(uid, () => context.client.of(pods).create(pod));
      unseen.wrote(uid, created);
      this.#tell('create', podNameOf(set, ordinal));
      return created;
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      // A pod that our copy does not show yet, or somebody else's: nothing that anybody need be told of.
      if (!isReason(error, 'AlreadyExists')) this.#tell('create', podNameOf(set, ordinal), error);
      throw error;
    }
  }

  #isStale({ metadata }: PersistentVolumeClaim): boolean {
    const { set, context } = this.#options;
    const known = context.informers.of(claims).get(`${metadata.namespace}/${metadata.name}`);
    return known !== undefined && (known.metadata.deletionTimestamp !== undefined || isStale(set, known, undefined));
  }

  async #createClaims(ordinal: number): Promise<void> {
    const { set, context } = this.#options;
    for (const wanted of claimsFor(set, ordinal)) {
      if (context.informers.of(claims).get(keyOf(wanted))) continue;
      const { name = '' } = wanted.metadata;
      const pod = podNameOf(set, ordinal);
      try {
        await context.client.of(claims).create(wanted);
      } catch (error) {
        if (isReason(error, 'AlreadyExists')) continue;
        if (!isNamespaceTerminating(error)) {
          const message = `create Claim ${name} for Pod ${pod} in StatefulSet ${set.metadata.name} failed error: ${messageOf(error)}`;
          context.recorder.event(set, { type: 'Warning', reason: 'FailedCreate', message });
        }
        throw error;
      }
      const message = `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`;
      context.recorder.event(set, { type: 'Normal', reason: 'SuccessfulCreate', message });
    }
  }

  async #repair({ ordinal, pod, labels }: Step & { type: 'repair' }): Promise<Pod | undefined> {
    const { set, context, unseen } = this.#options;
    const { client, informers } = context;
    for (const { metadata } of claimsFor(set, ordinal)) {
      const known = informers.of(claims).get(`${metadata.namespace}/${metadata.name}`);
      const owners = known && ownersWanted(set, known, { pod, ordinal });
      if (owners)
        await client.of(claims).update({ ...known, metadata: { ...known.metadata, ownerReferences: owners } });
    }
    if (!labels) return undefined;
    const { metadata } = pod;
    const right = { ...metadata, labels: { ...metadata.labels, ...identityLabels(set, ordinal) } };
    try {
      const { uid = '' } = set.metadata;
      const updated = await unseen.attempt(uid, () => client.of(pods).update({ ...pod, metadata: right }));
      unseen.wrote(uid, updated);
      this.#tell('update', metadata.name ?? '');
      return updated;
    } catch (error) {
      this.#tell('update', metadata.name ?? '', error);
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
      if (!isReason(error, 'Conflict')) this.#tell('delete', name, error);
      throw error;
    }
    unseen.deleted(setUid, pod);
    this.#tell('delete', name);
    return { ...pod, metadata: { ...pod.metadata, deletionTimestamp: pod.metadata.deletionTimestamp ?? 'now' } };
  }

  #tell(verb: 'create' | 'update' | 'delete', pod: string, error?: unknown): void {
    const { set, context } = this.#options;
    const did = `${verb} Pod ${pod} in ${statefulSets.kind} ${set.metadata.name}`;
    const what = verb[0]!.toUpperCase() + verb.slice(1);
    context.recorder.event(
      set,
      error === undefined
        ? { type: 'Normal', reason: `Successful${what}`, message: `${did} successful` }
        : { type: 'Warning', reason: `Failed${what}`, message: `${did} failed error: ${messageOf(error)}` },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
