/** Which file holds the log that a user asks for, or why there is none, in upstream's words. */
import { resolve } from 'node:path';
import type { Pod } from '#api/gen/core-v1.js';
import { badRequest } from '#apimachinery/errors.js';
import { findStatus } from './container-status.js';
import type { NodeContext } from './node-context.js';
import { podLogDirectory } from './paths.js';
import { findContainer } from './pod-state.js';

export interface LogFile {
  path: string;
  /** When the container whose log it is started. */
  startedAtMs: number;
  /** Whether it may still grow. */
  isRunning: () => boolean;
}

/** Throws StatusError BadRequest. */
export function logFile(
  { states, statuses, paths }: NodeContext,
  { pod, container, previous }: { pod: Pod; container: string; previous: boolean },
): LogFile {
  const { name, uid = '' } = pod.metadata;
  if (!findContainer(pod, container)) throw badRequest(`container ${container} is not valid for pod ${name}`);
  const runs = states.of(uid).containers.filter((one) => one.name === container && one.state !== 'created');
  const found = previous
    ? runs.filter(({ state }) => state === 'exited')[runs[0]?.state === 'running' ? 0 : 1]
    : runs[0];
  if (!found) {
    if (previous) throw badRequest(`previous terminated container "${container}" in pod "${name}" not found`);
    const why = findStatus(statuses.current(pod), container)?.state?.waiting?.reason ?? 'ContainerCreating';
    const failed = why === 'ErrImagePull' || why === 'ImagePullBackOff';
    const text = failed ? `trying and failing to pull image` : `waiting to start: ${why}`;
    throw badRequest(`container "${container}" in pod "${name}" is ${text}`);
  }
  const isRunning = () => states.of(uid).containers.some(({ id, state }) => id === found.id && state === 'running');
  const path = resolve(podLogDirectory(paths, pod), found.logPath);
  return { path, startedAtMs: found.startedAtMs, isRunning };
}
