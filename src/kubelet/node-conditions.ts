/** A node's conditions and their events, in upstream's words. Pure. */
import type { NodeCondition } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { Condition } from './eviction/thresholds.js';
import type { RuntimeStatus } from './runtime/runtime.js';

export interface ConditionsInput {
  /** What the node is short of. */
  pressure: readonly Condition[];
  /** Or why the runtime does not answer. */
  runtime: RuntimeStatus | { error: string };
  before: readonly NodeCondition[];
  nowMs: number;
}

interface Words {
  status: 'True' | 'False';
  reason: string;
  message: string;
}

export function nodeConditions({ pressure, runtime, before, nowMs }: ConditionsInput): NodeCondition[] {
  const words: Record<string, Words> = {
    MemoryPressure: pressure.includes('MemoryPressure')
      ? yes('KubeletHasInsufficientMemory', 'kubelet has insufficient memory available')
      : no('KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    DiskPressure: pressure.includes('DiskPressure')
      ? yes('KubeletHasDiskPressure', 'kubelet has disk pressure')
      : no('KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    PIDPressure: pressure.includes('PIDPressure')
      ? yes('KubeletHasInsufficientPID', 'kubelet has insufficient PID available')
      : no('KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    Ready: ready(runtime),
  };
  const now = formatTime(nowMs);
  return Object.entries(words).map(([type, { status, reason, message }]) => {
    const old = before.find((condition) => condition.type === type);
    const lastTransitionTime = old?.status === status ? (old.lastTransitionTime ?? now) : now;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime, reason, message };
  });
}

function ready(runtime: ConditionsInput['runtime']): Words {
  if ('error' in runtime) return no('KubeletNotReady', `container runtime is down: ${runtime.error}`);
  if (runtime.networkReady) return yes('KubeletReady', 'kubelet is posting ready status');
  const { reason = 'NetworkPluginNotReady', message = '' } = runtime;
  const why = `NetworkReady=false reason:${reason} message:${message}`;
  return no('KubeletNotReady', `container runtime network not ready: ${why}`);
}

const yes = (reason: string, message: string): Words => ({ status: 'True', reason, message });
const no = (reason: string, message: string): Words => ({ status: 'False', reason, message });

/** The reasons of events to send for conditions that changed. */
export function conditionEvents(before: readonly NodeCondition[], after: readonly NodeCondition[]): string[] {
  return after.flatMap(({ type, status }) => {
    if (before.find((condition) => condition.type === type)?.status === status) return [];
    return eventReasons[type]?.[status] ?? [];
  });
}

const eventReasons: Record<string, Record<string, string>> = {
  MemoryPressure: { True: 'NodeHasInsufficientMemory', False: 'NodeHasSufficientMemory' },
  DiskPressure: { True: 'NodeHasDiskPressure', False: 'NodeHasNoDiskPressure' },
  PIDPressure: { True: 'NodeHasInsufficientPID', False: 'NodeHasSufficientPID' },
  Ready: { True: 'NodeReady', False: 'NodeNotReady' },
};
