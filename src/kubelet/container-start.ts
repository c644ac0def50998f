/** From a container of the spec to a running one: image, configuration, creation, start, postStart. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Container, Pod } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { containerConfig } from './container-config.js';
import { refreshContainer, stopContainer } from './container-stop.js';
import { environment } from './environment.js';
import type { PresentImage } from './image-puller.js';
import type { ImageReference } from './image-reference.js';
import { KubeletError, textOf } from './kubelet-error.js';
import type { NodeContext } from './node-context.js';
import { hostsFilePath, podLogDirectory, terminationMessageFile } from './paths.js';
import { type ContainerEvents, containerEvents } from './pod-events.js';
import type { AnyContainer } from './pod-state.js';
import { type Credentials, credentialsFor } from './registry-credentials.js';
import type { ContainerConfig, ContainerState, SandboxConfig } from './runtime/runtime.js';
import { serviceEnvironment } from './service-environment.js';

/** A hook that a container starts with may take this long at most, for want of a limit of its own. */
const postStartTimeoutMs = 3_600_000;

export interface ReadySandbox {
  id: string;
  config: SandboxConfig;
  ips: readonly string[];
}

export interface StartInput {
  pod: Pod;
  container: AnyContainer;
  attempt: number;
  /** A container that was created and not started, by a kubelet that ended in between. */
  created?: ContainerState;
  /** Resolves when volumes are there. */
  volumes: Promise<void>;
  sandbox: Promise<ReadySandbox>;
  /** Resolves when the container before this one has started, or failed to. */
  turn: Promise<void>;
  signal: AbortSignal;
}

/** What the container status shows while the container does not run. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly waiting: string;

  constructor(waiting: string, message: string, options: ErrorOptions) {
    super(message, options);
    this.waiting = waiting;
  }
}

/** Throws StartFailure for what is the container's own; what `volumes` and `sandbox` throw passes through. */
export async function startContainer(context: NodeContext, input: StartInput): Promise<void> {
  const { pod, container, signal } = input;
  const events = containerEvents(context.events, pod, container.name);
  const [image, sandbox] = await allOrFirst([ensureImage(context, input, events), input.sandbox, input.volumes]);
  signal.throwIfAborted();
  const config = await configure(context, input, { image, sandbox }).catch((error) => {
    events.warning('Failed', `Error: ${textOf(error)}`);
    throw new StartFailure('CreateContainerConfigError', textOf(error), { cause: error });
  });
  signal.throwIfAborted();
  const id = input.created?.id ?? (await create(context, { config, sandbox, events }));
  await input.turn;
  signal.throwIfAborted();
  try {
    await context.runtime.startContainer(id);
  } catch (error) {
    events.warning('Failed', `Error: ${textOf(error)}`);
    await refreshContainer(context, id);
    throw new StartFailure('RunContainerError', textOf(error), { cause: error });
  }
  events.normal('Started', 'Container started');
  const state = await refreshContainer(context, id);
  if (state && container.lifecycle?.postStart) await postStart(context, input, { state, sandbox, events });
}

/** Like Promise.all, but lets the other promises fail without being noticed. */
async function allOrFirst<T extends readonly Promise<unknown>[]>(all: readonly [...T]) {
  for (const one of all) one.catch(() => {});
  return (await Promise.all(all)) as { [K in keyof T]: Awaited<T[K]> };
}

async function ensureImage(context: NodeContext, input: StartInput, events: ContainerEvents): Promise<PresentImage> {
  const { pod, container, signal } = input;
  const credentials = (image: ImageReference) => pullCredentials(context, pod, image);
  try {
    return await context.images.ensure({ pod, container, events, credentials, signal });
  } catch (error) {
    if (!(error instanceof KubeletError)) throw error;
    if (error.waiting !== 'ErrImageNeverPull' && error.waiting !== 'InvalidImageName') {
      events.warning('Failed', `Error: ${error.waiting}`);
    }
    throw new StartFailure(error.waiting ?? 'ErrImagePull', error.message, { cause: error });
  }
}

/** A secret that does not exist is passed over, as upstream does: the pull may succeed without it. */
async function pullCredentials({ config, log }: NodeContext, pod: Pod, image: ImageReference): Promise<Credentials[]> {
  const namespace = pod.metadata.namespace!;
  const secrets = await Promise.all(
    (pod.spec.imagePullSecrets ?? []).map(async ({ name = '' }) => {
      try {
        return [await config.secret(namespace, name)];
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
        log.warn('image pull secret not found', { pod: `${namespace}/${pod.metadata.name}`, secret: name });
        return [];
      }
    }),
  );
  return credentialsFor(image, secrets.flat());
}

