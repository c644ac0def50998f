/** What a story tells of an object: the few words by which people follow it. */
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import statefulSets from '#api/apps/statefulset.js';
import cronJobs from '#api/batch/cronjob.js';
import jobs from '#api/batch/job/index.js';
import events from '#api/core/event.js';
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import type { Deployment, ReplicaSet, StatefulSet } from '#api/gen/apps-v1.js';
import type { CronJob, Job } from '#api/gen/batch-v1.js';
import type { Event, Node, Pod } from '#api/gen/core-v1.js';
import type { KubeObject } from '#apimachinery/object.js';

export const told = [pods, replicaSets, deployments, statefulSets, jobs, cronJobs, nodes, events];

interface Conditions {
  conditions?: { type: string; status: string; reason?: string }[];
}

const conditionOf = (status: Conditions | undefined, type: string) =>
  status?.conditions?.find((one) => one.type === type);

const states: Record<string, (object: never) => string | undefined> = {
  Pod: ({ metadata, spec, status }: Pod) => {
    const ready = conditionOf(status, 'Ready')?.status === 'True' ? ', ready' : '';
    const going = metadata.deletionTimestamp ? ', being deleted' : '';
    return `${status?.phase}${ready}${spec.nodeName ? ` on ${spec.nodeName}` : ''}${going}`;
  },
  ReplicaSet: ({ spec, status }: ReplicaSet) => `${status?.readyReplicas ?? 0} of ${spec.replicas} ready`,
  Deployment: ({ spec, status }: Deployment) => {
    const { updatedReplicas = 0, availableReplicas = 0 } = status ?? {};
    const why = conditionOf(status, 'Progressing')?.reason;
    return `${updatedReplicas} of ${spec.replicas} updated, ${availableReplicas} available${why ? `, ${why}` : ''}`;
  },
  StatefulSet: ({ spec, status }: StatefulSet) =>
    `${status?.updatedReplicas ?? 0} of ${spec.replicas} updated, ${status?.availableReplicas ?? 0} available`,
  Job: ({ status }: Job) => {
    const { active = 0, succeeded = 0, failed = 0, conditions = [] } = status ?? {};
    const end = conditions.filter((one) => one.status === 'True').map(({ type, reason }) => `, ${type} (${reason})`);
    return `${active} active, ${succeeded} succeeded, ${failed} failed${end.join('')}`;
  },
  CronJob: ({ status }: CronJob) =>
    `${status?.active?.length ?? 0} active, last at ${status?.lastScheduleTime ?? 'never'}`,
  Node: ({ spec, status }: Node) => {
    const taints = (spec.taints ?? []).map(({ key, effect }) => `, ${key}:${effect}`).sort();
    return `ready ${conditionOf(status, 'Ready')?.status}${taints.join('')}`;
  },
  Event: ({ type, reason, message, involvedObject, source, reportingComponent }: Event) => {
    const by = source?.component || reportingComponent || '';
    // What kubelets say of containers is told by their pods' states.
    if (by === 'kubelet') return undefined;
    return `${involvedObject.kind} ${involvedObject.name}: ${type} ${reason} by ${by}: ${message}`;
  },
};

/** undefined: nothing worth telling. */
export function stateOf(kind: string, object: KubeObject): string | undefined {
  return states[kind]!(object as never);
}
