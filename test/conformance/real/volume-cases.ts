/** What official names ask of volumes that a pod reads once: each a volume, a script that looks at it, and what it says. */

export interface VolumeCase {
  name: string;
  volume: object;
  /** A shell's, with the path at which the volume is mounted. */
  script: (path: string) => string;
  says: string;
  /** Default: root. */
  as?: 'root' | 'non-root' | 'group';
  mount?: object;
}

export const data = { 'data-1': 'value-1', 'data-2': 'value-2' };
/** The pods' name, labels and annotations, which the downward API tells. */
export const podLabels = { tells: 'label-1' };
export const resources = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '1250m', memory: '64Mi' } };

const mapped = [{ key: 'data-2', path: 'path/to/data-2' }];
const modeOf = (file: string) => `stat -L -c %a ${file}`;
const linux = '[LinuxOnly] ';
const tags = '[Conformance] [NodeConformance]';

interface Source {
  items?: object[];
  defaultMode?: number;
  optional?: boolean;
}

/** A volume of its own, and one in a projected volume, of the same object. */
const builders = {
  ConfigMap: (name: string, source: Source) => ({ configMap: { name, ...source } }),
  'Projected configMap': (name: string, { defaultMode, ...source }: Source) => ({
    projected: { ...(defaultMode && { defaultMode }), sources: [{ configMap: { name, ...source } }] },
  }),
  Secrets: (name: string, source: Source) => ({ secret: { secretName: name, ...source } }),
  'Projected secret': (name: string, { defaultMode, ...source }: Source) => ({
    projected: { ...(defaultMode && { defaultMode }), sources: [{ secret: { name, ...source } }] },
  }),
} as const;

export type Kind = keyof typeof builders;
export const kinds = Object.keys(builders) as Kind[];

export function volumeOf(kind: Kind, name: string, source: Source = {}): object {
  return builders[kind](name, source);
}

function objectCases(kind: Kind): VolumeCase[] {
  const of = (source: Source = {}) => volumeOf(kind, 'whole', source);
  const title = (what: string, onLinux = '') => `[sig-storage] ${kind} should be consumable ${what} ${onLinux}${tags}`;
  const isMap = kind.toLowerCase().includes('configmap');
  const read = (path: string) => `cat ${path}/data-1`;
  const readMapped = (path: string) => `cat ${path}/path/to/data-2`;
  const itemMode = [{ ...mapped[0]!, mode: 0o400 }];
  const cases: VolumeCase[] = [
    { name: title('from pods in volume'), volume: of(), script: read, says: 'value-1' },
    {
      name: title('from pods in volume with mappings'),
      volume: of({ items: mapped }),
      script: readMapped,
      says: 'value-2',
    },
    {
      name: title('from pods in volume with defaultMode set', linux),
      volume: of({ defaultMode: 0o400 }),
      script: (path) => modeOf(`${path}/data-1`),
      says: '400',
    },
    {
      name: title(`from pods in volume with mappings and Item ${isMap ? 'mode' : 'Mode'} set`, linux),
      volume: of({ items: itemMode }),
      script: (path) => modeOf(`${path}/path/to/data-2`),
      says: '400',
    },
    {
      name: title(isMap ? 'in multiple volumes in the same pod' : 'in multiple volumes in a pod'),
      volume: of(),
      script: read,
      says: 'value-1',
    },
  ];
  const unprivileged: VolumeCase[] = isMap
    ? [
        { name: title('from pods in volume as non-root'), volume: of(), script: read, says: 'value-1', as: 'non-root' },
        {
          name: title('from pods in volume with mappings as non-root'),
          volume: of({ items: mapped }),
          script: readMapped,
          says: 'value-2',
          as: 'non-root',
        },
      ]
    : [
        {
          name: title('from pods in volume as non-root with defaultMode and fsGroup set', linux),
          volume: of({ defaultMode: 0o440 }),
          script: (path) => `${modeOf(`${path}/data-1`)}; stat -L -c %g ${path}/data-1; cat ${path}/data-1`,
          says: '440\n1001\nvalue-1',
          as: 'group',
        },
      ];
  return [...cases, ...unprivileged];
}

type Downward = 'Downward API volume' | 'Projected downwardAPI';
export const downwardKinds: Downward[] = ['Downward API volume', 'Projected downwardAPI'];

export function downwardVolume(kind: Downward, items: object[], defaultMode?: number): object {
  const mode = defaultMode === undefined ? {} : { defaultMode };
  return kind === 'Downward API volume'
    ? { downwardAPI: { items, ...mode } }
    : { projected: { ...mode, sources: [{ downwardAPI: { items } }] } };
}

const podName = { path: 'podname', fieldRef: { fieldPath: 'metadata.name' } };

