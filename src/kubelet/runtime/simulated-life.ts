/** What a pod says of its containers' lives where nothing runs: how long, with which exit code, and what they log. Pure. */
import type { Container, Pod } from '#api/gen/core-v1.js';
import { parseMilliseconds } from '#apimachinery/codec/time.js';
import { Quantity } from '#apimachinery/quantity.js';
import { findContainer, isRestartableInit } from '../pod-state.js';
import { RuntimeError } from './runtime.js';

/**
 * Annotations of a pod, for all containers that are not init containers; with a container's name and a dot in front
 * (`app.simulated.t8s.local/exit-code`), for that one alone. docs/simulated-nodes.md tells users of them.
 */
export const annotationDomain = 'simulated.t8s.local';
const lifetimeAnnotation = `${annotationDomain}/lifetime`;
const exitCodeAnnotation = `${annotationDomain}/exit-code`;
const logAnnotation = `${annotationDomain}/log`;
const cpuAnnotation = `${annotationDomain}/cpu`;
const memoryAnnotation = `${annotationDomain}/memory`;

/** What a container uses while it runs. */
export interface SimulatedUsage {
  milliCpu: number;
  memoryBytes: number;
}

/** Of a container that idles. */
const idle: SimulatedUsage = { milliCpu: 1, memoryBytes: 8 * 2 ** 20 };

export interface SimulatedLife {
  ms: number;
  exitCode: number;
}

export interface SimulatedStart {
  pod: Pod;
  container: string;
  /** How often it was started before. */
  attempt: number;
  /** Of a container that may end, where the pod says nothing; undefined: until it is stopped. */
  defaultMs: number | undefined;
}

/**
 * undefined: it runs until it is stopped. Init containers end at once, since the pod waits for nothing else. Throws
 * RuntimeError 'failed' for an annotation that cannot be read.
 */
export function simulatedLife({ pod, container, attempt, defaultMs }: SimulatedStart): SimulatedLife | undefined {
  const exitCodes = annotation(pod, container, exitCodeAnnotation) ?? '0';
  const exitCode = readExitCode(exitCodes, attempt);
  const lifetime = annotation(pod, container, lifetimeAnnotation);
  const ms = lifetime === undefined ? usualMs(pod, container, defaultMs) : readLifetime(lifetime);
  return ms === undefined ? undefined : { ms, exitCode };
}

/** Asked for at every look: a pod may be told to use more while it runs. What cannot be read is as if it were not there. */
export function simulatedUsage({ pod, container }: { pod: Pod | undefined; container: string }): SimulatedUsage {
  const read = (name: string) => Quantity.tryParse(pod && annotation(pod, container, name));
  return {
    milliCpu: read(cpuAnnotation)?.milliNumber() ?? idle.milliCpu,
    memoryBytes: read(memoryAnnotation)?.unitsNumber() ?? idle.memoryBytes,
  };
}

/** As if the container had said it all at its start, in the form of container runtimes' log files. */
export function simulatedLog({ pod, container, time }: { pod: Pod; container: string; time: string }): string {
  const text = annotation(pod, container, logAnnotation) ?? '';
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => `${time} stdout F ${line}\n`).join('');
}

function annotation({ metadata, spec }: Pod, container: string, name: string): string | undefined {
  const own = metadata.annotations?.[`${container}.${name}`];
  const isInit = spec.initContainers?.some((one) => one.name === container) ?? false;
  return own ?? (isInit ? undefined : metadata.annotations?.[name]);
}

function usualMs(pod: Pod, name: string, defaultMs: number | undefined): number | undefined {
  if (pod.spec.initContainers?.some((one) => one.name === name && !isRestartableInit(one))) return 0;
  const own = (findContainer(pod, name) as Container | undefined)?.restartPolicy;
  return (own ?? pod.spec.restartPolicy) === 'Always' ? undefined : defaultMs;
}

function readLifetime(text: string): number | undefined {
  if (text === 'never') return undefined;
  try {
    const ms = parseMilliseconds(text);
    if (ms >= 0) return ms;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw unreadable(lifetimeAnnotation, `a duration such as 90s, or never, not ${JSON.stringify(text)}`);
}

/** One code for each start, a comma apart; the last holds for all starts after it. */
function readExitCode(text: string, attempt: number): number {
  const codes = text.split(',').map((one) => one.trim());
  const isCode = (one: string) => /^\d{1,3}$/.test(one) && Number(one) <= 255;
  if (codes.every(isCode)) return Number(codes[Math.min(attempt, codes.length - 1)]);
  throw unreadable(exitCodeAnnotation, `exit codes from 0 to 255, a comma apart, not ${JSON.stringify(text)}`);
}

function unreadable(name: string, expected: string): RuntimeError {
  return new RuntimeError('failed', `annotation ${name} must be ${expected}`);
}
