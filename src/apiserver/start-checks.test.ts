import { describe, expect, it } from 'vitest';
import type { HealthEndpoint } from './health.js';
import { type StartStage, startChecks, startStages } from './start-checks.js';

/** What monitoring, and the spec of health handlers in upstream's end-to-end suite, ask of every endpoint. */
const asked = [
  'log',
  'etcd',
  'poststarthook/start-apiserver-admission-initializer',
  'poststarthook/generic-apiserver-start-informers',
  'poststarthook/start-apiextensions-informers',
  'poststarthook/start-apiextensions-controllers',
  'poststarthook/crd-informer-synced',
  'poststarthook/bootstrap-controller',
  'poststarthook/start-system-namespaces-controller',
  'poststarthook/start-service-ip-repair-controllers',
  'poststarthook/storage-readiness',
  'poststarthook/scheduling/bootstrap-system-priority-classes',
  'poststarthook/start-cluster-authentication-info-controller',
  'poststarthook/start-kube-apiserver-identity-lease-controller',
  'poststarthook/start-kube-apiserver-identity-lease-garbage-collector',
  'poststarthook/start-kube-aggregator-informers',
  'poststarthook/apiservice-registration-controller',
  'poststarthook/apiservice-status-local-available-controller',
  'poststarthook/apiservice-status-remote-available-controller',
  'poststarthook/kube-apiserver-autoregistration',
  'autoregister-completion',
  'poststarthook/apiservice-openapi-controller',
];

function checksBehind(stages: number) {
  const isBehind = (stage: StartStage) => startStages.indexOf(stage) < stages;
  return startChecks({ store: async () => {}, isBehind, isStopping: () => false });
}

async function failuresBehind(stages: number): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, check } of checksBehind(stages))
    try {
      await check();
    } catch {
      failures.push(name);
    }
  return failures;
}

describe('the checks of a start', () => {
  it.each<HealthEndpoint>(['healthz', 'livez', 'readyz'])('are all there at /%s, each once', (endpoint) => {
    const names = checksBehind(startStages.length)
      .filter(({ endpoints }) => !endpoints || endpoints.includes(endpoint))
      .map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(asked));
    expect(new Set(names).size).toBe(names.length);
  });

  it('fail until what they stand for is done', async () => {
    expect(await failuresBehind(1)).toContain('poststarthook/start-legacy-token-tracking-controller');
    const beforePolicy = await failuresBehind(2);
    expect(beforePolicy).toContain('poststarthook/storage-readiness');
    expect(beforePolicy).toContain('poststarthook/start-service-ip-repair-controllers');
    expect(beforePolicy).not.toContain('poststarthook/start-legacy-token-tracking-controller');
    expect(await failuresBehind(startStages.length)).toEqual([]);
  });
});
