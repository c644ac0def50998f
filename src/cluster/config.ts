/** The one table of settings: flag, environment variable, type, default and help; and how they become a Config. */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { prefixLength } from '#network/cidr.js';
import { gatesOf } from './api-server/gates.js';
import { type ApiServerSettings, apiServerSettings } from './api-server/settings.js';
import { checkElection, type ElectionFlags, electionSettings } from './controller-manager/election.js';
import { type ControllerFlags, controllerSettings } from './controller-manager/settings.js';
import { checkKubelet, type KubeletFlags, kubeletSettings } from './kubelet/settings.js';
import { ConfigError, duration, file, oneOf, type Setting, wholeNumber } from './setting.js';

export interface Config extends ApiServerSettings, ControllerFlags, ElectionFlags, KubeletFlags {
  dataDir: string;
  /** The API server's port; 0 lets the system choose. */
  port: number;
  /** The address the API server listens on. */
  bind: string;
  runtime: 'containerd' | 'simulated';
  /** How many simulated nodes; with containerd, the machine itself is one more node. */
  nodes: number;
  /** Of containers on simulated nodes that may end, where their pods do not say; undefined: until they are stopped. */
  simulatedLifetime: number | undefined;
  /** A CRI socket to use instead of our own containerd: `unix:///run/containerd/containerd.sock`. */
  containerRuntimeEndpoint: string | undefined;
  kubeconfig: boolean;
  nodeName: string | undefined;
  podCidr: string;
  serviceCidr: string;
  clusterDomain: string;
  logLevel: string;
  /** A KubeSchedulerConfiguration. */
  schedulerConfig: string | undefined;
}

export { ConfigError } from './setting.js';

const simulatedLifetime = duration(
  'simulated-lifetime',
  '1s',
  'how long containers run on simulated nodes whose pods need not run for ever; or never: until they are stopped',
);

/** As in upstream's examples; and for more simulated nodes than have ranges there. */
const podCidrs = { few: '10.244.0.0/16', many: '10.128.0.0/9', fewMax: 250 };

export const settings: Record<Exclude<keyof Config, 'kubeconfig'> | 'clusterCidr', Setting> = {
  dataDir: {
    flag: '--data-dir <dir>',
    env: 'T8S_DATA_DIR',
    help: 'where the cluster lives (default: /var/lib/t8s as root, ~/.t8s else)',
    parse: (text) => (isAbsolute(text) ? text : resolve(text)),
  },
  port: {
    flag: '--port <number>',
    env: 'T8S_PORT',
    help: "the API server's port",
    parse: wholeNumber({ name: 'port', min: 0, max: 65535 }),
    default: 6443,
  },
  bind: {
    flag: '--bind <address>',
    env: 'T8S_BIND',
    help: 'the address the API server listens on',
    parse: (text) => text,
    default: '0.0.0.0',
  },
  runtime: {
    flag: '--runtime <name>',
    env: 'T8S_RUNTIME',
    help: 'containerd or simulated (default: containerd as root on Linux, simulated else)',
    parse: oneOf('runtime', ['containerd', 'simulated']),
  },
  nodes: {
    flag: '--nodes <number>',
    env: 'T8S_NODES',
    help: 'simulated nodes (default: 1 with the simulated runtime, 0 with containerd)',
    parse: wholeNumber({ name: 'nodes', min: 0, max: 20_000 }),
  },
  simulatedLifetime: {
    ...simulatedLifetime,
    parse: (text) => (text === 'never' ? undefined : simulatedLifetime.parse(text)),
  },
  containerRuntimeEndpoint: {
    flag: '--container-runtime-endpoint <url>',
    env: 'T8S_CONTAINER_RUNTIME_ENDPOINT',
    help: 'use this CRI socket instead of our own containerd',
    parse: (text) => text,
  },
  nodeName: {
    flag: '--node-name <name>',
    env: 'T8S_NODE_NAME',
    help: "the name of this machine's node (default: its host name)",
    parse: (text) => text,
  },
  podCidr: {
    flag: '--pod-cidr <cidr>',
    env: 'T8S_POD_CIDR',
    help: `the addresses of pods (default: ${podCidrs.few}; ${podCidrs.many} for more than ${podCidrs.fewMax} simulated nodes)`,
    parse: cidr('pod-cidr'),
  },
  clusterCidr: {
    flag: '--cluster-cidr <cidr>',
    env: 'T8S_CLUSTER_CIDR',
    help: "the same, by upstream's name",
    parse: cidr('cluster-cidr'),
  },
  serviceCidr: {
    flag: '--service-cidr <cidr>',
    env: 'T8S_SERVICE_CIDR',
    help: 'the addresses of services',
    parse: cidr('service-cidr'),
    default: '10.96.0.0/12',
  },
  clusterDomain: {
    flag: '--cluster-domain <name>',
    env: 'T8S_CLUSTER_DOMAIN',
    help: 'the DNS domain of the cluster',
    parse: (text) => text,
    default: 'cluster.local',
  },
  logLevel: {
    flag: '--log-level <level>',
    env: 'T8S_LOG_LEVEL',
    help: 'debug, info, warn or error',
    parse: oneOf('log-level', ['debug', 'info', 'warn', 'error']),
    default: 'info',
  },
  schedulerConfig: file('scheduler-config', "a KubeSchedulerConfiguration: the scheduler's profiles"),
  ...apiServerSettings,
  ...controllerSettings,
  ...electionSettings,
  ...kubeletSettings,
};

