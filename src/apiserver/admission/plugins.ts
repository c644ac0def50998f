/**
 * The admission plugins by upstream's names: which there are, in what order they see a request, which run unless the
 * user says otherwise. https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
 */

import type { LimitedResource } from '#api/gen/apiserver-v1.js';
import type { Toleration } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import type { Authorizer } from '../authorization/authorizer.js';
import type { Registry } from '../registry/registry.js';
import type { WebhookCredentials } from '../webhook/credentials.js';
import type { AdmissionPlugin } from './admission.js';
import type { PodSecurityOptions } from './pod-security/index.js';

/** `AllOrderedPlugins` of kube-apiserver's options. Webhooks, quotas and the plugin that denies stand last. */
const order = [
  'AlwaysAdmit',
  'NamespaceAutoProvision',
  'NamespaceLifecycle',
  'NamespaceExists',
  'LimitPodHardAntiAffinityTopology',
  'LimitRanger',
  'ServiceAccount',
  'NodeRestriction',
  'TaintNodesByCondition',
  'AlwaysPullImages',
  'ImagePolicyWebhook',
  'PodSecurity',
  'PodNodeSelector',
  'Priority',
  'DefaultTolerationSeconds',
  'PodTolerationRestriction',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'DefaultStorageClass',
  'StorageObjectInUseProtection',
  'OwnerReferencesPermissionEnforcement',
  'PersistentVolumeClaimResize',
  'RuntimeClass',
  'CertificateApproval',
  'CertificateSigning',
  'ClusterTrustBundleAttest',
  'CertificateSubjectRestriction',
  'DefaultIngressClass',
  'DenyServiceExternalIPs',
  'PodTopologyLabels',
  'NodeDeclaredFeatureValidator',
  'PodResizeValidator',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
  'ResourceQuota',
  'AlwaysDeny',
] as const;

export type PluginName = (typeof order)[number];

/** Those that run only where they are asked for. NodeRestriction is not among them: there is a kubelet to restrict. */
export const optionalPlugins = [
  'AlwaysAdmit',
  'AlwaysDeny',
  'AlwaysPullImages',
  'DenyServiceExternalIPs',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'ImagePolicyWebhook',
  'LimitPodHardAntiAffinityTopology',
  'NamespaceAutoProvision',
  'NamespaceExists',
  'OwnerReferencesPermissionEnforcement',
  'PodNodeSelector',
  'PodTolerationRestriction',
] as const satisfies readonly PluginName[];

export type OptionalPluginName = (typeof optionalPlugins)[number];

export const pluginNames: readonly string[] = [...order].sort();

/** What an optional plugin may look at. */
export interface OptionalDependencies {
  registry: () => Registry;
  authorizer: Authorizer;
  clock: Clock;
}

export interface TolerationDefaults {
  default: readonly Toleration[];
  whitelist: readonly Toleration[];
}

/** What the user says of admission, read and held to be right. */
export interface AdmissionChoice {
  /** Of those that run by default. */
  disabled: ReadonlySet<string>;
  optional: readonly ((dependencies: OptionalDependencies) => AdmissionPlugin)[];
  podSecurity?: PodSecurityOptions;
  limitedResources?: readonly LimitedResource[];
  /** How webhooks are signed in to, for each of the two plugins. */
  webhookCredentials: { mutating?: WebhookCredentials; validating?: WebhookCredentials };
}

/** Those that are on, in upstream's order. */
export function inOrder(plugins: readonly AdmissionPlugin[], disabled: ReadonlySet<string>): AdmissionPlugin[] {
  const place = ({ name }: AdmissionPlugin) => (order as readonly string[]).indexOf(name);
  return plugins.filter(({ name }) => !disabled.has(name)).sort((a, b) => place(a) - place(b));
}
