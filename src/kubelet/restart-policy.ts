/**
 * Whether a container that ended is started again: by its own rules, by its own policy, or by its pod's. Pure.
 * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#individual-container-restart-policy
 */
import type { Container, ContainerRestartRule, Pod } from '#api/gen/core-v1.js';

export function restartsAfter(exitCode: number, container: Container, pod: Pod): boolean {
  const { restartPolicy: own } = container;
  const action = actionAfter(exitCode, container);
  if (action === 'Restart' || action === 'RestartAllContainers') return true;
  const policy = own ?? pod.spec.restartPolicy;
  return policy === 'OnFailure' ? exitCode !== 0 : policy !== 'Never';
}

/** Whether all containers of its pod start again with it. */
export function restartsAllAfter(exitCode: number, container: Container): boolean {
  return actionAfter(exitCode, container) === 'RestartAllContainers';
}

/** Whether a container that is killed because of its probes starts again: its rules are for what ends by itself. */
export function restartsAfterProbe(container: Container, pod: Pod): boolean {
  return (container.restartPolicy ?? pod.spec.restartPolicy) !== 'Never';
}

function actionAfter(exitCode: number, { restartPolicy, restartPolicyRules = [] }: Container): string | undefined {
  return restartPolicy && restartPolicyRules.find((rule) => isFor(exitCode, rule))?.action;
}

function isFor(exitCode: number, { exitCodes }: ContainerRestartRule): boolean {
  const isNamed = exitCodes?.values?.includes(exitCode) ?? false;
  return exitCodes?.operator === 'NotIn' ? !isNamed : exitCodes?.operator === 'In' && isNamed;
}
