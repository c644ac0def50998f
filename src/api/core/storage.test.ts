import { describe, expect, test } from 'vitest';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimStatus,
  PersistentVolumeSpec,
} from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import volumes from './persistentvolume/index.js';
import claims from './persistentvolumeclaim.js';

const texts = (errors: readonly { message: string }[] | undefined) => errors!.map(({ message }) => message);
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';

describe('a PersistentVolumeClaim', () => {
  const of = (spec: PersistentVolumeClaimSpec, status?: PersistentVolumeClaimStatus): PersistentVolumeClaim => {
    const requests = { storage: '1Gi' };
    const claim: PersistentVolumeClaim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data', namespace: 'default' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests }, ...copy(spec) },
      ...(status && { status }),
    };
    claims.default!(claim);
    return claim;
  };

  test('is pending, and of a file system, unless it says otherwise', () => {
    expect(of({}).spec!.volumeMode).toBe('Filesystem');
    const claim = of({}, { phase: 'Bound' });
    claims.prepareForCreate!(claim);
    expect(claim.status).toEqual({ phase: 'Pending' });
  });

  test('says in both fields what it is filled from, where both know it', () => {
    const prepared = (spec: PersistentVolumeClaimSpec) => {
      const claim = of(spec);
      claims.prepareForCreate!(claim);
      return [claim.spec!.dataSource, claim.spec!.dataSourceRef];
    };
    const other = { kind: 'PersistentVolumeClaim', name: 'other' };
    expect(prepared({ dataSource: other })).toEqual([other, other]);
    expect(prepared({ dataSourceRef: other })).toEqual([other, other]);
    const custom = { apiGroup: 'example.com', kind: 'Image', name: 'a' };
    expect(prepared({ dataSource: custom })).toEqual([undefined, undefined]);
    expect(prepared({ dataSourceRef: custom })).toEqual([custom, custom]);
    expect(prepared({ dataSourceRef: { ...other, namespace: 'b' } })).toEqual([undefined, undefined]);
  });

  test.each<[string, PersistentVolumeClaimSpec, string[]]>([
    [
      'without modes or size',
      { accessModes: [], resources: {} },
      [
        'spec.accessModes: Required value: at least 1 access mode is required',
        'spec.resources[storage]: Required value',
      ],
    ],
    [
      'for one pod and for many',
      { accessModes: ['ReadWriteOncePod', 'ReadWriteMany'] },
      ['spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes'],
    ],
    [
      'of nothing, in no mode',
      { accessModes: ['Odd'], resources: { requests: { storage: '0' } }, volumeMode: 'Odd' },
      [
        'spec.accessModes: Unsupported value: "Odd": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
        'spec.resources[storage]: Invalid value: "0": must be greater than zero',
        'spec.volumeMode: Unsupported value: "Odd": supported values: "Block", "Filesystem"',
      ],
    ],
    [
      'from two sources',
      { dataSource: { kind: 'PersistentVolumeClaim', name: 'a' }, dataSourceRef: { kind: 'Odd', name: 'b' } },
      [
        'spec.dataSourceRef: Invalid value: "Odd": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
        'spec: Invalid value: {}: must match dataSourceRef',
      ],
    ],
  ])('%s is refused', (_, spec, messages) => {
    expect(texts(claims.validate!(of(spec)))).toEqual(messages);
  });

  describe('when it changes', () => {
    const bound = (spec: PersistentVolumeClaimSpec = {}) =>
      of({ volumeName: 'v', ...spec }, { phase: 'Bound', capacity: { storage: '1Gi' } });
    const size = (storage: string) => ({ resources: { requests: { storage } } });
    const update = (claim: PersistentVolumeClaim, old: PersistentVolumeClaim) =>
      texts(claims.validateUpdate!(claim, old)).map((message) => message.split('\n')[0]);
    const frozen =
      'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

    test('is bound once', () => {
      expect(update(of({ volumeName: 'v' }), of({}))).toEqual([]);
      expect(update(of({ volumeName: 'w' }), of({ volumeName: 'v' }))).toEqual([frozen]);
    });

    test('grows once it is bound, and shrinks to what it has at least', () => {
      expect(update(bound(size('2Gi')), bound())).toEqual([]);
      expect(update(of(size('2Gi')), of({}))).toEqual([frozen]);
      expect(update(bound(size('2Gi')), bound(size('3Gi')))).toEqual([]);
      expect(update(bound(size('512Mi')), bound())).toEqual([
        'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
      ]);
    });

    test('may be given a class where it had none', () => {
      expect(update(of({ storageClassName: 'fast' }), of({}))).toEqual([]);
      expect(update(of({ storageClassName: 'fast' }), of({ storageClassName: 'slow' }))).toEqual([frozen]);
      const annotated = (name: string, spec: PersistentVolumeClaimSpec = {}) => {
        const claim = of(spec);
        claim.metadata.annotations = { [classAnnotation]: name };
        return claim;
      };
      expect(update(of({ storageClassName: 'fast' }), annotated('fast'))).toEqual([]);
      expect(update(annotated('slow'), annotated('fast'))).toEqual([
        `metadata.annotations[${classAnnotation}]: Invalid value: "slow": field is immutable`,
      ]);
    });

    test('keeps its mode, and the class of its attributes if it had one', () => {
      expect(update(of({ volumeMode: 'Block' }), of({}))).toEqual([
        frozen,
        'volumeMode: Invalid value: "Block": field is immutable',
      ]);
      expect(update(bound({ volumeAttributesClassName: 'gold' }), bound())).toEqual([]);
      expect(update(bound(), bound({ volumeAttributesClassName: 'gold' }))).toEqual([]);
      const settled = bound({ volumeAttributesClassName: 'gold' });
      settled.status!.currentVolumeAttributesClassName = 'gold';
      expect(update(bound(), settled)).toEqual([
        'spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil',
      ]);
    });
  });

  test('has a status that makes sense', () => {
    const status = {
      capacity: { storage: '-1' },
      allocatedResources: { cpu: '1', storage: '1Gi' },
      allocatedResourceStatuses: { storage: 'Odd' },
    };
    expect(texts(claims.validateStatusUpdate!(of({}, status), of({})))).toEqual([
      'status.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
      'status.allocatedResourceStatuses: Unsupported value: "storage": supported values: "ControllerResizeFailed", "ControllerResizeInProgress", "NodeResizeFailed", "NodeResizeInProgress", "NodeResizePending"',
      'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
    ]);
  });

  test('shows what it has once it is bound', () => {
    const cells = (claim: PersistentVolumeClaim) => claims.columns!.map((column) => column.cell(claim, { nowMs: 0 }));
    const status = { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteMany', 'ReadWriteOnce'] };
    expect(cells(of({ volumeName: 'v', storageClassName: 'fast' }, status))).toEqual([
      'data',
      'Bound',
      'v',
      '1Gi',
      'RWO,RWX',
      'fast',
      '<unset>',
      '<unknown>',
      'Filesystem',
    ]);
    expect(cells(of({})).slice(1, 6)).toEqual(['Pending', '', '', '', '']);
  });

  test('is warned of parts of bytes and of its class in an annotation', () => {
    const claim = of({ resources: { requests: { storage: '1500m' } } });
    claim.metadata.annotations = { [classAnnotation]: 'fast' };
    expect(claims.warnings!(claim, undefined)).toEqual([
      `metadata.annotations[${classAnnotation}]: deprecated since v1.8; use "storageClassName" attribute instead`,
      'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
    ]);
  });
});

