/** Takes profiles of this process by V8's own means: where its time goes, and what it makes in memory. */
import type { HeapProfiler, Profiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import type { Clock } from '#base/clock.js';
import type { Frame, Profile, Sample } from './pprof-format.js';

export interface ProfilingOptions {
  clock: Clock;
  seconds: number;
  signal: AbortSignal;
}

/** Microseconds between looks at what runs. */
const cpuPeriodMicros = 10_000;
/** Bytes made between two that are looked at. */
const heapPeriodBytes = 512 * 1024;

/** Rejects with the signal's reason. */
export async function profileCpu({ clock, seconds, signal }: ProfilingOptions): Promise<Profile> {
  return inSession(async (session) => {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: cpuPeriodMicros });
    const startedMs = clock.now();
    await session.post('Profiler.start');
    await clock.sleep(seconds * 1000, signal);
    const { profile } = await session.post('Profiler.stop');
    return {
      types: [
        ['samples', 'count'],
        ['cpu', 'nanoseconds'],
      ],
      samples: cpuSamples(profile),
      startedMs,
      durationMs: (profile.endTime - profile.startTime) / 1000,
      period: cpuPeriodMicros * 1000,
    };
  });
}

/** Of what is made in so many seconds and is still there at their end. Rejects with the signal's reason. */
export async function profileHeap({ clock, seconds, signal }: ProfilingOptions): Promise<Profile> {
  return inSession(async (session) => {
    const startedMs = clock.now();
    await session.post('HeapProfiler.startSampling', { samplingInterval: heapPeriodBytes });
    await clock.sleep(seconds * 1000, signal);
    const { profile } = await session.post('HeapProfiler.stopSampling');
    return {
      types: [['inuse_space', 'bytes']],
      samples: heapSamples(profile.head, []),
      startedMs,
      durationMs: seconds * 1000,
      period: heapPeriodBytes,
    };
  });
}

async function inSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
  const session = new Session();
  session.connect();
  try {
    return await work(session);
  } finally {
    session.disconnect();
  }
}

/** V8 tells of each sample which node of the tree of calls it was in. */
export function cpuSamples({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Sample[] {
  const parents = new Map<number, number>();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const found = new Map<number, { count: number; micros: number }>();
  for (const [index, id] of samples.entries()) {
    const sum = found.get(id) ?? { count: 0, micros: 0 };
    found.set(id, { count: sum.count + 1, micros: sum.micros + Math.max(0, timeDeltas[index] ?? 0) });
  }
  return [...found].flatMap(([id, { count, micros }]) => {
    const frames: Frame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) frames.push(byId.get(at)!.callFrame);
    // The root is no function; and while nothing runs, no time is spent.
    frames.pop();
    const isIdle = frames.length === 0 || frames[0]!.functionName === '(idle)';
    return isIdle ? [] : [{ frames, values: [count, micros * 1000] }];
  });
}

function heapSamples(
  { callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode,
  outer: Frame[],
): Sample[] {
  const frames = callFrame.functionName === '(root)' ? outer : [callFrame, ...outer];
  const own = selfSize > 0 && frames.length > 0 ? [{ frames, values: [selfSize] }] : [];
  return [...own, ...children.flatMap((child) => heapSamples(child, frames))];
}
