/**
 * What controllers tell of their work, under the names of upstream's kube-controller-manager, all in one place: a
 * controller may begin anew with the lead, its counts go on.
 * https://kubernetes.io/docs/reference/instrumentation/metrics/
 */
import { growing, MetricRegistry } from '#base/metrics.js';

const milliseconds = growing(0.001, 2, 15);

export function controllerMetrics(registry: MetricRegistry) {
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    registry.counter({ name, help, labels });
  const histogram = (name: string, help: string, options: { bounds: number[]; labels?: readonly string[] }) =>
    registry.histogram({ name, help, ...options });
  const jobSync = ['completion_mode', 'result', 'action'];
  const metrics = {
    jobSyncs: counter('job_controller_job_syncs_total', '[STABLE] Looks at Jobs.', jobSync),
    jobSyncSeconds: histogram('job_controller_job_sync_duration_seconds', '[STABLE] Time that a look at a Job took.', {
      labels: jobSync,
      bounds: growing(0.004, 2, 15),
    }),
    jobPodsCreated: counter('job_controller_job_pods_creation_total', '[ALPHA] Pods made for Jobs.', [
      'reason',
      'status',
    ]),
    jobPodsFinished: counter('job_controller_job_pods_finished_total', '[STABLE] Pods of Jobs that were counted.', [
      'completion_mode',
      'result',
    ]),
    jobsFinished: counter('job_controller_jobs_finished_total', '[STABLE] Jobs that have finished.', [
      'completion_mode',
      'result',
      'reason',
    ]),
    cronJobSkewSeconds: histogram(
      'cronjob_controller_job_creation_skew_duration_seconds',
      '[STABLE] Time from when a CronJob was due to when its Job was made.',
      { bounds: growing(1, 2, 10) },
    ),
    sliceSyncs: counter('endpoint_slice_controller_syncs', '[ALPHA] Looks at services for their slices.', ['result']),
    sliceChanges: counter('endpoint_slice_controller_changes', '[ALPHA] Writes of slices.', ['operation']),
    rootCaSyncs: counter('root_ca_cert_publisher_sync_total', '[ALPHA] Looks at namespaces for their certificates.', [
      'code',
    ]),
    rootCaSeconds: histogram(
      'root_ca_cert_publisher_sync_duration_seconds',
      '[ALPHA] Time that a look at a namespace for its certificates took.',
      { labels: ['code'], bounds: milliseconds },
    ),
    taintDeletions: counter('taint_eviction_controller_pod_deletions_total', '[ALPHA] Pods that taints drove off.'),
    taintDeletionSeconds: histogram(
      'taint_eviction_controller_pod_deletion_duration_seconds',
      '[ALPHA] Time from when a pod was to go for a taint to when it was deleted.',
      { bounds: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240] },
    ),
    jobTtlSeconds: histogram(
      'ttl_after_finished_controller_job_deletion_duration_seconds',
      '[ALPHA] Time from when a Job was to go to when it was deleted.',
      { bounds: growing(0.1, 2, 14) },
    ),
    nodeEvictions: counter('node_collector_evictions_total', '[STABLE] Nodes that were tainted for being unwell.', [
      'zone',
    ]),
  };
  // These tell zero before anything has happened.
  for (const one of [metrics.taintDeletions, metrics.taintDeletionSeconds, metrics.cronJobSkewSeconds]) one.with();
  metrics.jobTtlSeconds.with();
  return metrics;
}

export type ControllerMetrics = ReturnType<typeof controllerMetrics>;

/** For controllers that nobody watches. */
export function unwatched(): ControllerMetrics {
  return controllerMetrics(new MetricRegistry());
}
