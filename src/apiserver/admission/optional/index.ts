/** The admission plugins that run only where they are asked for; loaded then. */
import type { Clock } from '#base/clock.js';
import type { AdmissionPlugin } from '../admission.js';
import type { PluginConfiguration } from '../plugin-configuration.js';
import type { OptionalDependencies, OptionalPluginName } from '../plugins.js';
import { alwaysAdmit, alwaysDeny } from './always.js';
import { eventRateLimit } from './event-rate-limit.js';
import { imagePolicyWebhook } from './image-policy.js';
import { namespaceAutoProvision, namespaceExists } from './namespaces.js';
import { podNodeSelector } from './node-selector.js';
import { ownerReferencesPermissionEnforcement } from './owner-references.js';
import { alwaysPullImages, extendedResourceToleration, limitPodHardAntiAffinityTopology } from './pods.js';
import { denyServiceExternalIPs } from './service-external-ips.js';
import { podTolerationRestriction } from './tolerations.js';

type Make = (dependencies: OptionalDependencies) => AdmissionPlugin;

const plain = (plugin: AdmissionPlugin) => () => () => plugin;

/** From what the user's file says of the plugin. Throw ConfigurationError or KubeconfigError. */
export const optionalFactories: Readonly<
  Record<
    OptionalPluginName,
    (given: PluginConfiguration | undefined, environment: { clock: Clock }) => Make | Promise<Make>
  >
> = {
  AlwaysAdmit: plain(alwaysAdmit),
  AlwaysDeny: plain(alwaysDeny),
  AlwaysPullImages: plain(alwaysPullImages),
  DenyServiceExternalIPs: plain(denyServiceExternalIPs),
  EventRateLimit: eventRateLimit,
  ExtendedResourceToleration: plain(extendedResourceToleration),
  ImagePolicyWebhook: imagePolicyWebhook,
  LimitPodHardAntiAffinityTopology: plain(limitPodHardAntiAffinityTopology),
  NamespaceAutoProvision: () => namespaceAutoProvision,
  NamespaceExists: () => namespaceExists,
  OwnerReferencesPermissionEnforcement: () => ownerReferencesPermissionEnforcement,
  PodNodeSelector: podNodeSelector,
  PodTolerationRestriction: podTolerationRestriction,
};
