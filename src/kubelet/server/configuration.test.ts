import { expect, test } from 'vitest';
import { defaultKubeletSettings } from '../settings.js';
import { kubeletConfiguration } from './configuration.js';

test('the configuration is told by the names of a KubeletConfiguration', () => {
  const settings = { ...defaultKubeletSettings, allowedUnsafeSysctls: ['net.*'], evictionMinimumReclaim: ['a.b=1Gi'] };
  const cluster = { servers: ['10.96.0.10'], domain: 'cluster.local' };
  expect(kubeletConfiguration({ settings, cluster, port: 10250, podsMax: 110 })).toMatchObject({
    port: 10250,
    maxPods: 110,
    clusterDNS: ['10.96.0.10'],
    fileCheckFrequency: '20s',
    nodeStatusUpdateFrequency: '10s',
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '10%', 'imagefs.inodesFree': '5%' },
    evictionMinimumReclaim: { 'a.b': '1Gi' },
    evictionPressureTransitionPeriod: '5m0s',
    imageGCHighThresholdPercent: 85,
    allowedUnsafeSysctls: ['net.*'],
  });
});
