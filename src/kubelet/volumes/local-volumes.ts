/** Volumes of pods on this machine: made below the kubelet's root, kept up to date while the pod lives, taken away after. */
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Pod, Volume, VolumeMount } from '#api/gen/core-v1.js';
import type { Clock, Timer } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { type Prng, uuid } from '#base/prng.js';
import type { Client } from '#client/client.js';
import { envFileBytesMax, unreadableEnvFile } from '../env-file.js';
import type { ConfigSource, VolumeFile } from '../environment.js';
import { expand } from '../expansion.js';
import type { FieldContext } from '../field-ref.js';
import { KubeletError, textOf } from '../kubelet-error.js';
import { type KubeletPaths, podDirectory, podsDirectory } from '../paths.js';
import type { AnyContainer } from '../pod-state.js';
import { podAmount } from '../qos.js';
import type { Mount } from '../runtime/runtime.js';
import type { TokenSource } from '../service-account-tokens.js';
import { writeAtomically } from './atomic-writer.js';
import { type ClaimedVolume, claimedVolume, claimNameOf, isClaimed } from './claimed.js';
import { setUpEmptyDir } from './empty-dir.js';
import { setUpHostPath } from './host-path.js';
import { mount, mountPoints, unmount } from './mount-command.js';
import { giveToGroup } from './ownership.js';
import { hasPayload, isConfidential, volumePayload } from './payload.js';
import { bindSubPath, readInside } from './sub-path.js';
import { VolumeFailure, type VolumePlace, type Volumes } from './volumes.js';

export interface LocalVolumesOptions {
  paths: KubeletPaths;
  /** Looks up claims and their volumes. */
  client: Client;
  config: ConfigSource;
  tokens: TokenSource;
  clock: Clock;
  prng: Prng;
  log: Log;
  /** Keep secrets and tokens on a tmpfs, never on a disk. Needs the right to mount. */
  confidentialInMemory: boolean;
  /** Called when a token of the pod wants renewal: the owner calls `setUp` again. */
  renew: (podUid: string) => void;
}

/** The directory names that upstream gives to plugins. */
const plugins = {
  emptyDir: 'kubernetes.io~empty-dir',
  configMap: 'kubernetes.io~configmap',
  secret: 'kubernetes.io~secret',
  downwardAPI: 'kubernetes.io~downward-api',
  projected: 'kubernetes.io~projected',
} as const;

export class LocalVolumes implements Volumes {
  readonly #options: LocalVolumesOptions;
  readonly #renewals = new Map<string, Timer>();
  /** What claims have come to, by pod and name of the volume, from `setUp` to `tearDown`. */
  readonly #claimed = new Map<string, Map<string, ClaimedVolume>>();

  constructor(options: LocalVolumesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { paths, confidentialInMemory } = this.#options;
    await mkdir(podsDirectory(paths), { recursive: true, mode: 0o750 });
    if (!confidentialInMemory) return;
    const memory = this.#memoryRoot();
    await mkdir(memory, { recursive: true, mode: 0o700 });
    if (!(await mountPoints(memory)).includes(memory)) await mount(['-t', 'tmpfs', '-o', 'mode=0750', 'tmpfs', memory]);
  }

  async setUp(pod: Pod, fields: FieldContext): Promise<void> {
    const renewals = await Promise.all(
      (pod.spec.volumes ?? []).map(async (volume) => {
        try {
          return await this.#setUpOne(pod, volume, fields);
        } catch (error) {
          const text = `MountVolume.SetUp failed for volume "${volume.name}" : ${textOf(error)}`;
          throw new VolumeFailure(volume.name, text, { cause: error });
        }
      }),
    );
    const soonest = Math.min(...renewals.filter((ms) => ms !== undefined));
    if (Number.isFinite(soonest)) this.#renewIn(pod.metadata.uid!, soonest);
  }

