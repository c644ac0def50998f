import { expect, test } from 'vitest';
import { VirtualClock } from '#base/clock.js';
import { MetricRegistry } from '#base/metrics.js';
import { forbiddenError } from '../authorization/union.js';
import { AdmissionChain } from '../registry/admit.js';
import { admissionMetrics } from './admission-metrics.js';

test('each plugin and each step is counted with the time it took and whether it refused', async () => {
  const registry = new MetricRegistry();
  const clock = new VirtualClock();
  const plugin = (name: string, ms: number, run: () => void = () => {}) => ({
    name,
    handles: () => true,
    async mutate() {
      const waited = clock.sleep(ms);
      await clock.advance(ms);
      await waited;
      run();
    },
  });
  const refuse = () => {
    throw forbiddenError({ user: { name: 'jane', groups: [] }, verb: 'get', path: '/' }, '');
  };
  const observation = { observer: admissionMetrics(registry), clock };
  const request = { operation: 'CREATE' } as Parameters<AdmissionChain['mutate']>[0];
  await new AdmissionChain([plugin('Slow', 200), plugin('Quick', 3)], observation).mutate(request);
  const refusing = new AdmissionChain([plugin('Refusing', 1, refuse)], {
    observer: observation.observer,
    clock,
  });
  await expect(refusing.mutate(request)).rejects.toThrow();
  const text = registry.expose();
  const plugins = 'apiserver_admission_controller_admission_duration_seconds';
  expect(text).toContain(`${plugins}_sum{name="Slow",operation="CREATE",rejected="false",type="admit"} 0.2\n`);
  expect(text).toContain(`${plugins}_sum{name="Quick",operation="CREATE",rejected="false",type="admit"} 0.003\n`);
  expect(text).toContain(`${plugins}_count{name="Refusing",operation="CREATE",rejected="true",type="admit"} 1\n`);
  const steps = 'apiserver_admission_step_admission_duration_seconds';
  expect(text).toContain(`${steps}_count{operation="CREATE",rejected="false",type="admit"} 1\n`);
  expect(text).toContain(`${steps}_count{operation="CREATE",rejected="true",type="admit"} 1\n`);
});
