/**
 * How many pods a rolling update may have over and under the declared number.
 * https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
 */
import type { Deployment } from '#api/gen/apps-v1.js';

export function isRolling({ spec }: Deployment): boolean {
  return (spec.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

export function maxSurge(deployment: Deployment): number {
  return isRolling(deployment) ? limits(deployment).surge : 0;
}

export function maxUnavailable(deployment: Deployment): number {
  const replicas = deployment.spec.replicas ?? 1;
  if (!isRolling(deployment) || replicas === 0) return 0;
  return Math.min(limits(deployment).unavailable, replicas);
}

/** Surge rounds up and unavailable down; if both come to 0 nothing could ever move, so one pod may be missing. */
function limits({ spec }: Deployment): { surge: number; unavailable: number } {
  const { replicas = 1, strategy } = spec;
  const surge = Math.ceil(pods(strategy?.rollingUpdate?.maxSurge ?? '25%', replicas));
  const unavailable = Math.floor(pods(strategy?.rollingUpdate?.maxUnavailable ?? '25%', replicas));
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

function pods(value: number | string, replicas: number): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value);
  return percent ? (Number(percent[1]) * replicas) / 100 : 0;
}
