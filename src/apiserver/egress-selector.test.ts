import { expect, test } from 'vitest';
import { validateEgress } from './egress-selector.js';

const direct = { proxyProtocol: 'Direct' };

test.each([
  [[{ name: 'cluster', connection: direct }], []],
  [
    [{ name: 'cluster', connection: { proxyProtocol: 'GRPC', transport: {} } }],
    ['service.connection.protocol: Invalid value: "GRPC": this server connects directly only'],
  ],
  [
    [{ name: 'cluster', connection: { proxyProtocol: 'Tunnel' } }],
    ['service.connection.protocol: Unsupported value: "Tunnel"'],
  ],
  [
    [{ name: 'cluster', connection: { ...direct, transport: {} } }],
    ['service.connection.transport: Invalid value: "direct": config must be absent for direct connect'],
  ],
  [[{ name: 'nodes', connection: direct }], ['service.connection: Unsupported value: "nodes"']],
  [
    [
      { name: 'etcd', connection: direct },
      { name: 'ETCD', connection: direct },
    ],
    ['service.connection[1]: Duplicate value: "etcd"'],
  ],
])('of %j is told', (selections, problems) => {
  const told = validateEgress(selections).map(({ message }) => message);
  expect(told).toEqual(problems.map((problem) => expect.stringContaining(problem)));
});
