/**
 * GET /metrics/cadvisor: what the kernel counts of cgroups and networks, under the names and labels of cAdvisor, which
 * dashboards of Kubernetes are made on. https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
 */
import { type CollectedOptions, MetricRegistry, type Sample } from '#base/metrics.js';
import type { NodeFacts } from '../node-facts.js';
import type { CgroupUsage, InterfaceUsage, NodeUsage, PodUsage, Pressure, UsageSource } from './usage.js';

/** One cgroup, as its labels tell it apart. */
interface Subject {
  labels: readonly string[];
  own: CgroupUsage;
  interfaces?: readonly InterfaceUsage[];
}

const subjectLabels = ['id', 'name', 'image', 'container', 'pod', 'namespace'];

type Values = Iterable<{ extra?: readonly string[]; value: number }>;

interface Row {
  name: string;
  type: CollectedOptions['type'];
  help: string;
  extra?: readonly string[];
  /** The kernel says when; what was set says nothing of time. */
  timeless?: boolean;
  read: (subject: Subject) => Values;
}

const seconds = (nanos: bigint) => Number(nanos) / 1e9;
const one = (value: number | undefined): Values => (value === undefined ? [] : [{ value }]);

type Read = (usage: CgroupUsage) => number | undefined;
const counter = (name: string, help: string, of: Read): Row => ({
  name: `container_${name}`,
  type: 'counter',
  help,
  read: ({ own }) => one(of(own)),
});
const gauge = (name: string, help: string, of: Read): Row => ({ ...counter(name, help, of), type: 'gauge' });
const setting = (name: string, help: string, of: Read): Row => ({ ...gauge(name, help, of), timeless: true });

const processor: readonly Row[] = [
  {
    name: 'container_cpu_usage_seconds_total',
    type: 'counter',
    help: 'Processor time used, in seconds.',
    extra: ['cpu'],
    read: ({ own }) => [{ extra: ['total'], value: seconds(own.cpu.usage) }],
  },
  counter('cpu_user_seconds_total', 'Processor time used by programs, in seconds.', ({ cpu }) => seconds(cpu.user)),
  counter('cpu_system_seconds_total', 'Processor time used by the kernel, in seconds.', ({ cpu }) =>
    seconds(cpu.system),
  ),
  counter('cpu_cfs_periods_total', 'Periods in which a quota was held to.', ({ cpu }) => cpu.periods),
  counter('cpu_cfs_throttled_periods_total', 'Periods whose quota was used up.', ({ cpu }) => cpu.throttledPeriods),
  counter('cpu_cfs_throttled_seconds_total', 'Time waited for a new period, in seconds.', ({ cpu }) =>
    cpu.throttled === undefined ? undefined : seconds(cpu.throttled),
  ),
  setting('spec_cpu_period', 'Length of a period, in microseconds.', ({ cpu }) => cpu.periodUs),
  setting('spec_cpu_quota', 'Processor time of each period, in microseconds.', ({ cpu }) => cpu.quotaUs),
  setting('spec_cpu_shares', 'Share of the processor when it is short.', ({ cpu }) => cpu.shares),
];

