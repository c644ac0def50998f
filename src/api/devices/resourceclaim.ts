/** ResourceClaim: devices that pods may use together, asked for and given. */
import type { ResourceClaim } from '#api/gen/resource-v1.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';
import { checkClaimStatus, deviceId } from './allocation-rules.js';
import { checkDeviceClaim, defaultDeviceClaim } from './claim-rules.js';
import { loadForClaim } from './expressions.js';
import { gatedInClaim } from './gated.js';
import { goClaimSpec } from './go-claim.js';

export default defineResource<ResourceClaim>({
  group: 'resource.k8s.io',
  versions: ['v1'],
  kind: 'ResourceClaim',
  namespaced: true,
  metadataRepeats: { update: ['whole', 'change'] },
  deletion: { returnsObject: true },
  subresources: { status: true },
  statusKeeps: 'settled',
  storageVersionHash: 'wgAZaHcZxUg=',
  gated: gatedInClaim,
  default({ spec, status }) {
    defaultDeviceClaim(spec?.devices);
    for (const { tolerations } of status?.allocation?.devices?.results ?? [])
      for (const toleration of tolerations ?? []) toleration.operator ||= 'Equal';
  },
  prepareForStatusUpdate: dropFreed,
  load: ({ spec }) => loadForClaim(spec?.devices),
  validateCreate: ({ spec }) => checkDeviceClaim('spec.devices', spec?.devices ?? {}),
  validateUpdate: (claim, old) => validateImmutable('spec', { value: claim.spec, old: old.spec, show: goClaimSpec }),
  validateStatusUpdate: (claim, old) => checkClaimStatus(claim, old),
  columns: [
    nameColumn,
    {
      name: 'State',
      type: 'string',
      description: 'A summary of the current state (allocated, pending, reserved, etc.).',
      cell: stateCell,
    },
    ageColumn,
  ],
});

/** How a device is goes with the device. */
function dropFreed({ status }: ResourceClaim, old: ResourceClaim): void {
  if (!status?.devices) return;
  const idsIn = (claim: Pick<ResourceClaim, 'status'>) =>
    (claim.status?.allocation?.devices?.results ?? []).map(deviceId);
  const kept = new Set(idsIn({ status }));
  const freed = new Set(idsIn(old).filter((id) => !kept.has(id)));
  const left = status.devices.filter((one) => !freed.has(deviceId(one)));
  if (left.length > 0) status.devices = left;
  else delete status.devices;
}

function stateCell({ metadata, status }: ResourceClaim): string {
  const isDeleted = metadata.deletionTimestamp !== undefined;
  const states = isDeleted ? ['deleted'] : [];
  if (status?.allocation) states.push('allocated', ...(status.reservedFor?.length ? ['reserved'] : []));
  else if (!isDeleted) states.push('pending');
  return states.join(',');
}
