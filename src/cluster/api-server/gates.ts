/** The setting of feature gates, which all parts of the cluster share. */
import { FeatureGateError, FeatureGates } from '#apimachinery/features/gates.js';
import type { Log } from '#base/log.js';
import { ConfigError, many, type Setting } from '../setting.js';

export interface GateSettings {
  featureGates: string[] | undefined;
}

export const gateSettings: Record<keyof GateSettings, Setting> = {
  featureGates: many('feature-gates', 'A=true,B=false: features to turn on or off; may be repeated'),
};

/** Throws ConfigError, in upstream's words. */
export function gatesOf({ featureGates }: GateSettings): FeatureGates {
  try {
    return FeatureGates.parse(featureGates?.join(',') ?? '');
  } catch (error) {
    throw error instanceof FeatureGateError ? new ConfigError(error.message) : error;
  }
}

export function tellUnmoved({ unmoved }: FeatureGates, log: Log): void {
  if (unmoved.length > 0)
    log.warn(`AllAlpha and AllBeta leave feature gates that can only be as they are: ${unmoved.join(', ')}`);
}
