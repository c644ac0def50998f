import { expect, test } from 'vitest';
import { FeatureGates } from './gates.js';
import { innerGates, switchableGates } from './switchable.js';

const problemOf = (text: string) => {
  try {
    FeatureGates.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
};

test.each([
  ['EnvFiles', 'missing bool value for EnvFiles'],
  ['EnvFiles=x', 'invalid value of EnvFiles=x, err: strconv.ParseBool: parsing "x": invalid syntax'],
  ['Nope=true', 'unrecognized feature gate: Nope'],
  ['SidecarContainers=false', 'cannot set feature gate SidecarContainers to false, feature is locked to true'],
  [
    'RestartAllContainersOnContainerExits=false',
    'cannot set feature gate RestartAllContainersOnContainerExits to false, it can only be true in Typernetes',
  ],
  ['GangScheduling=true', 'cannot set feature gate GangScheduling to true, it can only be false in Typernetes'],
  ['Nope=true,No=1', '[unrecognized feature gate: Nope, unrecognized feature gate: No]'],
  [
    'ResourceHealthStatus=false',
    'ResourceHealthStatusMessage is enabled, but depends on features that are disabled: [ResourceHealthStatus]',
  ],
  ['other:EnvFiles=true', 'component not registered: other'],
  [
    'kube:EnvFiles=true,HostnameOverride=true',
    'set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use',
  ],
])('%s is refused', (text, message) => {
  expect(problemOf(text)).toBe(message);
});

test.each([
  '',
  'SidecarContainers=true',
  'GangScheduling=false',
  'EnvFiles = 0 ,',
  'kube:EnvFiles=F',
  'AtomicFIFO=true',
  'PodLevelResources=false,InPlacePodLevelResourcesVerticalScaling=false',
])('%j is taken', (text) => {
  expect(problemOf(text)).toBeUndefined();
});

test('the last word on a gate counts, and what is said of one before what is said of all', () => {
  expect(FeatureGates.parse('EnvFiles=false,EnvFiles=true').enabled('EnvFiles')).toBe(true);
  const gates = FeatureGates.parse('AllBeta=false,EnvFiles=true');
  expect([gates.enabled('EnvFiles'), gates.enabled('HostnameOverride'), gates.enabled('DRAPrioritizedList')]).toEqual([
    true,
    false,
    true,
  ]);
  expect(gates.unmoved).toContain('NodeDeclaredFeatures');
  expect(gates.unmoved).not.toContain('HostnameOverride');
});

test('every gate that can be switched is one of the table and not locked', () => {
  const states = new Map([...FeatureGates.standard.states()].map((one) => [one.name, one]));
  expect(states.size).toBe(242);
  for (const name of [...switchableGates, ...innerGates.trim().split(/\s+/)]) {
    const other = !states.get(name)!.enabled;
    expect(problemOf(`${name}=${other}`) ?? 'depends on').toContain('depends on');
  }
});
