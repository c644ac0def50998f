import { expect, test } from 'vitest';
import pods from '#api/core/pod/index.js';
import { FeatureGates } from '#apimachinery/features/gates.js';
import type { KubeObject } from '#apimachinery/object.js';
import { copy } from '#base/json.js';
import { droppingOf } from './gated.js';

const pod = (spec: object, status?: object) =>
  ({ metadata: {}, spec, ...(status && { status }) }) as unknown as KubeObject;

function dropped(object: KubeObject, { off = '', old }: { off?: string; old?: KubeObject } = {}, part?: 'status') {
  const result = copy(object);
  droppingOf(pods.gated, FeatureGates.parse(off))?.drop(result, old, part ?? 'others');
  return result;
}

const rules = {
  containers: [{ name: 'c', restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart' }] }],
  initContainers: [
    { name: 'a', restartPolicy: 'Always' },
    { name: 'b', restartPolicy: 'OnFailure' },
  ],
};
const noRules = 'ContainerRestartRules=false,RestartAllContainersOnContainerExits=false';

test('fields of features that are off by default go, and what holds nothing else', () => {
  const lifecycle = { stopSignal: 'SIGUSR1' };
  const given = pod({ schedulingGroup: {}, containers: [{ lifecycle }, { lifecycle: { ...lifecycle, preStop: {} } }] });
  expect(dropped(given)).toEqual(pod({ containers: [{}, { lifecycle: { preStop: {} } }] }));
});

test('fields of features that are on stay until these are turned off', () => {
  expect(dropped(pod(rules))).toEqual(pod(rules));
  expect(dropped(pod(rules), { off: noRules })).toEqual(
    pod({ containers: [{ name: 'c' }], initContainers: [{ name: 'a', restartPolicy: 'Always' }, { name: 'b' }] }),
  );
});

test('an object that uses a feature already goes on with it', () => {
  const old = pod({ containers: [{ name: 'c', restartPolicy: 'Never' }] });
  expect(dropped(pod(rules), { off: noRules, old })).toEqual(pod(rules));
  const without = pod({ containers: [], initContainers: [{ name: 'a', restartPolicy: 'Always' }] });
  expect(dropped(pod(rules), { off: noRules, old: without })).not.toEqual(pod(rules));
});

test('a write of the status loses fields of the status only, and others lose none of it', () => {
  const off = 'ResourceHealthStatus=false,ResourceHealthStatusMessage=false,HostnameOverride=false';
  const status = { containerStatuses: [{ name: 'c', allocatedResourcesStatus: [{}] }] };
  const given = pod({ hostnameOverride: 'h' }, status);
  expect(dropped(given, { off }, 'status')).toEqual(
    pod({ hostnameOverride: 'h' }, { containerStatuses: [{ name: 'c' }] }),
  );
  expect(dropped(given, { off })).toEqual(pod({}, status));
});

test('a server with all gates as they are by default has nothing to look for in most kinds', () => {
  expect(droppingOf({ EnvFiles: ['spec.x'] }, FeatureGates.standard)).toBeUndefined();
});
