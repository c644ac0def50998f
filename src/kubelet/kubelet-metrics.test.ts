import { expect, it } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import { VirtualClock } from '#base/clock.js';
import { KubeletMetrics, requestKind } from './kubelet-metrics.js';
import type { Runtime } from './runtime/runtime.js';

const counts = () => ({ desiredPods: 3, runningPods: 2, containers: new Map([['running', 5]]) });
const metrics = () => new KubeletMetrics({ clock: new VirtualClock(), nodeName: 'n1', counts });
const linesOf = (text: string, prefix: string) => text.split('\n').filter((line) => line.startsWith(prefix));

it('probes are counted by result, until their pod is gone', () => {
  const told = metrics();
  const pod = { metadata: { name: 'web', namespace: 'shop', uid: 'u1' } } as Pod;
  const target = { type: 'Readiness', pod, container: 'app', containerId: 'c1', podIP: '', probe: {} } as const;
  told.countProbe(target, { result: 'success', output: '' }, 20);
  told.countProbe(target, { result: 'success', output: '' }, 20);
  told.countProbe(target, { result: 'failure', output: '' }, 1000);
  const labels = (result: string) =>
    `container="app",namespace="shop",pod="web",pod_uid="u1",probe_type="Readiness",result="${result}"`;
  expect(linesOf(told.probes.expose(), 'prober_probe_total')).toEqual([
    `prober_probe_total{${labels('failed')}} 1`,
    `prober_probe_total{${labels('successful')}} 2`,
  ]);
  expect(linesOf(told.probes.expose(), 'prober_probe_duration_seconds_count')[0]).toMatch(/} 2$/);
  told.forgetProbe(target);
  expect(linesOf(told.probes.expose(), 'prober_')).toEqual([]);
});

it('each end of a container is counted once', () => {
  const told = metrics();
  const own = { name: 'app', image: '', imageID: '', ready: false, restartCount: 0 };
  const ended = { containerStatuses: [{ ...own, state: { terminated: { exitCode: 139, reason: 'Error' } } }] };
  const running = { containerStatuses: [{ ...own, state: { running: {} } }] };
  const steps = [undefined, running, ended, ended, running, ended];
  for (const [index, status] of steps.slice(1).entries()) told.countEnds(steps[index], status!);
  expect(linesOf(told.own.expose(), 'kubelet_terminated_containers_total')).toEqual([
    'kubelet_terminated_containers_total{container_type="container",exit_code="139",reason="Error"} 2',
  ]);
});

it('calls of the runtime are counted, and those that fail', async () => {
  class Fake {
    readonly #id = 'i1';
    async image(reference: string) {
      if (reference === 'bad') throw new Error('no such image');
      return this.#id;
    }
    async close() {}
  }
  const told = metrics();
  const runtime = told.counted(new Fake() as unknown as Runtime);
  expect(await runtime.image('good')).toBe('i1');
  await expect(runtime.image('bad')).rejects.toThrow('no such image');
  await runtime.close();
  const lines = told.own.expose();
  expect(linesOf(lines, 'kubelet_runtime_operations_total')).toEqual([
    'kubelet_runtime_operations_total{operation_type="image_status"} 2',
  ]);
  expect(linesOf(lines, 'kubelet_runtime_operations_errors_total')).toEqual([
    'kubelet_runtime_operations_errors_total{operation_type="image_status"} 1',
  ]);
  expect(linesOf(lines, 'kubelet_running_containers')).toEqual([
    'kubelet_running_containers{container_state="running"} 5',
  ]);
});

it('no path and no method that somebody makes up becomes a label', () => {
  expect(requestKind({ method: 'GET', url: '/metrics/cadvisor?x=1' })).toEqual({
    method: 'GET',
    path: 'metrics/cadvisor',
  });
  expect(requestKind({ method: 'GET', url: '/exec/ns/pod/c' })).toEqual({ method: 'GET', path: 'exec' });
  expect(requestKind({ method: 'BREW', url: '/metrics/x' })).toEqual({ method: 'other', path: 'other' });
});
