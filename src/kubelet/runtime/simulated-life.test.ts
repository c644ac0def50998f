import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { RuntimeError } from './runtime.js';
import { simulatedLife, simulatedLog, simulatedUsage } from './simulated-life.js';

function podOf(annotations: Record<string, string> = {}, restartPolicy = 'Never'): Pod {
  const initContainers = [{ name: 'first' }, { name: 'side', restartPolicy: 'Always' }];
  return {
    metadata: { name: 'job', annotations },
    spec: { restartPolicy, initContainers, containers: [{ name: 'app' }, { name: 'other' }] },
  } as unknown as Pod;
}

const lifeOf = (pod: Pod, container = 'app', attempt = 0) =>
  simulatedLife({ pod, container, attempt, defaultMs: 1000 });

describe('the life of a simulated container', () => {
  it('is as long as the policy of its pod suggests', () => {
    expect(lifeOf(podOf())).toEqual({ ms: 1000, exitCode: 0 });
    expect(lifeOf(podOf({}, 'OnFailure'))).toEqual({ ms: 1000, exitCode: 0 });
    expect(lifeOf(podOf({}, 'Always'))).toBeUndefined();
    expect(simulatedLife({ pod: podOf(), container: 'app', attempt: 0, defaultMs: undefined })).toBeUndefined();
  });

  it('is nothing for what comes before the pod, and never over for sidecars', () => {
    expect(lifeOf(podOf({}, 'Always'), 'first')).toEqual({ ms: 0, exitCode: 0 });
    expect(lifeOf(podOf(), 'side')).toBeUndefined();
  });

  it('is what the annotations say, of one container before all', () => {
    const pod = podOf({
      'simulated.t8s.local/lifetime': '1m30s',
      'simulated.t8s.local/exit-code': '3',
      'other.simulated.t8s.local/lifetime': 'never',
      'first.simulated.t8s.local/exit-code': '1, 0',
    });
    expect(lifeOf(pod)).toEqual({ ms: 90_000, exitCode: 3 });
    expect(lifeOf(pod, 'other')).toBeUndefined();
    expect([0, 1, 2].map((attempt) => lifeOf(pod, 'first', attempt)?.exitCode)).toEqual([1, 0, 0]);
  });

  it('is refused where it cannot be read', () => {
    const readOrRefuse = (name: string, value: string) => {
      try {
        return typeof lifeOf(podOf({ [`simulated.t8s.local/${name}`]: value }))?.exitCode;
      } catch (error) {
        expect(error).toBeInstanceOf(RuntimeError);
        return (error as RuntimeError).message;
      }
    };
    expect(readOrRefuse('lifetime', '-1s')).toBe(
      'annotation simulated.t8s.local/lifetime must be a duration such as 90s, or never, not "-1s"',
    );
    expect(readOrRefuse('exit-code', '0,256')).toBe(
      'annotation simulated.t8s.local/exit-code must be exit codes from 0 to 255, a comma apart, not "0,256"',
    );
    fc.assert(
      fc.property(fc.constantFrom('lifetime', 'exit-code'), fc.string(), (name, value) => {
        expect(readOrRefuse(name, value)).toBeTypeOf('string');
      }),
    );
  });
});

it('the log of a simulated container is what its pod says', () => {
  const time = '2026-01-01T00:00:00.000000Z';
  const log = (annotations: Record<string, string>) =>
    simulatedLog({ pod: podOf(annotations), container: 'app', time });
  expect(log({})).toBe('');
  const two = `${time} stdout F one\n${time} stdout F \n${time} stdout F two\n`;
  expect(log({ 'simulated.t8s.local/log': 'one\n\ntwo' })).toBe(two);
  expect(log({ 'app.simulated.t8s.local/log': 'one\n\ntwo\n', 'simulated.t8s.local/log': 'x' })).toBe(two);
});

it('a simulated container uses what its annotations say, and otherwise next to nothing', () => {
  const pod = podOf({
    'simulated.t8s.local/cpu': '250m',
    'simulated.t8s.local/memory': 'much',
    'other.simulated.t8s.local/cpu': '2',
  });
  expect(simulatedUsage({ pod, container: 'app' })).toEqual({ milliCpu: 250, memoryBytes: 8 * 2 ** 20 });
  expect(simulatedUsage({ pod, container: 'other' }).milliCpu).toBe(2000);
  expect(simulatedUsage({ pod, container: 'first' }).milliCpu).toBe(1);
  expect(simulatedUsage({ pod: undefined, container: 'app' }).milliCpu).toBe(1);
});
