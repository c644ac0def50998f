/**
 * What the user says of admission: plugins by name, and an AdmissionConfiguration file with the configurations of some.
 * https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/#apiserver-config-k8s-io-v1-AdmissionConfiguration
 */
import { dirname, resolve } from 'node:path';
import type { AdmissionConfiguration } from '#api/gen/apiserver-v1.js';
import type { Clock } from '#base/clock.js';
import { convertConfiguration, readConfigurationFile, readDocument } from '../configuration-file.js';
import type { YamlDocument } from '../handlers/yaml/index.js';
import { readCredentials } from '../webhook/credentials.js';
import { optionalFactories } from './optional/index.js';
import { PluginConfiguration } from './plugin-configuration.js';
import { type AdmissionChoice, optionalPlugins } from './plugins.js';
import { readPodSecurity } from './pod-security/configuration.js';
import { readLimitedResources } from './resource-quota/limited.js';

export interface AdmissionSettings {
  enabled: readonly string[];
  disabled: readonly string[];
  configFile: string | undefined;
}

const group = 'apiserver.config.k8s.io';

/** Throws ConfigurationError or KubeconfigError. */
export async function openAdmission(
  { enabled, disabled, configFile }: AdmissionSettings,
  environment: { clock: Clock },
): Promise<AdmissionChoice> {
  const said = configFile ? await readPlugins(configFile) : new Map<string, PluginConfiguration>();
  const names = optionalPlugins.filter((name) => enabled.includes(name));
  const credentials = (name: string) => {
    const kind = { group, kind: 'WebhookAdmissionConfiguration', versions: ['v1'] as const };
    const { kubeConfigFile } = said.get(name)?.typed<{ kubeConfigFile?: string }>(kind) ?? {};
    return kubeConfigFile ? readCredentials(kubeConfigFile) : undefined;
  };
  return {
    disabled: new Set(disabled),
    optional: await Promise.all(names.map((name) => optionalFactories[name](said.get(name), environment))),
    podSecurity: readPodSecurity(said.get('PodSecurity')),
    limitedResources: readLimitedResources(said.get('ResourceQuota')),
    webhookCredentials: {
      mutating: await credentials('MutatingAdmissionWebhook'),
      validating: await credentials('ValidatingAdmissionWebhook'),
    },
  };
}

async function readPlugins(path: string): Promise<Map<string, PluginConfiguration>> {
  const document = readDocument(await readConfigurationFile(path), path);
  if (isOfOnePlugin(document)) {
    // Before there was an AdmissionConfiguration, the file was what these two plugins read.
    const own = new PluginConfiguration(path, document);
    return new Map([
      ['ImagePolicyWebhook', own],
      ['PodNodeSelector', own],
    ]);
  }
  const kind = { path, group, kind: 'AdmissionConfiguration', versions: ['v1', 'v1alpha1'] as const };
  const { value } = convertConfiguration<AdmissionConfiguration>(document, kind);
  const read = (value.plugins ?? []).map(async ({ name = '', path: own, configuration }) => {
    if (configuration) {
      const nested = { value: configuration, duplicates: [] };
      return [name, new PluginConfiguration(path, nested)] as const;
    }
    if (!own) return undefined;
    const found = resolve(dirname(path), own);
    const bytes = await readConfigurationFile(found);
    return [name, new PluginConfiguration(found, readDocument(bytes, found))] as const;
  });
  return new Map((await Promise.all(read)).filter((one) => one !== undefined));
}

function isOfOnePlugin({ value }: YamlDocument): boolean {
  if (typeof value !== 'object' || value === null || 'kind' in value) return false;
  return 'imagePolicy' in value || 'podNodeSelectorPluginConfig' in value;
}