const memory: readonly Row[] = [
  gauge('memory_usage_bytes', 'Memory in use, caches included, in bytes.', ({ memory: m }) => m.usage),
  gauge(
    'memory_working_set_bytes',
    'Memory in use that cannot be dropped at once, in bytes.',
    (u) => u.memory.workingSet,
  ),
  gauge('memory_max_usage_bytes', 'The most memory that was in use, in bytes.', ({ memory: m }) => m.max),
  gauge('memory_rss', 'Memory that belongs to no file, in bytes.', ({ memory: m }) => m.rss),
  gauge('memory_cache', 'Memory that caches files, in bytes.', ({ memory: m }) => m.cache),
  gauge('memory_mapped_file', 'Memory of mapped files, in bytes.', ({ memory: m }) => m.mapped),
  gauge('memory_swap', 'Swap in use, in bytes.', ({ memory: m }) => m.swap),
  gauge('memory_kernel_usage', 'Memory of the kernel, in bytes.', ({ memory: m }) => m.kernel),
  gauge('memory_total_active_file_bytes', 'Cached files in use of late, in bytes.', ({ memory: m }) => m.activeFile),
  gauge('memory_total_inactive_file_bytes', 'Cached files not in use of late, in bytes.', (u) => u.memory.inactiveFile),
  counter('memory_failcnt', 'How often the limit of memory was met.', ({ memory: m }) => m.failures),
  {
    name: 'container_memory_failures_total',
    type: 'counter',
    help: 'Page faults.',
    extra: ['failure_type', 'scope'],
    // Those of the cgroup itself and those below it: the kernel counts them together.
    read: ({ own: { memory: m } }) =>
      ['container', 'hierarchy'].flatMap((scope) => [
        { extra: ['pgfault', scope], value: m.pageFaults },
        { extra: ['pgmajfault', scope], value: m.majorPageFaults },
      ]),
  },
  counter('oom_events_total', 'Processes killed for want of memory.', ({ memory: m }) => m.oomKills),
  setting('spec_memory_limit_bytes', 'Limit of memory, in bytes; 0: none.', ({ memory: m }) => m.limit ?? 0),
  setting('spec_memory_swap_limit_bytes', 'Limit of swap, in bytes; 0: none.', ({ memory: m }) => m.swapLimit ?? 0),
  setting(
    'spec_memory_reservation_limit_bytes',
    'Memory kept free for it, in bytes; 0: none.',
    (u) => u.memory.reservation ?? 0,
  ),
];

const life: readonly Row[] = [
  setting('start_time_seconds', 'When it was made, in seconds since the Unix epoch.', ({ startedAtMs }) =>
    Math.floor(startedAtMs / 1000),
  ),
  gauge('last_seen', 'When it was last looked at, in seconds since the Unix epoch.', ({ atMs }) =>
    Math.floor(atMs / 1000),
  ),
  gauge('processes', 'Processes that run.', ({ tasks }) => tasks?.processes),
  gauge('threads', 'Threads that run.', ({ tasks }) => tasks?.threads),
  gauge('threads_max', 'Threads that may run; 0: any number.', ({ tasks }) => tasks?.threadsMax),
];

const stalls = (what: 'cpu' | 'memory' | 'io', of: (usage: CgroupUsage) => Pressure | undefined): Row[] =>
  (['some', 'full'] as const).map((kind) => {
    const isFull = kind === 'full';
    const help = `Time in which ${isFull ? 'all tasks' : 'a task'} waited for ${what}, in seconds.`;
    return counter(`pressure_${what}_${isFull ? 'stalled' : 'waiting'}_seconds_total`, help, (usage) => {
      const pressure = of(usage);
      return pressure && pressure[kind].total / 1e6;
    });
  });

const pressure: readonly Row[] = [
  ...stalls('cpu', ({ cpu }) => cpu.pressure),
  ...stalls('memory', ({ memory: m }) => m.pressure),
  ...stalls('io', ({ io }) => io?.pressure),
];

const disk: readonly Row[] = (['reads', 'writes'] as const).flatMap((what) =>
  (['bytes', 'count'] as const).map(
    (unit): Row => ({
      name: `container_fs_${what}${unit === 'bytes' ? '_bytes' : ''}_total`,
      type: 'counter',
      help: `${unit === 'bytes' ? 'Bytes of' : 'Number of'} ${what} of block devices.`,
      extra: ['device'],
      read: ({ own }) => (own.devices ?? []).map(({ device, ...of }) => ({ extra: [device], value: of[what][unit] })),
    }),
  ),
);

const network: readonly Row[] = (['received', 'sent'] as const).flatMap((side) =>
  (['bytes', 'packets', 'dropped', 'errors'] as const).map((what): Row => {
    const name = what === 'dropped' ? 'packets_dropped' : what;
    return {
      name: `container_network_${side === 'sent' ? 'transmit' : 'receive'}_${name}_total`,
      type: 'counter',
      help: `${name.replace('_', ' ')} ${side}.`.replace(/^./, (letter) => letter.toUpperCase()),
      extra: ['interface'],
      read: ({ interfaces = [] }) => interfaces.map((each) => ({ extra: [each.name], value: each[side][what] })),
    };
  }),
);

const rows = [...processor, ...memory, ...life, ...pressure, ...disk, ...network];

