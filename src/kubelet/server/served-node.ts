/** What the kubelet's server asks of the kubelet: its pods, where their containers run, where their logs are, its metrics. */
import type { Pod } from '#api/gen/core-v1.js';
import type { Kubelet } from '../kubelet.js';
import type { ServedRuntime } from '../runtime/runtime.js';
import { NodeMetrics } from './node-metrics.js';

export interface ServedNode {
  name: string;
  pods: ServedPods;
  runtime: ServedRuntime;
  /** undefined before the kubelet is there. */
  metrics(): NodeMetrics | undefined;
  /** What /logs/ shows. Default: nothing. */
  logDirectory?: string;
}

export interface ServedPods {
  /** With their freshest status. */
  pods(): readonly Pod[];
  /** Of the pod's network, while it is up. */
  sandboxId(pod: Pod): string | undefined;
  /** Only of a container that runs. */
  containerId(pod: Pod, name: string): string | undefined;
  /** Throws StatusError BadRequest, in upstream's words, when there is no log (yet). */
  logFile(target: LogTarget): ServedLog;
}

export interface LogTarget {
  namespace: string;
  pod: string;
  container: string;
  previous: boolean;
}

export interface ServedLog {
  path: string;
  /** What such a file would hold, where there is none because nothing runs. */
  text?: string;
  isRunning(): boolean;
}

export function findPod(served: ServedPods, { namespace, name }: { namespace: string; name: string }): Pod | undefined {
  return served.pods().find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
}

/** The metrics of a kubelet, made when they are first asked for. */
export function metricsOf(kubelet: () => Kubelet | undefined): () => NodeMetrics | undefined {
  let metrics: NodeMetrics | undefined;
  return () => {
    const measured = kubelet()?.measured;
    if (!measured) return undefined;
    metrics ??= new NodeMetrics({ ...measured, log: kubelet()!.context.log });
    return metrics;
  };
}

/** The pods of a kubelet; none before it is there, since its server is up first so that the node can name the port. */
export function podsOf(kubelet: () => Kubelet | undefined): ServedPods {
  const stateOf = ({ metadata }: Pod) => kubelet()!.context.states.of(metadata.uid ?? '');
  return {
    pods: () => {
      const pods = kubelet()?.pods() ?? [];
      return pods.map((pod) => ({ ...pod, status: kubelet()!.context.statuses.current(pod) }));
    },
    sandboxId: (pod) => stateOf(pod).sandboxes.find(({ ready }) => ready)?.id,
    containerId: (pod, name) => {
      return stateOf(pod).containers.find((one) => one.name === name && one.state === 'running')?.id;
    },
    logFile: (target) => kubelet()!.logFile(target),
  };
}
