/** What the kubelet of a machine does beside its pods: removes what is left over, rotates logs, sees that nothing runs short. */
import type { Pod } from '#api/gen/core-v1.js';
import { Eviction } from './eviction/eviction.js';
import type { Condition } from './eviction/thresholds.js';
import { collectGarbage } from './garbage-collection.js';
import { ImageGarbage } from './image-garbage.js';
import { rotateLogs } from './log-rotation.js';
import type { NodeContext } from './node-context.js';
import { removeFromRuntime } from './pod-sandbox.js';
import type { Verdict } from './pod-status.js';
import type { KubeletSettings } from './settings.js';
import { KubeletUsage } from './stats/kubelet-usage.js';
import type { UsageSource } from './stats/usage.js';
import { evictOverLimits, hasStorageLimits } from './storage-limits.js';

const garbageMs = 60_000;

export interface HousekeepingOptions {
  nodeName: string;
  startedAtMs: number;
  context: NodeContext;
  settings: KubeletSettings;
  usage: UsageSource;
  /** Those that the node has, and those of them that have not ended. */
  pods: () => readonly Pod[];
  active: () => readonly Pod[];
  isKnown: (podUid: string) => boolean;
  evict: (pod: Pod, verdict: Verdict, annotations?: Record<string, string>) => Promise<void>;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #images: ImageGarbage;
  readonly #eviction: Eviction;

  /** Throws ThresholdError. */
  constructor(options: HousekeepingOptions) {
    this.#options = options;
    const { usage, context } = options;
    this.#images = new ImageGarbage({ ...options, usage: async () => (await usage.node()).images });
    const limited = new KubeletUsage({ ...options, pods: () => options.pods().filter(hasStorageLimits) });
    this.#eviction = new Eviction({
      ...options,
      usageOfPods: () => context.cgroups.usage(context.paths.cgroupRoot, context.clock.now()),
      overLimits: () => evictOverLimits({ usage: limited, evict: options.evict }),
      reclaimDisk: () => this.#reclaimDisk(),
    });
  }

  get conditions(): readonly Condition[] {
    return this.#eviction.conditions;
  }

  /** By name, what runs until the signal aborts. Simulated nodes have nothing that could run short. */
  tasks(signal: AbortSignal): [name: string, task: Promise<void>][] {
    const { context, pods } = this.#options;
    const everywhere: [string, Promise<void>][] = [['garbage collection', this.#collectGarbage(signal)]];
    if (!context.isMachine) return everywhere;
    return [
      ...everywhere,
      ['log rotation', rotateLogs(context, pods, signal)],
      ['eviction', this.#eviction.run(signal)],
      ['image garbage collection', this.#images.run(signal)],
    ];
  }

  async #collectGarbage(signal: AbortSignal): Promise<void> {
    const { context, isKnown } = this.#options;
    while (!signal.aborted) {
      try {
        await collectGarbage(context, { wanted: isKnown });
      } catch (err) {
        context.log.warn('garbage collection failed', { err });
      }
      await context.clock.sleep(garbageMs, signal).catch(() => {}); // only an abort rejects, and it ends the loop
    }
  }

  /** What pods that have ended wrote and logged is kept only for as long as there is room. */
  async #reclaimDisk(): Promise<void> {
    const { pods, active, context } = this.#options;
    const running = new Set(active());
    const ended = pods().filter((pod) => !running.has(pod));
    const removals = await Promise.allSettled(ended.map(({ metadata }) => removeFromRuntime(context, metadata.uid!)));
    const failed = removals.find((one) => one.status === 'rejected');
    await this.#images.removeUnused();
    if (failed) context.log.warn('what is left of a pod could not be removed', { err: failed.reason });
  }
}