/** Where to look for what the user said, and what machine this is. */
export interface ConfigSources {
  /** Values of flags by the names of Config; absent where not given. */
  flags: Record<string, unknown>;
  env: Record<string, string | undefined>;
  root: boolean;
  linux: boolean;
}

/** A flag wins over the environment, which wins over the default. Throws ConfigError. */
export function resolveConfig({ flags, env, root, linux }: ConfigSources): Config {
  const values: Record<string, unknown> = { kubeconfig: flags.kubeconfig ?? true };
  for (const [name, setting] of Object.entries(settings)) {
    const given = flags[name] ?? env[setting.env];
    values[name] = given === undefined ? setting.default : readSetting(setting, given);
  }
  const machineRuns = root && linux;
  values.dataDir ??= root ? '/var/lib/t8s' : join(homedir(), '.t8s');
  values.runtime ??= machineRuns ? 'containerd' : 'simulated';
  values.enableAggregatorRouting ??= values.runtime === 'simulated';
  values.nodes ??= values.runtime === 'simulated' ? 1 : 0;
  const isWide = values.runtime === 'simulated' && (values.nodes as number) > podCidrs.fewMax;
  values.podCidr ??= values.clusterCidr ?? (isWide ? podCidrs.many : podCidrs.few);
  const config = values as unknown as Config;
  checkNodeCidrs(config);
  checkElection(config);
  gatesOf(config);
  checkKubelet(config);
  if (config.runtime === 'containerd' && !machineRuns) {
    const why = linux ? 'needs root: run it with sudo' : 'needs Linux';
    throw new ConfigError(`--runtime containerd ${why}, or use --runtime simulated`);
  }
  return config;
}

/** Upstream's limits: no node has more than the cluster, and no cluster more than 65,536 ranges. */
function checkNodeCidrs({ podCidr, nodeCidrMaskSize }: Config): void {
  const min = prefixLength(podCidr);
  const max = Math.min(min + 16, 30);
  if (nodeCidrMaskSize >= min && nodeCidrMaskSize <= max) return;
  throw new ConfigError(`--node-cidr-mask-size must be from ${min} to ${max} with the pod addresses ${podCidr}`);
}

function readSetting({ many, parse }: Setting, given: unknown): unknown {
  if (!many) return parse(String(given));
  const texts = Array.isArray(given) ? given.map(String) : String(given).split(',');
  return texts.map((text) => parse(text));
}

function cidr(name: string): (text: string) => string {
  return (text) => {
    const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(text);
    const [a, b, c, d, bits] = (match ?? []).slice(1).map(Number) as [number, number, number, number, number];
    if (!match || [a, b, c, d].some((part) => part > 255) || bits < 8 || bits > 28) {
      throw new ConfigError(`--${name} must be an IPv4 range such as 10.244.0.0/16, not ${JSON.stringify(text)}`);
    }
    return text;
  };
}
