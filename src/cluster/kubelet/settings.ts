/**
 * The settings of this machine's kubelet, by the names that upstream's gives its flags.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/
 */
import { formatMilliseconds } from '#apimachinery/codec/time.js';
import { allowedSysctlProblem } from '#kubelet/admission/sysctls.js';
import { ThresholdError, thresholdsOf } from '#kubelet/eviction/thresholds.js';
import { defaultKubeletSettings as defaults, type KubeletSettings } from '#kubelet/settings.js';
import { ConfigError, duration, file, list, number, type Setting } from '../setting.js';

export type KubeletFlags = KubeletSettings;

/**
 * Upstream's kubelet has a machine to itself. This one shares its disk with whatever else the user keeps there, which
 * nobody wants to see pods or imported images go for: the disk's thresholds are there for who asks, as with kind.
 */
const sharedMachine = {
  evictionHard: defaults.evictionHard.filter((threshold) => threshold.startsWith('memory.')),
  imageGcHighThreshold: 100,
};

const period = (name: string, ms: number, help: string) => duration(name, formatMilliseconds(ms), help);

export const kubeletSettings: Record<keyof KubeletFlags, Setting> = {
  podManifestPath: file('pod-manifest-path', 'a folder of manifests of pods that run on this machine without the API'),
  fileCheckFrequency: period('file-check-frequency', defaults.fileCheckFrequency, 'how often those are looked at'),
  allowedUnsafeSysctls: {
    ...list('allowed-unsafe-sysctls', 'kernel parameters that pods may set besides the safe ones', []),
    parse: (given) => {
      const names = given.split(',').map((one) => one.trim());
      const problem = names.map(allowedSysctlProblem).find((one) => one !== undefined);
      if (problem) throw new ConfigError(`--allowed-unsafe-sysctls: ${problem}`);
      return names;
    },
  },
  evictionHard: list(
    'eviction-hard',
    'what is to be free on this machine, or pods are ended at once; of the disk nothing by default',
    sharedMachine.evictionHard,
  ),
  evictionSoft: list('eviction-soft', 'the same, after a time of grace', []),
  evictionSoftGracePeriod: list('eviction-soft-grace-period', 'how long that is, by signal', []),
  evictionMinimumReclaim: list('eviction-minimum-reclaim', 'how much more is to be freed, by signal', []),
  evictionMaxPodGracePeriod: number(
    'eviction-max-pod-grace-period',
    defaults.evictionMaxPodGracePeriod,
    'seconds that pods have to end at most when that time is over',
  ),
  evictionPressureTransitionPeriod: period(
    'eviction-pressure-transition-period',
    defaults.evictionPressureTransitionPeriod,
    'for how long the node says that it is short of something when it no longer is',
  ),
  imageGcHighThreshold: number(
    'image-gc-high-threshold',
    sharedMachine.imageGcHighThreshold,
    'percent of the disk from which images that nobody uses are removed; 100: never',
  ),
  imageGcLowThreshold: number('image-gc-low-threshold', defaults.imageGcLowThreshold, 'and down to which'),
  minimumImageTtlDuration: period(
    'minimum-image-ttl-duration',
    defaults.minimumImageTtlDuration,
    'for how long after it came an image is not removed',
  ),
  maximumImageGcAge: period(
    'image-maximum-gc-age',
    defaults.maximumImageGcAge,
    'after how long unused images go however much is free; 0s: never',
  ),
};

/** What one setting alone does not tell. Throws ConfigError. */
export function checkKubelet(flags: KubeletFlags): void {
  try {
    thresholdsOf(flags);
  } catch (error) {
    if (!(error instanceof ThresholdError)) throw error;
    throw new ConfigError(`the eviction thresholds cannot be used: ${error.message}`);
  }
  const { imageGcHighThreshold: high, imageGcLowThreshold: low } = flags;
  if (high > 100) throw new ConfigError('--image-gc-high-threshold must be from 0 to 100');
  if (low >= high) throw new ConfigError('--image-gc-low-threshold must be less than --image-gc-high-threshold');
}