  async mounts(pod: Pod, container: AnyContainer, env: ReadonlyMap<string, string>): Promise<Mount[]> {
    const list = [...(container.volumeMounts ?? []).entries()];
    return await Promise.all(list.map(([index, one]) => this.#mount(pod, container, { index, one, env })));
  }

  async file(pod: Pod, { volume: name, path }: { volume: string; path: string }): Promise<VolumeFile> {
    const volume = pod.spec.volumes?.find((one) => one.name === name && one.emptyDir);
    if (!volume) throw new KubeletError('config', `cannot find the volume "${name}" referenced by FileKeyRef`);
    const directory = this.#directory(pod, volume);
    try {
      return { path: join(directory, path), text: await readInside(directory, path, { bytesMax: envFileBytesMax }) };
    } catch (error) {
      throw unreadableEnvFile(error);
    }
  }

  places(pod: Pod): VolumePlace[] {
    return (pod.spec.volumes ?? []).flatMap((volume): VolumePlace[] => {
      const { name } = volume;
      if (isClaimed(volume)) {
        const claimed = this.#claimed.get(pod.metadata.uid!)?.get(name);
        const claim = { name: claimNameOf(pod, volume), namespace: pod.metadata.namespace! };
        return claimed?.isOwn ? [{ name, path: claimed.path.path, claim, isEphemeral: false }] : [];
      }
      if (!Object.keys(plugins).some((kind) => kind in volume)) return [];
      const isEphemeral = volume.emptyDir !== undefined && volume.emptyDir.medium !== 'Memory';
      return [{ name, path: this.#directory(pod, volume), isEphemeral }];
    });
  }

  async tearDown(podUid: string): Promise<void> {
    const { paths, tokens } = this.#options;
    this.#renewals.get(podUid)?.cancel();
    this.#renewals.delete(podUid);
    tokens.forget(podUid);
    this.#claimed.delete(podUid);
    const directory = podDirectory(paths, podUid);
    for (const point of await mountPoints(directory)) await unmount(point);
    await rm(directory, { recursive: true, force: true });
    await rm(join(this.#memoryRoot(), podUid), { recursive: true, force: true });
  }

  async podUids(): Promise<string[]> {
    return await readdir(podsDirectory(this.#options.paths));
  }

  /** Takes the tmpfs for secrets away as well; for a node that is being removed. */
  async purge(): Promise<void> {
    for (const uid of await this.podUids()) await this.tearDown(uid);
    await unmount(this.#memoryRoot());
  }

  /** Gives milliseconds until the volume wants renewal. */
  async #setUpOne(pod: Pod, volume: Volume, fields: FieldContext): Promise<number | undefined> {
    if (volume.hostPath) {
      await setUpHostPath(volume.hostPath);
      return undefined;
    }
    if (isClaimed(volume)) {
      await this.#setUpClaimed(pod, volume);
      return undefined;
    }
    const directory = this.#directory(pod, volume);
    const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
    if (volume.emptyDir) {
      const memoryLimitBytes = podAmount(pod, 'limits', 'memory')?.unitsNumber() ?? 0;
      const isNew = await setUpEmptyDir(directory, volume.emptyDir, { memoryLimitBytes });
      const onRootMismatch = fsGroupChangePolicy === 'OnRootMismatch';
      if (fsGroup !== undefined && isNew) await giveToGroup(directory, { groupId: fsGroup, onRootMismatch });
      return undefined;
    }
    const { config, tokens, clock, prng } = this.#options;
    const { files, renewInMs } = await volumePayload(volume, pod, { config, tokens, fields });
    await mkdir(directory, { recursive: true, mode: 0o755 });
    await chmod(directory, 0o755);
    const stamp = new Date(clock.now()).toISOString().slice(0, 19).replace(/[-T:]/g, '_');
    await writeAtomically(directory, files, { version: `..${stamp}.${uuid(prng).slice(0, 8)}`, groupId: fsGroup });
    return renewInMs;
  }

  /** A claim is looked up once: what it is bound to does not change while the pod lives. */
  async #setUpClaimed(pod: Pod, volume: Volume): Promise<void> {
    const uid = pod.metadata.uid!;
    const known = this.#claimed.get(uid) ?? new Map<string, ClaimedVolume>();
    if (known.has(volume.name)) return;
    const claimed = await claimedVolume(this.#options.client, pod, volume);
    await setUpHostPath(claimed.path);
    const { fsGroup, fsGroupChangePolicy } = pod.spec.securityContext ?? {};
    if (fsGroup !== undefined && claimed.isOwn && !claimed.readOnly) {
      const onRootMismatch = fsGroupChangePolicy === 'OnRootMismatch';
      await giveToGroup(claimed.path.path, { groupId: fsGroup, onRootMismatch });
    }
    known.set(volume.name, claimed);
    this.#claimed.set(uid, known);
  }

  #directory(pod: Pod, volume: Volume): string {
    const { paths, confidentialInMemory } = this.#options;
    const kind = (Object.keys(plugins) as (keyof typeof plugins)[]).find((key) => volume[key]);
    if (!kind) {
      const type = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
      throw new KubeletError('volume', `volumes of type ${type} are not supported by this node`);
    }
    const uid = pod.metadata.uid!;
    const base =
      confidentialInMemory && isConfidential(volume) ? join(this.#memoryRoot(), uid) : podDirectory(paths, uid);
    return join(base, 'volumes', plugins[kind], volume.name);
  }

  async #mount(
    pod: Pod,
    container: AnyContainer,
    { index, one, env }: { index: number; one: VolumeMount; env: ReadonlyMap<string, string> },
  ): Promise<Mount> {
    const volume = pod.spec.volumes?.find(({ name }) => name === one.name);
    if (!volume) throw new KubeletError('volume', `volume "${one.name}" is not in the pod`);
    const claimed = this.#claimed.get(pod.metadata.uid!)?.get(one.name);
    let hostPath = volume.hostPath?.path ?? claimed?.path.path ?? this.#directory(pod, volume);
    // Volumes whose files we write are ours alone to change.
    const readOnly = Boolean(one.readOnly || claimed?.readOnly || hasPayload(volume));
    const subPath = one.subPathExpr ? expandStrictly(one.subPathExpr, env) : one.subPath;
    if (subPath) {
      const { paths } = this.#options;
      const target = join(
        podDirectory(paths, pod.metadata.uid!),
        'volume-subpaths',
        one.name,
        container.name,
        `${index}`,
      );
      // A mount that the container may only read is of a volume that we may still write.
      await bindSubPath({ volume: hostPath, subPath, target, create: !claimed?.readOnly });
      hostPath = target;
    }
    const containerPath = posix.isAbsolute(one.mountPath) ? one.mountPath : posix.join('/', one.mountPath);
    return {
      containerPath,
      hostPath,
      readOnly,
      propagation: propagations[one.mountPropagation ?? 'None'] ?? 'private',
    };
  }

  #memoryRoot(): string {
    return join(this.#options.paths.root, 'memory');
  }

  #renewIn(podUid: string, delayMs: number): void {
    this.#renewals.get(podUid)?.cancel();
    const timer = this.#options.clock.setTimer(delayMs, () => this.#options.renew(podUid));
    this.#renewals.set(podUid, timer);
  }
}

const propagations: Record<string, Mount['propagation']> = {
  None: 'private',
  HostToContainer: 'host to container',
  Bidirectional: 'bidirectional',
};

/** Unlike in commands, an undefined variable is an error here: it would name another directory. */
function expandStrictly(text: string, env: ReadonlyMap<string, string>): string {
  return expand(text, (name) => {
    const value = env.get(name);
    if (value === undefined) throw new KubeletError('config', `missing value for ${JSON.stringify(name)}`);
    return value;
  });
}