async function configure(
  context: NodeContext,
  { pod, container, attempt }: StartInput,
  { image, sandbox }: { image: PresentImage; sandbox: ReadySandbox },
): Promise<ContainerConfig> {
  const { paths, isMachine, hostIPs, allocatable, config } = context;
  const uid = pod.metadata.uid!;
  const podIPs = pod.spec.hostNetwork ? hostIPs : sandbox.ips;
  const services = serviceEnvironment(context.services(pod.metadata.namespace!).filter((one) => isTold(pod, one)));
  const env = await environment({
    pod,
    container: container as Container,
    podIPs,
    hostIPs,
    allocatable,
    services,
    source: config,
    file: (volume, path) => context.volumes.file(pod, { volume, path }),
  });
  const terminationFile = terminationMessageFile(paths, { uid, name: container.name, attempt });
  const [volumeMounts] = await Promise.all([
    context.volumes.mounts(pod, container, env),
    isMachine && makeTerminationFile(terminationFile),
    isMachine && mkdir(join(podLogDirectory(paths, pod), container.name), { recursive: true }),
  ]);
  return containerConfig({
    pod,
    container,
    attempt,
    imageId: image.id,
    image: image.info,
    env,
    volumeMounts,
    node: context,
    ...(isMachine && { hostsFile: hostsFilePath(paths, uid), terminationFile }),
  });
}

/** Every pod is told of the API server; of the others only where the pod wants it. */
function isTold(pod: Pod, { metadata }: { metadata: { name?: string; namespace?: string } }): boolean {
  const isApiServer = metadata.namespace === 'default' && metadata.name === 'kubernetes';
  return isApiServer || (pod.spec.enableServiceLinks !== false && metadata.namespace === pod.metadata.namespace);
}

async function makeTerminationFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // Whatever user the container runs as must be able to write it, whatever our umask.
  await writeFile(path, '', { mode: 0o666 });
  await chmod(path, 0o666);
}

async function create(
  context: NodeContext,
  { config, sandbox, events }: { config: ContainerConfig; sandbox: ReadySandbox; events: ContainerEvents },
): Promise<string> {
  const { runtime, states, clock } = context;
  try {
    const id = await runtime.createContainer(sandbox.id, config, sandbox.config);
    states.setContainer(createdState(config, { id, sandboxId: sandbox.id, nowMs: clock.now() }));
    events.normal('Created', 'Container created');
    return id;
  } catch (error) {
    events.warning('Failed', `Error: ${textOf(error)}`);
    throw new StartFailure('CreateContainerError', textOf(error), { cause: error });
  }
}

function createdState(
  { name, attempt, image, imageId, logPath, labels, annotations }: ContainerConfig,
  { id, sandboxId, nowMs }: { id: string; sandboxId: string; nowMs: number },
): ContainerState {
  return {
    id,
    sandboxId,
    name,
    attempt,
    state: 'created',
    createdAtMs: nowMs,
    startedAtMs: 0,
    finishedAtMs: 0,
    exitCode: 0,
    signal: 0,
    reason: '',
    message: '',
    image,
    imageRef: imageId,
    imageId,
    logPath,
    labels,
    annotations,
  };
}

/** A container whose postStart fails is stopped, and then restarted by its policy. */
async function postStart(
  context: NodeContext,
  { pod, container, signal }: StartInput,
  { state, sandbox, events }: { state: ContainerState; sandbox: ReadySandbox; events: ContainerEvents },
): Promise<void> {
  try {
    await context.hooks.run({
      pod,
      container: container.name,
      containerId: state.id,
      podIP: (pod.spec.hostNetwork ? context.hostIPs : sandbox.ips)[0] ?? '',
      handler: container.lifecycle!.postStart!,
      timeoutMs: postStartTimeoutMs,
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    events.warning('FailedPostStartHook', `PostStartHook failed: ${textOf(error)}`);
    await stopContainer(context, { pod, container: state, message: 'FailedPostStartHook' });
    throw new StartFailure('PostStartHookError', textOf(error), { cause: error });
  }
}
