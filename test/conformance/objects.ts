/** The small objects that many conformance tests make. */
import { expect } from 'vitest';
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.js';
import type { Pod, PodTemplateSpec, Service } from '#api/gen/core-v1.js';
import { type Reason, StatusError } from '#apimachinery/errors.js';

export const image = 'registry.k8s.io/pause:3.10';

type Labels = Record<string, string>;

export function podOf(
  name: string,
  namespace: string,
  more: { labels?: Labels; spec?: Partial<Pod['spec']> } = {},
): Pod {
  const { labels, spec } = more;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels },
    spec: { containers: [{ name: 'main', image }], terminationGracePeriodSeconds: 0, ...spec },
  };
}

function templateOf(labels: Labels): PodTemplateSpec {
  return { metadata: { labels }, spec: { containers: [{ name: 'main', image }], terminationGracePeriodSeconds: 0 } };
}

export function deploymentOf(name: string, namespace: string, labels: Labels, spec: Partial<Deployment['spec']> = {}) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: templateOf(labels), ...spec },
  } as Deployment;
}

export function replicaSetOf(name: string, namespace: string, labels: Labels, replicas: number): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name, namespace, labels },
    spec: { replicas, selector: { matchLabels: labels }, template: templateOf(labels) },
  };
}

export function serviceOf(name: string, namespace: string, spec: Partial<Service['spec']>, labels?: Labels): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels },
    spec: { ports: [{ port: 80, targetPort: 80 }], ...spec },
  };
}

/** The refusal that a request must meet. */
export async function refusal(request: Promise<unknown>, reason: Reason): Promise<StatusError> {
  const error = await request.then(
    () => new Error(`the request succeeded; it should have been refused as ${reason}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StatusError)) throw error;
  expect(error.status.reason).toBe(reason);
  return error;
}
