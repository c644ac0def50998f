/**
 * The whole of the node's packet rules as the text of one nftables table, from routes: a pure function.
 *
 * A packet to a service is looked up in one map by address, protocol and port, and sent to that service's chain, which
 * picks an endpoint by chance and rewrites the destination; the kernel remembers the choice for the connection. What
 * came from outside, or goes back to where it came from, also gets the node's address as its source, so that answers
 * return through here.
 *
 * A service with session affinity keeps for each endpoint the set of clients that lately began a connection to it
 * (https://kubernetes.io/docs/reference/networking/virtual-ips/#session-affinity): the packets themselves write it.
 */
import { createHash } from 'node:crypto';
import type { HostPortRoute } from './host-ports.js';
import type { Endpoint, ServicePortRoute } from './service-ports.js';

export interface RulesInput {
  routes: readonly ServicePortRoute[];
  hostPorts: readonly HostPortRoute[];
  podCidr: string;
  serviceCidr: string;
}

/** The bit of the packet mark that asks for masquerading, as kube-proxy's. */
const masqueradeMark = '0x4000';

/** What the table holds; `change.ts` makes of it what is loaded. */
export interface Rules {
  /** Everything inside the table's braces. */
  body: string;
  chains: ReadonlySet<string>;
  /** The sets of clients, which outlive a change of the rules. */
  clientSets: ReadonlySet<string>;
}

/** What every table has, filled anew with each change. */
export const lookups = {
  services: 'map',
  'node-ports': 'map',
  refused: 'set',
  'refused-node-ports': 'set',
  hairpins: 'set',
} as const;

export function renderRules(input: RulesInput): Rules {
  const chains = new Chains();
  const services: string[] = [];
  const nodePorts: string[] = [];
  const refused: string[] = [];
  const refusedNodePorts: string[] = [];
  for (const route of input.routes) {
    const { protocol, port } = route;
    const internal = chains.balance(route, route.internal);
    for (const ip of route.clusterIps) {
      if (internal) services.push(`${ip} . ${protocol} . ${port} : goto ${internal}`);
      else refused.push(`${ip} . ${protocol} . ${port}`);
    }
    if (route.externalIps.length === 0 && route.nodePort === 0) continue;
    const external = chains.external(route);
    for (const ip of route.externalIps) {
      if (external) services.push(`${ip} . ${protocol} . ${port} : goto ${chains.guarded(route, external)}`);
      else refused.push(`${ip} . ${protocol} . ${port}`);
    }
    if (route.nodePort === 0) continue;
    if (external) nodePorts.push(`${protocol} . ${route.nodePort} : goto ${external}`);
    else refusedNodePorts.push(`${protocol} . ${route.nodePort}`);
  }
  const endpoints = input.routes.flatMap(({ internal, external }) => [...internal, ...external]);
  const hairpins = [...new Set([...endpoints, ...input.hostPorts].map(({ ip }) => `${ip} . ${ip}`))].sort();
  chains.add('host-ports', { rules: input.hostPorts.flatMap(hostPortRules) });
  addBaseChains(chains, input);
  const body = [
    lookup('services', 'ipv4_addr . inet_proto . inet_service : verdict', services),
    lookup('node-ports', 'inet_proto . inet_service : verdict', nodePorts),
    lookup('refused', 'ipv4_addr . inet_proto . inet_service', refused),
    lookup('refused-node-ports', 'inet_proto . inet_service', refusedNodePorts),
    lookup('hairpins', 'ipv4_addr . ipv4_addr', hairpins),
    ...chains.clientSets.values(),
    ...chains.byName.values(),
  ];
  return {
    body: body.join('\n'),
    chains: new Set(chains.byName.keys()),
    clientSets: new Set(chains.clientSets.keys()),
  };
}

/** As upstream does where loopback addresses are routed: nobody but this machine begins to speak to them. */
const guardLoopback = 'iifname != "lo" ip daddr 127.0.0.0/8 ct state new ct status & dnat == 0 drop';

function addBaseChains(chains: Chains, { podCidr, serviceCidr }: RulesInput): void {
  const destination = 'ip daddr . meta l4proto . th dport';
  const dispatch = [
    `${destination} vmap @services`,
    'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @node-ports',
    'fib daddr type local jump host-ports',
  ];
  const refuse = [
    `ct state new ${destination} @refused reject`,
    'ct state new fib daddr type local meta l4proto . th dport @refused-node-ports reject',
  ];
  const rules = {
    prerouting: ['type nat hook prerouting priority dstnat; policy accept;', ...dispatch],
    output: ['type nat hook output priority -100; policy accept;', ...dispatch],
    'refuse-input': ['type filter hook input priority filter; policy accept;', ...refuse, guardLoopback],
    'refuse-forward': ['type filter hook forward priority filter; policy accept;', ...refuse],
    'refuse-output': ['type filter hook output priority filter; policy accept;', ...refuse],
    postrouting: [
      'type nat hook postrouting priority srcnat; policy accept;',
      `meta mark & ${masqueradeMark} == ${masqueradeMark} meta mark set meta mark ^ ${masqueradeMark} masquerade`,
      'ct status dnat ip saddr . ip daddr @hairpins masquerade',
      // Pods reach the world under the node's address, and each other and services under their own.
      `ip saddr ${podCidr} ip daddr != ${podCidr} ip daddr != ${serviceCidr} masquerade`,
    ],
  };
  for (const [name, lines] of Object.entries(rules)) chains.add(name, { rules: lines });
}

