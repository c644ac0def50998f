/** NetworkPolicy: from where and to where pods may speak (https://kubernetes.io/docs/concepts/services-networking/network-policies/). */

import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from '#api/gen/networking-v1.js';
import {
  canonicalCidrProblems,
  cidrProblems,
  formatRange,
  isStrictSubset,
  parseRange,
} from '#apimachinery/addresses.js';
import { forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { portNameProblems } from '#apimachinery/names.js';
import { formatLabelSelector } from '#apimachinery/selectors.js';
import { check, checkCidr, checkOptionalEnum, checkPort, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';

export default defineResource<NetworkPolicy>({
  group: 'networking.k8s.io',
  versions: ['v1'],
  kind: 'NetworkPolicy',
  shortNames: ['netpol'],
  namespaced: true,
  storageVersionHash: 'YpfwF18m1G8=',
  bumpsGeneration: ['spec'],
  default: setDefaults,
  validate: ({ spec }) => checkSpec(spec),
  warnings,
  columns: [
    nameColumn,
    {
      name: 'Pod-Selector',
      type: 'string',
      description: fieldText('networking.v1.NetworkPolicySpec.podSelector'),
      cell: ({ spec }) => formatLabelSelector(spec?.podSelector ?? {}),
    },
    ageColumn,
  ],
});

function setDefaults(policy: NetworkPolicy): void {
  policy.spec ??= { podSelector: {} };
  const { spec } = policy;
  if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
  for (const { ports } of rulesOf(spec)) for (const port of ports ?? []) port.protocol ??= 'TCP';
}

interface Rule {
  path: string;
  /** The name of the field that `peers` are in. */
  direction: 'from' | 'to';
  ports?: NetworkPolicyPort[];
  peers?: NetworkPolicyPeer[];
}

function rulesOf({ ingress, egress }: NetworkPolicySpec): Rule[] {
  return [
    ...[...each('spec.ingress', ingress)].map(({ path, value }) => rule(path, 'from', value.ports, value.from)),
    ...[...each('spec.egress', egress)].map(({ path, value }) => rule(path, 'to', value.ports, value.to)),
  ];
}

function rule(
  path: string,
  direction: Rule['direction'],
  ports: NetworkPolicyPort[] | undefined,
  peers: NetworkPolicyPeer[] | undefined,
): Rule {
  return { path, direction, ...(ports && { ports }), ...(peers && { peers }) };
}

const policyTypes = ['Ingress', 'Egress'];

function* checkSpec(spec: NetworkPolicySpec): FieldErrors {
  yield* validateLabelSelector(spec.podSelector, 'spec.podSelector');
  for (const { path, direction, ports, peers } of rulesOf(spec)) {
    for (const port of each(`${path}.ports`, ports)) yield* checkPolicyPort(port.path, port.value);
    for (const peer of each(`${path}.${direction}`, peers)) yield* checkPeer(peer.path, peer.value);
  }
  const types = spec.policyTypes ?? [];
  if (types.length > policyTypes.length) {
    yield invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes');
    return;
  }
  for (const { path, value } of each('spec.policyTypes', types))
    if (!policyTypes.includes(value)) yield notSupported(path, value, policyTypes);
}

function* checkPolicyPort(path: string, { protocol, port, endPort }: NetworkPolicyPort): FieldErrors {
  yield* checkOptionalEnum(`${path}.protocol`, protocol, ['TCP', 'UDP', 'SCTP']);
  const refuseEnd = (why: string) => invalidValue(`${path}.endPort`, endPort, why);
  if (typeof port === 'number') {
    yield* checkPort(`${path}.port`, port);
    if (endPort === undefined) return;
    // Upstream shows the port here.
    if (endPort < port) yield invalidValue(`${path}.endPort`, port, 'must be greater than or equal to `port`');
    yield* checkPort(`${path}.endPort`, endPort);
  } else if (port !== undefined) {
    if (endPort !== undefined) yield refuseEnd('may not be specified when `port` is non-numeric');
    yield* check(`${path}.port`, port, portNameProblems);
  } else if (endPort !== undefined) yield refuseEnd('may not be specified when `port` is not specified');
}

function* checkPeer(path: string, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): FieldErrors {
  yield* validateLabelSelector(podSelector, `${path}.podSelector`);
  yield* validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`);
  if (ipBlock) yield* checkBlock(`${path}.ipBlock`, ipBlock);
  if (!podSelector && !namespaceSelector && !ipBlock) yield required(path, 'must specify a peer');
  else if (ipBlock && (podSelector || namespaceSelector))
    yield forbiddenField(path, 'may not specify both ipBlock and another peer');
}

function* checkBlock(path: string, { cidr, except }: IPBlock): FieldErrors {
  if (!cidr) {
    yield required(`${path}.cidr`);
    return;
  }
  yield* checkCidr(`${path}.cidr`, cidr);
  const range = parseRange(cidr);
  if (!range) return;
  for (const { path: at, value } of each(`${path}.except`, except)) {
    yield* checkCidr(at, value);
    const part = parseRange(value);
    if (part && !isStrictSubset(part, range)) yield invalidValue(at, value, 'must be a strict subset of `cidr`');
  }
}

function warnings({ spec }: NetworkPolicy): string[] {
  return rulesOf(spec).flatMap(({ path, direction, peers }) =>
    [...each(`${path}.${direction}`, peers)].flatMap(({ path: at, value: { ipBlock } }) =>
      ipBlock
        ? [
            { path: `${at}.ipBlock.cidr`, value: ipBlock.cidr },
            ...each(`${at}.ipBlock.except`, ipBlock.except),
          ].flatMap((one) => formWarnings(one.path, one.value))
        : [],
    ),
  );
}

/** A range that is valid, though its address is not in the shortest form. */
function formWarnings(path: string, cidr: string): string[] {
  if (!cidr.includes(':') || cidrProblems(cidr).length > 0 || canonicalCidrProblems(cidr).length === 0) return [];
  const canonical = JSON.stringify(formatRange(parseRange(cidr)!));
  return [`${path}: IPv6 CIDR value ${JSON.stringify(cidr)} should be in RFC 5952 canonical format (${canonical})`];
}
