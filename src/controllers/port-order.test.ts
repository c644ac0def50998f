import { expect, test } from 'vitest';
import { dumpOfPort, dumpOfSlicePort, inOrder } from './port-order.js';

const ports = [0, 1, 2, 3, 4].map((number) => ({
  name: `p${number}0`,
  port: 8000 + number,
  protocol: number === 3 ? 'UDP' : 'TCP',
  ...(number % 2 === 1 && { appProtocol: 'ex.io/0' }),
}));

test('ports stand in the order that kube-controller-manager 1.36 gives them', () => {
  expect(inOrder(ports, dumpOfSlicePort).map(({ name }) => name)).toEqual(['p40', 'p00', 'p20', 'p30', 'p10']);
  expect(inOrder(ports, dumpOfPort).map(({ name }) => name)).toEqual(['p20', 'p00', 'p30', 'p10', 'p40']);
});
