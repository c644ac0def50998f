/** ServiceCIDR: ranges that services take their addresses from (https://kubernetes.io/docs/tasks/network/extend-service-ip-ranges/). */

import type { ServiceCIDR } from '#api/gen/networking-v1.js';
import { canonicalCidrProblems, parseRange } from '#apimachinery/addresses.js';
import { invalidValue, required } from '#apimachinery/field-error.js';
import { immutableMessage } from '#apimachinery/metadata-validation.js';
import { check, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';

const cidrsMax = 2;

export default defineResource<ServiceCIDR>({
  group: 'networking.k8s.io',
  versions: ['v1'],
  kind: 'ServiceCIDR',
  namespaced: false,
  statusKeeps: 'settled',
  subresources: { status: true },
  storageVersionHash: 'gNLvruQhW2g=',
  validateCreate: ({ spec }) => [...checkCidrs('spec.cidrs', spec?.cidrs ?? [])],
  validateUpdate,
  columns: [
    nameColumn,
    {
      name: 'CIDRs',
      type: 'string',
      description: fieldText('networking.v1.ServiceCIDRSpec.cidrs'),
      cell: ({ spec }) => spec?.cidrs?.join(',') ?? '',
    },
    ageColumn,
  ],
});

function* checkCidrs(path: string, cidrs: readonly string[]): FieldErrors {
  if (cidrs.length === 0) {
    yield required(path, 'at least one CIDR required');
    return;
  }
  if (cidrs.length > cidrsMax) {
    // Upstream shows the spec by the names that its fields have in Go.
    yield invalidValue(path, { CIDRs: cidrs }, `may only hold up to ${cidrsMax} values`);
    return;
  }
  for (const one of each(path, cidrs)) yield* check(one.path, one.value, canonicalCidrProblems);
  const families = cidrs.map((cidr) => parseRange(cidr)?.family);
  if (cidrs.length === cidrsMax && families[0] !== undefined && families[0] === families[1]) {
    const why = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
    yield invalidValue(path, cidrs, why);
  }
}

/** Ranges stay; one of the other family may be added. */
function* validateUpdate(cidr: ServiceCIDR, old: ServiceCIDR): FieldErrors {
  const path = 'spec.cidrs';
  const [cidrs, before] = [cidr.spec?.cidrs ?? [], old.spec?.cidrs ?? []];
  if (cidrs.length !== before.length && !(before.length === 1 && cidrs.length === cidrsMax)) {
    yield invalidValue(path, cidr.spec?.cidrs ?? null, immutableMessage);
    return;
  }
  for (const [index, range] of before.entries())
    if (range !== cidrs[index]) yield invalidValue(`${path}[${index}]`, cidrs[index], immutableMessage);
  if (cidrs.length !== before.length) yield* checkCidrs(path, cidrs);
}
