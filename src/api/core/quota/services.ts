/** Services count by number, and by the node ports and load balancers that they take. */
import type { Service } from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { countName, type Evaluator, one } from './evaluator.js';

const kind = { group: '', plural: 'services' };
const names = [countName(kind), 'services', 'services.nodeports', 'services.loadbalancers'];

export const serviceEvaluator: Evaluator<Service> = {
  ...kind,
  counts: (name) => names.includes(name),
  usage: (service) =>
    new Map([
      [countName(kind), one],
      ['services', one],
      ['services.loadbalancers', service.spec?.type === 'LoadBalancer' ? one : Quantity.zero],
      ['services.nodeports', Quantity.of(nodePorts(service))],
    ]),
  handles: ({ operation, subresource }) => subresource === '' && (operation === 'CREATE' || operation === 'UPDATE'),
};

/** Those that it will be given, which are not there yet when the service is admitted. */
function nodePorts({ spec }: Service): number {
  const { type, ports = [], allocateLoadBalancerNodePorts } = spec ?? {};
  if (type !== 'NodePort' && type !== 'LoadBalancer') return 0;
  const isOptional = type === 'LoadBalancer' && allocateLoadBalancerNodePorts === false;
  return isOptional ? ports.filter(({ nodePort }) => nodePort).length : ports.length;
}
