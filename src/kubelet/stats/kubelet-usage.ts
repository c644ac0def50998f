/** Usage of one kubelet's node and pods: by cgroup where there are any, otherwise as much as the runtime tells. */
import { join } from 'node:path';
import type { Pod } from '#api/gen/core-v1.js';
import { podCgroup } from '../cgroups.js';
import type { NodeContext } from '../node-context.js';
import { podLogDirectory } from '../paths.js';
import { pauseReference } from '../runtime/images/pause.js';
import type { ContainerState, ContainerStats, SandboxState } from '../runtime/runtime.js';
import { directoryUsage, filesystemUsage } from './disk-usage.js';
import { bootedAtMs, interfacesOf, machineUsage, processCount } from './machine-usage.js';
import { SimulatedMachine, sumOf, toldUsage } from './told-usage.js';
import type { ContainerUsage, FilesystemUsage, NodeUsage, PodUsage, UsageSource, VolumeUsage } from './usage.js';

export interface KubeletUsageOptions {
  nodeName: string;
  startedAtMs: number;
  context: NodeContext;
  pods: () => readonly Pod[];
}

/** How long the size of a volume is taken for what it was: upstream's `--volume-stats-agg-period`. */
const volumeMs = 60_000;
const podsAtOnce = 8;

export class KubeletUsage implements UsageSource {
  readonly #options: KubeletUsageOptions;
  /** By path; what nobody asked for the last time is forgotten. */
  #volumes = new Map<string, FilesystemUsage>();
  readonly #simulated: SimulatedMachine;

  constructor(options: KubeletUsageOptions) {
    this.#options = options;
    this.#simulated = new SimulatedMachine({ ...options, memoryBytes: options.context.memoryBytes });
  }

  async node(): Promise<NodeUsage> {
    const { nodeName, startedAtMs, context } = this.#options;
    const { clock, cgroups, paths, runtime, isMachine } = context;
    const nowMs = clock.now();
    if (!isMachine) {
      const own = this.#simulated.add(await this.pods({ detailed: false }), nowMs);
      return { nodeName, bootedAtMs: startedAtMs, own, interfaces: [] };
    }
    const imageUsage = async () => {
      const found = await runtime.imageFilesystem();
      const room = found && (await filesystemUsage(found.mountpoint, nowMs));
      return room && { ...room, usedBytes: found.usedBytes, inodesUsed: found.inodesUsed };
    };
    const [root, booted, interfaces, filesystem, images, processes] = await Promise.all([
      cgroups.usage('/', nowMs),
      bootedAtMs(),
      interfacesOf('self'),
      filesystemUsage(paths.root, nowMs),
      imageUsage(),
      processCount(nowMs),
    ]);
    const own = await machineUsage(root ?? sumOf({ atMs: nowMs, cgroup: '/', startedAtMs: booted }, []));
    return { nodeName, bootedAtMs: booted, own, interfaces: interfaces ?? [], filesystem, images, processes };
  }

  async pods({ detailed }: { detailed: boolean }): Promise<PodUsage[]> {
    const { context, pods } = this.#options;
    // Asked for once, when anybody needs it: it makes the runtime look at disks.
    let asked: Promise<Map<string, ContainerStats>> | undefined;
    const told = (): NonNullable<typeof asked> => {
      asked ??= context.runtime.stats().then((all) => new Map(all.map((one) => [one.containerId, one])));
      return asked;
    };
    const measured = new Map<string, FilesystemUsage>();
    const found: PodUsage[] = [];
    const all = pods();
    for (let at = 0; at < all.length; at += podsAtOnce) {
      const some = all.slice(at, at + podsAtOnce).map((pod) => this.#pod(pod, { detailed, told, measured }));
      for (const usage of await Promise.all(some)) if (usage) found.push(usage);
    }
    if (detailed) this.#volumes = measured;
    return found;
  }

  async #pod(pod: Pod, look: Look): Promise<PodUsage | undefined> {
    const { context } = this.#options;
    const { clock, cgroups, paths } = context;
    const state = context.states.of(pod.metadata.uid ?? '');
    const sandbox = state.sandboxes.find(({ ready }) => ready);
    const running = state.containers.filter((one) => one.state === 'running' && one.sandboxId === sandbox?.id);
    if (!sandbox || running.length === 0) return undefined;
    const cgroup = podCgroup(paths.cgroupRoot, pod);
    const containers = await Promise.all(running.map((one) => this.#container(pod, one, look)));
    const counted = containers.filter((one) => one !== undefined);
    const [own, ownOfSandbox, interfaces, volumes] = await Promise.all([
      cgroups.usage(cgroup, clock.now()),
      cgroups.usage(`${cgroup}/${sandbox.id}`, clock.now()),
      this.#interfaces(pod, { cgroup, sandbox }),
      look.detailed ? this.#volumesOf(pod, look.measured) : [],
    ]);
    const first = { atMs: clock.now(), cgroup, startedAtMs: sandbox.createdAtMs };
    return {
      pod,
      createdAtMs: sandbox.createdAtMs,
      own:
        own ??
        sumOf(
          first,
          counted.map((one) => one.own),
        ),
      ...(ownOfSandbox && { sandbox: { id: sandbox.id, image: pauseReference, own: ownOfSandbox } }),
      interfaces,
      containers: counted,
      volumes,
    };
  }

  async #container(pod: Pod, state: ContainerState, look: Look): Promise<ContainerUsage | undefined> {
    const { cgroups, clock, paths, isMachine } = this.#options.context;
    const { id, name, image, createdAtMs, startedAtMs } = state;
    const cgroup = `${podCgroup(paths.cgroupRoot, pod)}/${id}`;
    const counted = await cgroups.usage(cgroup, clock.now());
    const told = counted && !look.detailed ? undefined : (await look.told()).get(id);
    const own = counted ?? (told && toldUsage(told, { cgroup, startedAtMs }));
    if (!own) return undefined;
    const usage = { id, name, image, createdAtMs, own };
    if (!look.detailed || !isMachine) return usage;
    const [logs, room] = await Promise.all([
      directoryUsage(join(podLogDirectory(paths, pod), name), clock.now()),
      filesystemUsage(paths.root, clock.now()),
    ]);
    return { ...usage, ...(told?.layer && { layer: { ...room, ...told.layer } }), ...(logs && { logs }) };
  }

  /** Those on the node's network have none of their own. */
  async #interfaces(pod: Pod, { cgroup, sandbox }: { cgroup: string; sandbox: SandboxState }) {
    if (pod.spec.hostNetwork) return undefined;
    const [pid] = await this.#options.context.cgroups.processes(`${cgroup}/${sandbox.id}`);
    return pid === undefined ? undefined : interfacesOf(pid);
  }

  async #volumesOf(pod: Pod, measured: Map<string, FilesystemUsage>): Promise<VolumeUsage[]> {
    const { volumes, clock } = this.#options.context;
    const found: VolumeUsage[] = [];
    for (const { path, ...volume } of volumes.places(pod)) {
      const known = this.#volumes.get(path);
      const nowMs = clock.now();
      const isFresh = known && nowMs - known.atMs < volumeMs;
      const usage = isFresh ? known : await (volume.claim ? filesystemUsage : directoryUsage)(path, nowMs);
      if (!usage) continue;
      measured.set(path, usage);
      found.push({ ...volume, ...usage });
    }
    return found;
  }
}

interface Look {
  detailed: boolean;
  told: () => Promise<Map<string, ContainerStats>>;
  measured: Map<string, FilesystemUsage>;
}
