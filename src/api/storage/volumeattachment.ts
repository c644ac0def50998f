/** VolumeAttachment: asks a driver to attach a volume to a node, and says whether it is. */

import type {
  VolumeAttachment,
  VolumeAttachmentSource,
  VolumeAttachmentSpec,
  VolumeError,
} from '#api/gen/storage-v1.js';
import { forbiddenField, invalidValue, required, tooLong } from '#apimachinery/field-error.js';
import { validateImmutable } from '#apimachinery/metadata-validation.js';
import { checkInlineVolume } from '../core/persistentvolume/validate.js';
import { checkDriverName, checkSubdomain, type FieldErrors, int32Max, rangeMessage } from '../meta/check.js';
import { ageColumn, nameColumn } from '../meta/columns.js';
import { fieldText } from '../meta/field-text.js';
import { goStruct } from '../meta/go-fields.js';
import { defineResource } from '../resource.js';
import { bytesOf, parametersBytesMax } from './rules.js';

const messageBytesMax = 1024;
const goSpec = { Attacher: '', Source: { PersistentVolumeName: null, InlineVolumeSpec: null }, NodeName: '' } as const;

export default defineResource<VolumeAttachment>({
  group: 'storage.k8s.io',
  versions: ['v1'],
  kind: 'VolumeAttachment',
  namespaced: false,
  metadataRepeats: { update: ['whole'], status: ['whole'] },
  deletion: { returnsObject: true },
  subresources: { status: true },
  statusKeeps: 'settled',
  storageVersionHash: 'tJx/ezt6UDU=',
  allowUnconditionalUpdate: false,
  validate: (attachment) => [...checkSpec(attachment.spec), ...checkStatus(attachment), ...checkVolumeName(attachment)],
  validateUpdate: (attachment, old) =>
    validateImmutable('spec', { value: attachment.spec, old: old.spec, show: (spec) => goStruct(goSpec, spec) }),
  validateStatusUpdate: (attachment) => [...checkSpec(attachment.spec), ...checkStatus(attachment)],
  columns: [
    nameColumn,
    {
      name: 'Attacher',
      type: 'string',
      format: 'name',
      description: fieldText('storage.v1.VolumeAttachmentSpec.attacher'),
      cell: ({ spec }) => spec.attacher ?? '',
    },
    {
      name: 'PV',
      type: 'string',
      description: fieldText('storage.v1.VolumeAttachmentSource.persistentVolumeName'),
      cell: ({ spec }) => spec.source?.persistentVolumeName ?? '',
    },
    {
      name: 'Node',
      type: 'string',
      description: fieldText('storage.v1.VolumeAttachmentSpec.nodeName'),
      cell: ({ spec }) => spec.nodeName ?? '',
    },
    {
      name: 'Attached',
      type: 'boolean',
      description: fieldText('storage.v1.VolumeAttachmentStatus.attached'),
      cell: ({ status }) => status?.attached ?? false,
    },
    ageColumn,
  ],
});

function* checkSpec({ attacher, source = {}, nodeName }: VolumeAttachmentSpec): FieldErrors {
  yield* checkDriverName('spec.attacher', attacher);
  yield* checkSource('spec.source', source);
  yield* checkSubdomain('spec.nodeName', nodeName ?? '');
}

function* checkSource(path: string, source: VolumeAttachmentSource): FieldErrors {
  const { inlineVolumeSpec, persistentVolumeName } = source;
  const oneOf = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (inlineVolumeSpec && persistentVolumeName !== undefined) yield forbiddenField(path, oneOf);
  else if (persistentVolumeName === '')
    yield required(`${path}.persistentVolumeName`, 'must specify non empty persistentVolumeName');
  else if (inlineVolumeSpec) yield* checkInlineVolume(`${path}.inlineVolumeSpec`, inlineVolumeSpec);
  else if (persistentVolumeName === undefined) yield required(path, oneOf);
}

function* checkVolumeName({ spec: { source } }: VolumeAttachment): FieldErrors {
  if (source?.persistentVolumeName !== undefined)
    yield* checkSubdomain('spec.source.persistentVolumeName', source.persistentVolumeName);
}

function* checkStatus({ status }: VolumeAttachment): FieldErrors {
  if (!status) return;
  if (bytesOf(status.attachmentMetadata) > parametersBytesMax)
    yield tooLong('status.attachmentMetadata', parametersBytesMax);
  yield* checkVolumeError('status.attachError', status.attachError);
  yield* checkVolumeError('status.detachError', status.detachError);
}

function* checkVolumeError(path: string, error: VolumeError | undefined): FieldErrors {
  if (!error) return;
  // The limit that upstream tells is not the one that it holds to.
  if (Buffer.byteLength(error.message ?? '') > messageBytesMax) yield tooLong(`${path}.message`, parametersBytesMax);
  if (error.errorCode !== undefined && error.errorCode < 0)
    yield invalidValue(`${path}.errorCode`, error.errorCode, rangeMessage({ min: 0, max: int32Max }));
}