export async function cadvisorMetrics(
  source: UsageSource,
  { facts, failed }: { facts: NodeFacts; failed: (error: unknown) => void },
): Promise<string> {
  const registry = new MetricRegistry();
  let subjects: Subject[] = [];
  let errors = 0;
  try {
    const [node, pods] = await Promise.all([source.node(), source.pods({ detailed: false })]);
    subjects = [nodeSubject(node), ...pods.flatMap(podSubjects)];
    addFilesystem(registry, node);
  } catch (error) {
    failed(error);
    errors = 1;
  }
  for (const { name, type, help, extra = [], timeless, read } of rows) {
    const collect = (): Sample[] =>
      subjects.flatMap((subject) =>
        [...read(subject)].map(({ extra: own = [], value }) => ({
          labels: [...subject.labels, ...own],
          value,
          ...(!timeless && { timeMs: subject.own.atMs }),
        })),
      );
    registry.collected({ name, type, help, labels: [...subjectLabels, ...extra], collect });
  }
  const scrapeError = { name: 'container_scrape_error', help: '1 if containers could not be looked at, 0 otherwise.' };
  registry.collected({ ...scrapeError, type: 'gauge', collect: () => [{ value: errors }] });
  addMachine(registry, facts);
  return registry.expose();
}

function nodeSubject({ own, interfaces }: NodeUsage): Subject {
  return { labels: ['/', '', '', '', '', ''], own, interfaces };
}

/** The pod's cgroup, its sandbox's, which stands for its network, and its containers'. */
function podSubjects({ pod: { metadata }, own, sandbox, interfaces, containers }: PodUsage): Subject[] {
  const names = [metadata.name ?? '', metadata.namespace ?? ''];
  const of = (usage: CgroupUsage, { name = '', image = '', container = '' } = {}): Subject => ({
    labels: [usage.cgroup, name, image, container, ...names],
    own: usage,
  });
  return [
    ...(own ? [of(own)] : []),
    ...(sandbox ? [{ ...of(sandbox.own, { name: sandbox.id, image: sandbox.image }), interfaces }] : []),
    ...containers.map(({ id, name, image, own: usage }) => of(usage, { name: id, image, container: name })),
  ];
}

function addFilesystem(registry: MetricRegistry, { filesystem, own }: NodeUsage): void {
  if (!filesystem) return;
  const { device = '', usedBytes, capacityBytes, inodes, inodesFree } = filesystem;
  const labels = ['/', '', '', '', '', '', device];
  const add = (name: string, help: string, value: number | undefined) =>
    registry.collected({
      name: `container_fs_${name}`,
      type: 'gauge',
      help,
      labels: [...subjectLabels, 'device'],
      collect: () => (value === undefined ? [] : [{ labels, value, timeMs: own.atMs }]),
    });
  add('usage_bytes', 'Bytes in use on the file system.', usedBytes);
  add('limit_bytes', 'Bytes that the file system can hold.', capacityBytes);
  add('inodes_total', 'Inodes that the file system can hold.', inodes);
  add('inodes_free', 'Inodes that are free.', inodesFree);
}

function addMachine(registry: MetricRegistry, { cpus, memoryBytes, info }: NodeFacts): void {
  const labels = ['machine_id', 'system_uuid', 'boot_id'];
  const { machineID, systemUUID, bootID } = info;
  const add = (name: string, help: string, value: number) =>
    registry.collected({
      name: `machine_${name}`,
      type: 'gauge',
      help,
      labels,
      collect: () => [{ labels: [machineID, systemUUID, bootID], value }],
    });
  add('cpu_cores', 'Logical processor cores.', cpus);
  add('memory_bytes', 'Memory of the machine, in bytes.', memoryBytes);
  registry.collected({
    name: 'cadvisor_version_info',
    type: 'gauge',
    help: 'Always 1; the labels tell the versions. There is no cAdvisor here, and so none of its own.',
    labels: ['kernelVersion', 'osVersion', 'dockerVersion', 'cadvisorVersion', 'cadvisorRevision'],
    collect: () => [{ labels: [info.kernelVersion, info.osImage, '', '', ''], value: 1 }],
  });
}
