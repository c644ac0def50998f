/** CSINode: which CSI drivers run on a node, and by what name they know it. */
import type { CSINode, CSINodeDriver } from '#api/gen/storage-v1.js';
import { duplicate, type FieldError, invalidValue, required } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { checkDriverName, checkNonNegative, checkQualifiedName, each, type FieldErrors } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { defineResource } from '../resource.js';

const nodeIdBytesMax = 256;

export default defineResource<CSINode>({
  group: 'storage.k8s.io',
  versions: ['v1'],
  kind: 'CSINode',
  namespaced: false,
  metadataRepeats: { update: ['whole'] },
  deletion: { returnsObject: true },
  storageVersionHash: 'Pe62DkZtjuo=',
  allowUnconditionalUpdate: false,
  validate: ({ spec }) => checkDrivers('spec.drivers', spec?.drivers),
  validateUpdate,
  columns: [
    nameColumn,
    {
      name: 'Drivers',
      type: 'integer',
      description: 'Drivers indicates the number of CSI drivers registered on the node',
      cell: ({ spec }) => spec?.drivers?.length ?? 0,
    },
    ageColumn,
  ],
});

function* checkDrivers(path: string, drivers: readonly CSINodeDriver[] | undefined): FieldErrors {
  const names = new Set<string>();
  for (const { path: at, value } of each(path, drivers)) {
    const { name, nodeID = '', allocatable, topologyKeys } = value;
    yield* checkDriverName(`${at}.name`, name);
    if (nodeID === '') yield required(`${at}.nodeID`);
    if (Buffer.byteLength(nodeID) > nodeIdBytesMax)
      yield invalidValue(`${at}.nodeID`, nodeID, `must be ${nodeIdBytesMax} characters or less`);
    yield* checkNonNegative(`${at}.allocatable.count`, allocatable?.count);
    if (names.has(name)) yield duplicate(`${at}.name`, name);
    names.add(name);
    yield* checkTopologyKeys(at, topologyKeys ?? []);
  }
}

function* checkTopologyKeys(path: string, keys: readonly string[]): FieldErrors {
  for (const [index, key] of keys.entries()) {
    if (key === '') yield required(path);
    if (keys.indexOf(key) < index) yield duplicate(path, key);
    yield* checkQualifiedName(path, key);
  }
}

/** A driver that is registered keeps all but its volume limit. */
function validateUpdate(node: CSINode, old: CSINode): FieldError[] {
  const withoutLimit = ({ allocatable: _, ...driver }: CSINodeDriver) => driver;
  const drivers = node.spec?.drivers ?? [];
  return (old.spec?.drivers ?? []).flatMap((before) =>
    drivers
      .filter(({ name }) => name === before.name)
      .flatMap((driver) =>
        validateImmutable('spec.drivers', { value: withoutLimit(driver), old: withoutLimit(before) }),
      ),
  );
}
