/**
 * Keeps the node going when it runs short of memory, disk or process ids: it says so, frees what nobody uses, and ends
 * one pod after another until there is enough.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
 */
import type { Pod } from '#api/gen/core-v1.js';
import { isCritical } from '../admission/preemption.js';
import type { KubeletMetrics } from '../kubelet-metrics.js';
import type { NodeContext } from '../node-context.js';
import type { Verdict } from '../pod-status.js';
import type { KubeletSettings } from '../settings.js';
import type { CgroupUsage, NodeUsage, UsageSource } from '../stats/usage.js';
import { evictionText, ranked } from './ranking.js';
import {
  assess,
  type Condition,
  conditionsOf,
  mostUrgent,
  noPressure,
  type Observations,
  observe,
  type Pressure,
  signals,
  type Threshold,
  thresholdsMet,
  thresholdsOf,
} from './thresholds.js';

const checkMs = 10_000;
/** Whoever brings the node down gets no more time than that. */
const hardGraceSeconds = 1;
/** How long a pod's end is waited for before the next look. */
const cleanupMs = 30_000;

export interface EvictionOptions {
  nodeName: string;
  context: Pick<NodeContext, 'clock' | 'log' | 'events'> & { metrics: Pick<KubeletMetrics, 'countEviction'> };
  settings: KubeletSettings;
  usage: UsageSource;
  /** Of the cgroup above all pods. */
  usageOfPods: () => Promise<CgroupUsage | undefined>;
  /** Those that have not ended. */
  active: () => readonly Pod[];
  /** Ends pods that keep more than they may; whether there were any. */
  overLimits: () => Promise<boolean>;
  /** Removes what is left of pods that have ended, and images that nobody uses. */
  reclaimDisk: () => Promise<void>;
  /** Resolves when nothing of it runs any more. */
  evict: (pod: Pod, verdict: Verdict, annotations: Record<string, string>) => Promise<void>;
}

interface Look {
  node: NodeUsage;
  observations: Observations;
}

export class Eviction {
  readonly #options: EvictionOptions;
  readonly #thresholds: Threshold[];
  #pressure: Pressure = noPressure;

  /** Throws ThresholdError. */
  constructor(options: EvictionOptions) {
    this.#options = options;
    this.#thresholds = thresholdsOf(options.settings);
  }

  /** What the node says of itself, and by what it lets pods in. */
  get conditions(): Condition[] {
    const { settings, context } = this.#options;
    const transitionMs = settings.evictionPressureTransitionPeriod;
    return conditionsOf(this.#pressure, { transitionMs, nowMs: context.clock.monotonic() });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options.context;
    while (!signal.aborted) {
      const hasEvicted = await this.synchronize().catch((err: unknown) => {
        log.warn('eviction manager could not look at the node', { err });
        return false;
      });
      // Only an abort rejects, and it ends the loop.
      if (!hasEvicted) await clock.sleep(checkMs, signal).catch(() => {});
    }
  }

  /** One look, at the end of which at most one pod is ended for the node's sake. Gives whether any was. */
  async synchronize(): Promise<boolean> {
    const { clock } = this.#options.context;
    const look = await this.#look();
    const { observations } = look;
    this.#pressure = assess(this.#thresholds, this.#pressure, { observations, nowMs: clock.monotonic() });
    if (await this.#options.overLimits()) return true;
    const urgent = mostUrgent(this.#pressure.due);
    return urgent ? this.#relieve(urgent, look) : false;
  }

  async #look(): Promise<Look> {
    const { usage, usageOfPods } = this.#options;
    const [node, ofPods] = await Promise.all([usage.node(), usageOfPods()]);
    return { node, observations: observe(node, ofPods) };
  }

  async #relieve(threshold: Threshold, { node, observations }: Look): Promise<boolean> {
    const { nodeName, context, usage, active } = this.#options;
    const { signal } = threshold;
    const { resource } = signals[signal];
    const about = { kind: 'Node', name: nodeName, uid: nodeName, apiVersion: 'v1' };
    context.events.event(about, {
      type: 'Warning',
      reason: 'EvictionThresholdMet',
      message: `Attempting to reclaim ${resource}`,
    });
    const hasImageFilesystem = node.images !== undefined && node.images.device !== node.filesystem?.device;
    if (await this.#hasReclaimed(threshold, hasImageFilesystem)) return false;
    const usages = new Map((await usage.pods({ detailed: true })).map((one) => [one.pod.metadata.uid, one]));
    const candidates = active().map((pod) => ({ pod, usage: usages.get(pod.metadata.uid) }));
    const pod = ranked(candidates, { signal, hasImageFilesystem }).find((one) => !isCritical(one));
    if (!pod) {
      context.log.warn('no pod can be evicted', { resource });
      return false;
    }
    const candidate = { pod, usage: usages.get(pod.metadata.uid) };
    const text = evictionText(candidate, { resource, thresholds: this.#pressure.due, observations });
    context.metrics.countEviction(signal);
    await this.#end(pod, threshold, text);
    return true;
  }

  /** Whether so much was free after what nobody uses was removed that no pod has to go. */
  async #hasReclaimed({ signal }: Threshold, hasImageFilesystem: boolean): Promise<boolean> {
    if (signals[signal].condition !== 'DiskPressure') return false;
    if (hasImageFilesystem && signal.startsWith('nodefs')) return false;
    await this.#options.reclaimDisk();
    const { observations } = await this.#look();
    return thresholdsMet(this.#thresholds, observations, { withReclaim: true }).length === 0;
  }

  async #end(
    pod: Pod,
    { graceMs }: Threshold,
    { message, annotations }: { message: string; annotations: Record<string, string> },
  ): Promise<void> {
    const { settings, evict, context } = this.#options;
    const softSeconds = Math.min(
      settings.evictionMaxPodGracePeriod,
      pod.spec.terminationGracePeriodSeconds ?? settings.evictionMaxPodGracePeriod,
    );
    const graceSeconds = graceMs === 0 ? hardGraceSeconds : softSeconds;
    const verdict: Verdict = { reason: 'Evicted', message, disruption: message, graceSeconds };
    const waited = new AbortController();
    const late = context.clock.sleep(cleanupMs, waited.signal).catch(() => {});
    await Promise.race([evict(pod, verdict, annotations), late]);
    waited.abort();
  }
}