describe('a PersistentVolume', () => {
  const of = (spec: PersistentVolumeSpec): PersistentVolume => {
    const volume: PersistentVolume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'v', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, ...copy(spec) },
    };
    volumes.default!(volume);
    return volume;
  };
  const hostPath = { hostPath: { path: '/data' } };
  const nodeAffinity = (key: string) => ({
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values: ['a'] }] }] },
  });

  test('is pending, retained and of a file system, unless it says otherwise', () => {
    const volume = of(hostPath);
    expect(volume.spec).toMatchObject({
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
      hostPath: { type: '' },
    });
    volumes.prepareForCreate!(volume);
    expect(volume.status).toEqual({ phase: 'Pending', lastPhaseTransitionTime: '2026-01-01T00:00:00Z' });
  });

  test('knows when its phase changed, whether or not it is told', () => {
    const at = (phase: string, lastPhaseTransitionTime?: string): PersistentVolume => ({
      ...of(hostPath),
      status: { phase, ...(lastPhaseTransitionTime && { lastPhaseTransitionTime }) },
    });
    const timeOf = (volume: PersistentVolume) => {
      volumes.prepareForStatusUpdate!(volume, at('Pending', '2026-01-01T00:00:00Z'), {
        nowMs: Date.parse('2026-01-02'),
      });
      return volume.status!.lastPhaseTransitionTime;
    };
    expect(timeOf(at('Pending'))).toBe('2026-01-01T00:00:00Z');
    expect(timeOf(at('Bound'))).toBe('2026-01-02T00:00:00Z');
    expect(timeOf(at('Bound', '2026-01-01T00:00:00Z'))).toBe('2026-01-02T00:00:00Z');
    expect(timeOf(at('Bound', '2026-01-05T00:00:00Z'))).toBe('2026-01-05T00:00:00Z');
  });

  test.each<[string, PersistentVolumeSpec, string[]]>([
    [
      'of nothing from nowhere',
      { accessModes: [], capacity: {} },
      [
        'spec.accessModes: Required value',
        'spec.capacity: Required value',
        'spec.capacity: Unsupported value: {}: supported values: "storage"',
        'spec: Required value: must specify a volume type',
      ],
    ],
    [
      'in two places',
      { ...hostPath, nfs: { server: 'a', path: '/b' } },
      ['spec.nfs: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'on whatever node',
      { local: { path: '/data' } },
      ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
    ],
    [
      'that would wipe a node',
      { hostPath: { path: '//./' }, persistentVolumeReclaimPolicy: 'Recycle' },
      ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    ],
    [
      'of a driver that is not named',
      { csi: { driver: '', volumeHandle: '', nodeStageSecretRef: { name: 'a' }, nodeExpandSecretRef: { name: 'A' } } },
      [
        'spec.csi.driver: Required value',
        expect.stringContaining('spec.csi.driver: Invalid value: "": a lowercase RFC 1123 subdomain') as never,
        'spec.csi.volumeHandle: Required value',
        expect.stringContaining('spec.csi.nodeExpandSecretRef.name: Invalid value: "A"') as never,
        'spec.csi.nodeExpandSecretRef.namespace: Required value',
      ],
    ],
    [
      'with attributes that nobody provides',
      { ...hostPath, volumeAttributesClassName: 'gold' },
      ['spec.csi: Required value: has to be specified when using volumeAttributesClassName'],
    ],
    [
      'with secrets of no namespace',
      { cinder: { volumeID: 'a', secretRef: { name: 'b' } } },
      ['spec.cinder.secretRef.namespace: Required value'],
    ],
    [
      'of a target that has no name',
      { iscsi: { targetPortal: '10.0.0.1', iqn: 'odd', lun: 256 } },
      [
        'spec.iscsi.iqn: Invalid value: "odd": must be valid format',
        'spec.iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive',
      ],
    ],
    ['of a disk without a name', { gcePersistentDisk: { pdName: '' } }, ['spec.persistentDisk.pdName: Required value']],
  ])('%s is refused', (_, spec, messages) => {
    expect(texts(volumes.validate!(of(spec)))).toEqual(messages);
  });

  test('stays where it is', () => {
    const update = (spec: PersistentVolumeSpec, old: PersistentVolumeSpec) =>
      texts(volumes.validateUpdate!(of(spec), of(old)));
    expect(update({ hostPath: { path: '/other' } }, hostPath)).toEqual([
      expect.stringMatching(
        /^spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n@@ -2,7 \+2,7 @@\n(.|\n)*\n- {2}"Path": "\/data",\n\+ {2}"Path": "\/other",\n/,
      ),
    ]);
    const csi = { driver: 'a', volumeHandle: 'b' };
    const secret = { controllerExpandSecretRef: { name: 'a', namespace: 'b' } };
    expect(update({ csi: { ...csi, ...secret } }, { csi })).toEqual([]);
    expect(update({ ...hostPath, nodeAffinity: nodeAffinity('a') }, hostPath)).toEqual([]);
    const beta = { ...hostPath, nodeAffinity: nodeAffinity('failure-domain.beta.kubernetes.io/zone') };
    expect(update({ ...hostPath, nodeAffinity: nodeAffinity('topology.kubernetes.io/zone') }, beta)).toEqual([]);
    expect(update(hostPath, beta)).toEqual([
      'nodeAffinity: Invalid value: null: field is immutable, except for updating from beta label to GA',
    ]);
  });

  test('is warned of what is on its way out', () => {
    expect(
      volumes.warnings!(
        of({ rbd: { monitors: ['a'], image: 'b' }, persistentVolumeReclaimPolicy: 'Recycle' }),
        undefined,
      ),
    ).toEqual([
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
      'spec.rbd: deprecated in v1.28, non-functional in v1.31+',
    ]);
  });

  test('shows whose it is', () => {
    const volume = of({ ...hostPath, claimRef: { namespace: 'default', name: 'data' }, storageClassName: 'fast' });
    const cells = volumes.columns!.map((column) => column.cell(volume, { nowMs: Date.parse('2026-01-01T00:01:00Z') }));
    expect(cells).toEqual([
      'v',
      '1Gi',
      'RWO',
      'Retain',
      'Pending',
      'default/data',
      'fast',
      '<unset>',
      '',
      '60s',
      'Filesystem',
    ]);
  });
});
