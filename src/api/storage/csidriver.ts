/** CSIDriver: what a driver of the Container Storage Interface can do and wants to be told. */

import type { CSIDriver, CSIDriverSpec, TokenRequest } from '#api/gen/storage-v1.js';
import { duplicate, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { equal } from '#base/json.js';
import { checkOptionalEnum, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { defineResource } from '../resource.js';

export default defineResource<CSIDriver>({
  group: 'storage.k8s.io',
  versions: ['v1'],
  kind: 'CSIDriver',
  namespaced: false,
  deletion: { returnsObject: true },
  storageVersionHash: 'hL6j/rwBV5w=',
  bumpsGeneration: ['spec'],
  gated: { VolumeLimitScaling: ['spec.preventPodSchedulingIfMissing'] },
  // Counted from the first change, not from the creation.
  prepareForCreate: ({ metadata }) => void delete metadata.generation,
  allowUnconditionalUpdate: false,
  default: setDefaults,
  validate: ({ spec }) => checkSpec(spec),
  validateUpdate: ({ spec }, { spec: old }) => [
    // Upstream's message names the field by a name that it does not have.
    ...validateImmutable('spec.attachedRequired', { value: spec.attachRequired, old: old.attachRequired }),
    ...validateImmutable('spec.volumeLifecycleModes', {
      value: spec.volumeLifecycleModes,
      old: old.volumeLifecycleModes,
    }),
  ],
  warnings,
  columns: [
    nameColumn,
    {
      name: 'AttachRequired',
      type: 'boolean',
      description: fieldText('storage.v1.CSIDriverSpec.attachRequired'),
      cell: ({ spec }) => spec.attachRequired ?? true,
    },
    {
      name: 'PodInfoOnMount',
      type: 'boolean',
      description: fieldText('storage.v1.CSIDriverSpec.podInfoOnMount'),
      cell: ({ spec }) => spec.podInfoOnMount ?? false,
    },
    {
      name: 'StorageCapacity',
      type: 'boolean',
      description: fieldText('storage.v1.CSIDriverSpec.storageCapacity'),
      cell: ({ spec }) => spec.storageCapacity ?? false,
    },
    {
      name: 'TokenRequests',
      type: 'string',
      cell: ({ spec }) => spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>',
    },
    { name: 'RequiresRepublish', type: 'boolean', cell: ({ spec }) => spec.requiresRepublish ?? false },
    { name: 'Modes', type: 'string', cell: ({ spec }) => spec.volumeLifecycleModes?.join(',') || '<none>' },
    ageColumn,
  ],
});

function warnings({ spec }: CSIDriver, old: CSIDriver | undefined): string[] {
  const isAsked = spec.tokenRequests?.length && !equal(spec.tokenRequests, old?.spec.tokenRequests);
  if (!isAsked || spec.serviceAccountTokenInSecrets !== undefined) return [];
  return [
    'spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes',
  ];
}

function setDefaults(driver: CSIDriver): void {
  driver.spec ??= {};
  const { spec } = driver;
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
  if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
}

const updatePeriodSecondsMin = 10;
const policies = ['File', 'None', 'ReadWriteOnceWithFSType'];
const modes = ['Persistent', 'Ephemeral'];

function* checkSpec(spec: CSIDriverSpec): FieldErrors {
  if (spec.attachRequired === undefined) yield required('spec.attachedRequired');
  if (spec.podInfoOnMount === undefined) yield required('spec.podInfoOnMount');
  if (spec.storageCapacity === undefined) yield required('spec.storageCapacity');
  yield* checkOptionalEnum('spec.fsGroupPolicy', spec.fsGroupPolicy, policies);
  yield* checkTokenRequests('spec.tokenRequests', spec.tokenRequests);
  for (const mode of spec.volumeLifecycleModes ?? [])
    if (!modes.includes(mode)) yield notSupported('spec.volumeLifecycleModes', mode, modes);
  if (spec.seLinuxMount === undefined) yield required('spec.seLinuxMount');
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < updatePeriodSecondsMin) {
    const why = `must be greater than or equal to ${updatePeriodSecondsMin} seconds`;
    yield invalidValue('spec.nodeAllocatableUpdatePeriodSeconds', period, why);
  }
  const inSecrets = spec.serviceAccountTokenInSecrets;
  if (inSecrets !== undefined && !spec.tokenRequests?.length) {
    const why = 'serviceAccountTokenInSecrets is set but no tokenRequests are specified';
    yield invalidValue('spec.serviceAccountTokenInSecrets', inSecrets, why);
  }
}

const tokenSecondsMin = 600;
const tokenSecondsMax = 2 ** 32;

function* checkTokenRequests(path: string, requests: readonly TokenRequest[] | undefined): FieldErrors {
  const audiences = new Set<string>();
  for (const { path: at, value } of each(path, requests)) {
    const { audience = '', expirationSeconds: seconds } = value;
    if (audiences.has(audience)) {
      yield duplicate(`${at}.audience`, audience);
      continue;
    }
    audiences.add(audience);
    if (seconds !== undefined && seconds < tokenSecondsMin)
      yield invalidValue(`${at}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes');
    if (seconds !== undefined && seconds > tokenSecondsMax)
      yield invalidValue(`${at}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds');
  }
}
