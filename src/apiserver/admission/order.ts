/**
 * The admission plugins in the order in which they see a request. The order is meaning, and upstream's
 * (`AllOrderedPlugins` in kube-apiserver's options); what upstream does in registries stands last.
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
import { adminDevices, deviceTaintTimes } from './devices.js';
import { limitRanger } from './limit-ranger.js';
import { namespaceLifecycle } from './namespace-lifecycle.js';
import { nodeRestriction } from './node-restriction.js';
import { podResize } from './pod-resize.js';
import { type PodSecurityOptions, podSecurity } from './pod-security/index.js';
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
  podSecurity?: PodSecurityOptions;
  webhooks: Pick<AdmissionWebhooks, 'mutating' | 'validating'>;
  policies: Pick<AdmissionPolicies, 'mutating' | 'validating'>;
}

export function admissionPlugins(dependencies: AdmissionDependencies): AdmissionPlugin[] {
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
    podResize(dependencies),
    dependencies.policies.mutating,
    dependencies.webhooks.mutating,
    dependencies.policies.validating,
    dependencies.webhooks.validating,
    resourceQuota(dependencies),
    rbacEscalation(dependencies),
    policyParams(dependencies),
    certificateRequester,
    adminDevices(dependencies),
    deviceTaintTimes(dependencies),
    new ServiceAddresses(dependencies),
  ];
}
