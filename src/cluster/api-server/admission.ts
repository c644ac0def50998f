/** The settings of admission, by the names of kube-apiserver's flags, and the plugins that they ask for. */
import { type AdmissionChoice, pluginNames } from '#apiserver/admission/plugins.js';
import type { Clock } from '#base/clock.js';
import { ConfigError, file, list, type Setting } from '../setting.js';

export interface AdmissionSettings {
  enableAdmissionPlugins: string[];
  disableAdmissionPlugins: string[];
  admissionControlConfigFile: string | undefined;
}

export const admissionSettings: Record<keyof AdmissionSettings, Setting> = {
  enableAdmissionPlugins: list('enable-admission-plugins', 'run these too, beside those that run by default', []),
  disableAdmissionPlugins: list('disable-admission-plugins', 'do not run these', []),
  admissionControlConfigFile: file('admission-control-config-file', 'an AdmissionConfiguration: how plugins behave'),
};

/** Undefined: as by default. Throws ConfigError, ConfigurationError or KubeconfigError. */
export async function openAdmissionOf(
  settings: AdmissionSettings,
  environment: { clock: Clock },
): Promise<AdmissionChoice | undefined> {
  const [enabled, disabled] = [settings.enableAdmissionPlugins, settings.disableAdmissionPlugins].map((names) =>
    names.filter((name) => name !== ''),
  ) as [string[], string[]];
  const configFile = settings.admissionControlConfigFile;
  if (enabled.length === 0 && disabled.length === 0 && !configFile) return undefined;
  requireKnown('enable-admission-plugins', enabled);
  requireKnown('disable-admission-plugins', disabled);
  const both = enabled.filter((name) => disabled.includes(name));
  if (both.length > 0)
    throw new ConfigError(`[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`);
  const { openAdmission } = await import('#apiserver/admission/configuration.js');
  return openAdmission({ enabled, disabled, configFile }, environment);
}

function requireKnown(flag: string, names: readonly string[]): void {
  const unknown = names.find((name) => !pluginNames.includes(name));
  if (unknown !== undefined)
    throw new ConfigError(
      `--${flag}: plugin ${JSON.stringify(unknown)} is unknown; there are ${pluginNames.join(', ')}`,
    );
}
