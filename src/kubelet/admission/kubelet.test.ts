/** What becomes of pods that a kubelet does not let in, or for which it makes room. */
import { expect, test } from 'vitest';
import { main, makePod, setUp } from '../test-kubelet.js';

test('a pod that the node cannot take has failed at once, and leaves room for those that come after it', async () => {
  const { api, clock } = await setUp();
  const settle = async () => {
    await clock.advance(0);
    await clock.advance(0);
  };
  const asking = (cpu: string) => ({ containers: [{ ...main, resources: { requests: { cpu } } }] });
  api.put(makePod('large', asking('1000')));
  await settle();
  expect(api.status('large')).toMatchObject({
    phase: 'Failed',
    reason: 'OutOfcpu',
    message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: 0, capacity: 32000",
  });
  expect(api.status('large')?.conditions).toEqual([]);
  api.put(makePod('fitting', asking('32')));
  await settle();
  expect(api.status('fitting')?.phase).toBe('Running');
  api.put(makePod('late', asking('1')));
  await settle();
  expect(api.status('late')?.reason).toBe('OutOfcpu');
});

test('a pod that is gone from the API leaves its room at once, however long it takes to end', async () => {
  const { api, clock } = await setUp();
  const preStop = { sleep: { seconds: 79 } };
  const asking = (cpu: string) => ({ ...main, resources: { requests: { cpu } } });
  api.put(
    makePod('slow', { containers: [{ ...asking('32'), lifecycle: { preStop } }], terminationGracePeriodSeconds: 80 }),
  );
  await clock.advance(10);
  expect(api.status('slow')?.phase).toBe('Running');
  api.markDeleted('slow', 80);
  await clock.advance(10);
  await api.request({ method: 'DELETE', path: '/api/v1/namespaces/default/pods/slow' });
  api.put(makePod('next', { containers: [asking('32')] }));
  await clock.advance(10);
  expect(api.status('next')?.phase).toBe('Running');
});

test('a critical pod takes the room of others, which fail for it', async () => {
  const { api, clock } = await setUp();
  const asking = (cpu: string) => ({ containers: [{ ...main, resources: { requests: { cpu } } }] });
  api.put(makePod('usual', asking('20')));
  await clock.advance(10);
  expect(api.status('usual')?.phase).toBe('Running');
  api.put(makePod('critical', { ...asking('30'), priority: 2_000_000_000 }));
  await clock.advance(60_000);
  expect(api.status('usual')).toMatchObject({
    phase: 'Failed',
    reason: 'Preempting',
    message: 'Preempted in order to admit critical pod',
  });
  expect(api.status('usual')?.conditions?.find(({ type }) => type === 'DisruptionTarget')).toMatchObject({
    status: 'True',
    reason: 'TerminationByKubelet',
    message: 'Pod was preempted by Kubelet to accommodate a critical pod.',
  });
  expect(api.status('critical')?.phase).toBe('Running');
  api.put(makePod('impossible', { ...asking('40'), priority: 2_000_000_001 }));
  await clock.advance(1000);
  expect(api.status('impossible')?.reason).toBe('UnexpectedAdmissionError');
});