/** The chains, and the sets of clients, by name; a name is made of a hash, since nftables' names are short. */
class Chains {
  readonly byName = new Map<string, string>();
  readonly clientSets = new Map<string, string>();

  /** Picks one of the endpoints. undefined where there is none. */
  balance(route: ServicePortRoute, endpoints: readonly Endpoint[]): string | undefined {
    if (endpoints.length === 0) return undefined;
    const name = `svc-${hash(`${route.name}/${route.protocol}/${endpoints === route.internal ? 'internal' : 'external'}`)}`;
    const rules = route.affinity ? this.#sticky(route, endpoints) : [destination(route, endpoints)];
    this.add(name, { rules, comment: route.name });
    return name;
  }

  /** As `balance`, and masquerades unless the policy keeps the client's address. */
  external(route: ServicePortRoute): string | undefined {
    const target = this.balance(route, route.external);
    if (!target) return undefined;
    const name = `ext-${hash(`${route.name}/${route.protocol}`)}`;
    const mark = route.keepsSource ? [] : [`meta mark set meta mark | ${masqueradeMark}`];
    this.add(name, { rules: [...mark, `goto ${target}`], comment: route.name });
    return name;
  }

  /** Lets only the allowed clients of a load balancer's address through. */
  guarded(route: ServicePortRoute, target: string): string {
    if (route.sourceRanges.length === 0) return target;
    const name = `lb-${hash(`${route.name}/${route.protocol}`)}`;
    const rules = [`ip saddr { ${route.sourceRanges.join(', ')} } goto ${target}`, 'drop'];
    this.add(name, { rules, comment: route.name });
    return name;
  }

  /** A client that an endpoint knows goes there again, another one by chance; each new connection counts anew. */
  #sticky(route: ServicePortRoute, endpoints: readonly Endpoint[]): string[] {
    const timeout = `${route.affinity!.timeoutSeconds}s`;
    const targets = endpoints.map(({ ip, port }) => {
      const id = hash(`${route.name}/${route.protocol}/${ip}:${port}`);
      // A set's timeout cannot change, so that it is a part of the name.
      const clients = `clients-${id}-${timeout}`;
      this.clientSets.set(clients, clientSet(clients, timeout));
      const remember = `update @${clients} { ip saddr }`;
      const deliver = `meta l4proto ${route.protocol} dnat to ${ip}:${port}`;
      this.add(`ep-${id}`, { rules: [remember, deliver], comment: route.name });
      return { chain: `ep-${id}`, clients };
    });
    const byChance = targets.map(({ chain }, index) => `${index} : goto ${chain}`).join(', ');
    return [
      ...targets.map(({ chain, clients }) => `ip saddr @${clients} goto ${chain}`),
      `numgen random mod ${targets.length} vmap { ${byChance} }`,
    ];
  }

  /** Traffic from inside and outside shares a chain where both go to the same endpoints. */
  add(name: string, { rules, comment }: { rules: string[]; comment?: string }): void {
    this.byName.set(name, chain(name, rules, comment));
  }
}

function destination({ protocol }: ServicePortRoute, endpoints: readonly Endpoint[]): string {
  if (endpoints.length === 1) return `meta l4proto ${protocol} dnat to ${endpoints[0]!.ip}:${endpoints[0]!.port}`;
  const targets = endpoints.map(({ ip, port }, index) => `${index} : ${ip} . ${port}`).join(', ');
  return `meta l4proto ${protocol} dnat ip to numgen random mod ${endpoints.length} map { ${targets} }`;
}

/** This machine's own loopback address is of no use to a pod: what comes from there gets another. */
function hostPortRules({ name, protocol, hostPort, hostIp, ip, port }: HostPortRoute): string[] {
  const address = hostIp ? `ip daddr ${hostIp} ` : '';
  const match = `${address}${protocol} dport ${hostPort}`;
  return [
    `${match} ip saddr 127.0.0.0/8 meta mark set meta mark | ${masqueradeMark}`,
    `${match} dnat to ${ip}:${port} comment "${name.slice(0, 120)}"`,
  ];
}

function lookup(name: keyof typeof lookups, type: string, elements: string[]): string {
  return `\t${lookups[name]} ${name} {\n\t\ttype ${type}\n${elementsOf(elements)}\t}`;
}

function clientSet(name: string, timeout: string): string {
  return `\tset ${name} {\n\t\ttype ipv4_addr\n\t\tflags dynamic,timeout\n\t\ttimeout ${timeout}\n\t}`;
}

function elementsOf(elements: string[]): string {
  return elements.length === 0 ? '' : `\t\telements = {\n${elements.map((one) => `\t\t\t${one}`).join(',\n')}\n\t\t}\n`;
}

function chain(name: string, rules: string[], comment?: string): string {
  const head = comment ? `\t\tcomment "${comment.slice(0, 120)}"\n` : '';
  return `\tchain ${name} {\n${head}${rules.map((rule) => `\t\t${rule}`).join('\n')}\n\t}`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 20);
}
