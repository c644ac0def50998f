/**
 * The admission plugins that run, in the order in which they see a request (`plugins.ts`); what upstream does in
 * registries stands last, and cannot be turned off.
 */
import type { Clock } from '#base/clock.js';
import type { Prng } from '#base/prng.js';
import type { Authorizer } from '../authorization/authorizer.js';
import type { RbacAuthorizer } from '../authorization/rbac/rbac.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin } from './admission.js';
import {
  certificateApproval,
  certificateRequester,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates.js';
import { defaultIngressClass, defaultStorageClass } from './default-classes.js';
import { defaultTolerationSeconds } from './default-toleration-seconds.js';
import { adminDevices, claimStatusPermissions, deviceTaintTimes } from './devices.js';
import { limitRanger } from './limit-ranger.js';
import { namespaceLifecycle } from './namespace-lifecycle.js';
import { nodeDeclaredFeatures } from './node-declared-features.js';
import { nodeRestriction } from './node-restriction.js';
import { type AdmissionChoice, inOrder } from './plugins.js';
import { podResize } from './pod-resize.js';
import { podSecurity } from './pod-security/index.js';
import type { PodSecurityObservation } from './pod-security/observation.js';
import { podTopologyLabels } from './pod-topology-labels.js';
import type { AdmissionPolicies } from './policy/index.js';
import { policyParams } from './policy-params.js';
import { priority } from './priority.js';
import { rbacEscalation } from './rbac-escalation.js';
import { resourceQuota } from './resource-quota/index.js';
import { runtimeClass } from './runtime-class.js';
import { serviceAccount } from './service-account.js';
import { ServiceAddresses, type ServiceAddressOptions } from './service-addresses/index.js';
import { storageProtection } from './storage-protection.js';
import { taintNodesByCondition } from './taint-nodes-by-condition.js';
import { volumeClaimResize } from './volume-claim-resize.js';
import type { AdmissionWebhooks } from './webhook/index.js';

export interface AdmissionDependencies extends Pick<ServiceAddressOptions, 'serviceRange' | 'nodePorts'> {
  /** Asked for at each request: the registry is made with the plugins, and so after them. */
  registry: () => Registry;
  authorizer: Authorizer;
  rbac: RbacAuthorizer;
  clock: Clock;
  prng: Prng;
  /** Left out: the plugins that are on by default, as they are by default. */
  admissionChoice?: AdmissionChoice;
  webhooks: Pick<AdmissionWebhooks, 'mutating' | 'validating'>;
  policies: Pick<AdmissionPolicies, 'mutating' | 'validating'>;
  observePodSecurity?: ((observation: PodSecurityObservation) => void) | undefined;
}

export function admissionPlugins(given: AdmissionDependencies): AdmissionPlugin[] {
  const { admissionChoice: choice } = given;
  const dependencies = { ...given, podSecurity: choice?.podSecurity, limitedResources: choice?.limitedResources };
  const chosen = choice?.optional.map((make) => make(dependencies)) ?? [];
  return [
    ...inOrder([...byDefault(dependencies), ...chosen], choice?.disabled ?? new Set()),
    rbacEscalation(dependencies),
    policyParams(dependencies),
    certificateRequester,
    adminDevices(dependencies),
    deviceTaintTimes(dependencies),
    claimStatusPermissions(dependencies),
    new ServiceAddresses(dependencies),
  ];
}

function byDefault(
  dependencies: AdmissionDependencies & Pick<AdmissionChoice, 'podSecurity' | 'limitedResources'>,
): AdmissionPlugin[] {
  return [
    namespaceLifecycle(dependencies),
    limitRanger(dependencies),
    serviceAccount(dependencies),
    nodeRestriction(dependencies),
    taintNodesByCondition,
    podSecurity(dependencies),
    priority(dependencies),
    defaultTolerationSeconds,
    defaultStorageClass(dependencies),
    storageProtection,
    volumeClaimResize(dependencies),
    runtimeClass(dependencies),
    certificateApproval(dependencies),
    certificateSigning(dependencies),
    certificateSubjectRestriction,
    defaultIngressClass(dependencies),
    podTopologyLabels(dependencies),
    nodeDeclaredFeatures(dependencies),
    podResize(dependencies),
    dependencies.policies.mutating,
    dependencies.webhooks.mutating,
    dependencies.policies.validating,
    dependencies.webhooks.validating,
    resourceQuota(dependencies),
  ];
}