function downwardCases(kind: Downward): VolumeCase[] {
  const title = (what: string, onLinux = '') => `[sig-storage] ${kind} should ${what} ${onLinux}${tags}`;
  const amount = (resource: string) => ({ path: 'it', resourceFieldRef: { containerName: 'main', resource } });
  const told = (what: string, resource: string, says: string): VolumeCase => ({
    name: title(`provide container's ${what}`),
    volume: downwardVolume(kind, [amount(resource)]),
    script: (path) => `cat ${path}/it`,
    says,
  });
  return [
    {
      name: title('provide podname only'),
      volume: downwardVolume(kind, [podName]),
      script: (path) => `cat ${path}/podname`,
      says: 'reads-root',
    },
    {
      name: title('set DefaultMode on files', linux),
      volume: downwardVolume(kind, [podName], 0o400),
      script: (path) => modeOf(`${path}/podname`),
      says: '400',
    },
    {
      name: title('set mode on item file', linux),
      volume: downwardVolume(kind, [{ ...podName, mode: 0o400 }]),
      script: (path) => modeOf(`${path}/podname`),
      says: '400',
    },
    // Whole cores, rounded up.
    told('cpu limit', 'limits.cpu', '2'),
    told('cpu request', 'requests.cpu', '1'),
    told('memory limit', 'limits.memory', String(64 * 2 ** 20)),
    told('memory request', 'requests.memory', String(32 * 2 ** 20)),
  ];
}

function emptyCases(): VolumeCase[] {
  const media = { default: {}, tmpfs: { medium: 'Memory' } };
  const isTmpfs = (path: string) => `grep -c " ${path} tmpfs " /proc/mounts`;
  return Object.entries(media).flatMap(([word, emptyDir]) => {
    const count = word === 'tmpfs' ? '1' : '0';
    const files = (['root', 'non-root'] as const).flatMap((as) =>
      ['0644', '0666', '0777'].map(
        (mode): VolumeCase => ({
          name: `[sig-storage] EmptyDir volumes should support (${as},${mode},${word}) ${linux}${tags}`,
          volume: { emptyDir },
          script: (path) =>
            `echo content > ${path}/f; chmod ${mode} ${path}/f; ${modeOf(`${path}/f`)}; cat ${path}/f; ${isTmpfs(path)}`,
          says: `${mode.slice(1)}\ncontent\n${count}`,
          as,
        }),
      ),
    );
    const where = word === 'tmpfs' ? 'tmpfs' : 'default medium';
    return [
      ...files,
      {
        name: `[sig-storage] EmptyDir volumes volume on ${where} should have the correct mode ${linux}${tags}`,
        volume: { emptyDir },
        script: (path: string) => `${modeOf(path)}; ${isTmpfs(path)}`,
        // The official test looks at the permissions alone. The kernel makes a tmpfs with the sticky bit, which stays.
        says: `${word === 'tmpfs' ? '1777' : '777'}\n${count}`,
      },
    ];
  });
}

/** One file of a volume that is kept up to date as a whole. */
function subPathCases(): VolumeCase[] {
  const of = (what: string, volume: object, { file, says }: { file: string; says: string }): VolumeCase => ({
    name: `[sig-storage] Subpath Atomic writer volumes should support subpaths with ${what} [Conformance]`,
    volume,
    mount: { subPath: file },
    script: (path) => `cat ${path}`,
    says,
  });
  const first = { file: 'data-1', says: 'value-1' };
  return [
    of('configmap pod', volumeOf('ConfigMap', 'whole'), first),
    of('secret pod', volumeOf('Secrets', 'whole'), first),
    of('projected pod', volumeOf('Projected configMap', 'whole'), first),
    of('downward pod', downwardVolume('Downward API volume', [podName]), { file: 'podname', says: 'reads-root' }),
    {
      ...of('configmap pod with mountPath of existing file', volumeOf('ConfigMap', 'whole'), first),
      mount: { subPath: 'data-1', mountPath: '/etc/group' },
      script: () => 'cat /etc/group',
    },
  ];
}

const combined: VolumeCase = {
  name: `[sig-storage] Projected combined should project all components that make up the projection API [Projection] ${tags}`,
  volume: {
    projected: {
      sources: [
        { configMap: { name: 'whole', items: [{ key: 'data-1', path: 'map' }] } },
        { secret: { name: 'whole', items: [{ key: 'data-2', path: 'secret' }] } },
        { downwardAPI: { items: [podName] } },
      ],
    },
  },
  script: (path) => `cat ${path}/map; echo; cat ${path}/secret; echo; cat ${path}/podname`,
  says: 'value-1\nvalue-2\nreads-root',
};

const binary: VolumeCase = {
  name: `[sig-storage] ConfigMap binary data should be reflected in volume ${tags}`,
  volume: volumeOf('ConfigMap', 'binary'),
  script: (path) => `od -An -tx1 ${path}/bytes; cat ${path}/text`,
  says: ' de ca fe ba d0 fe ff\ntext',
};

/** Secrets of the same name elsewhere are not this pod's; and a pod may have volumes of many kinds beside each other. */
const others: VolumeCase[] = [
  {
    name: `[sig-storage] Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace ${tags}`,
    volume: volumeOf('Secrets', 'whole'),
    script: (path) => `cat ${path}/data-1`,
    says: 'value-1',
  },
  {
    name: '[sig-storage] EmptyDir wrapper volumes should not conflict [Conformance]',
    volume: volumeOf('ConfigMap', 'whole'),
    script: (path) => `ls ${path}`,
    says: 'data-1\ndata-2',
  },
];

export const volumeCases: readonly VolumeCase[] = [
  ...kinds.flatMap(objectCases),
  ...downwardKinds.flatMap(downwardCases),
  ...emptyCases(),
  ...subPathCases(),
  combined,
  binary,
  ...others,
];
