/**
 * The default ClusterRoles of Kubernetes 1.36 and whom they are bound to, as data. What a feature that is off by
 * default would add is left out. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
 */
import type { RoleText } from './text.js';

const events = 'create patch update: events @core events.k8s.io';
const write = 'create delete deletecollection patch update';
const readWrite = 'create delete deletecollection get list patch update watch';

export const clusterRoles: Record<string, RoleText> = {
  'cluster-admin': { rules: ['*: * @*', '*: /*'], subjects: ['Group system:masters'] },
  admin: { aggregates: 'admin' },
  edit: { aggregates: 'edit', aggregateTo: 'admin' },
  view: { aggregates: 'view', aggregateTo: 'edit' },
  'system:aggregate-to-admin': {
    aggregateTo: 'admin',
    rules: [
      'create: localsubjectaccessreviews @authorization.k8s.io',
      `${readWrite}: rolebindings roles @rbac.authorization.k8s.io`,
    ],
  },
  'system:aggregate-to-edit': {
    aggregateTo: 'edit',
    rules: [
      'get list watch: pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy',
      'impersonate: serviceaccounts',
      `${write}: pods pods/attach pods/exec pods/portforward pods/proxy`,
      'create: pods/eviction',
      `${write}: configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy`,
      'create: serviceaccounts/token',
      `${write}: events @core events.k8s.io`,
      `${write}: daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale @apps`,
      `${write}: horizontalpodautoscalers @autoscaling`,
      `${write}: cronjobs jobs @batch`,
      `${write}: daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale @extensions`,
      `${write}: poddisruptionbudgets @policy`,
      `${write}: ingresses networkpolicies @networking.k8s.io`,
      `${readWrite}: leases @coordination.k8s.io`,
      `${write}: resourceclaims resourceclaimtemplates @resource.k8s.io`,
    ],
  },
  'system:aggregate-to-view': {
    aggregateTo: 'view',
    rules: [
      'get list watch: configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
      'get list watch: bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
      'get list watch: namespaces',
      'get list watch: events @core events.k8s.io',
      'get list watch: endpointslices @discovery.k8s.io',
      'get list watch: controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status @apps',
      'get list watch: horizontalpodautoscalers horizontalpodautoscalers/status @autoscaling',
      'get list watch: cronjobs cronjobs/status jobs jobs/status @batch',
      'get list watch: daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale @extensions',
      'get list watch: poddisruptionbudgets poddisruptionbudgets/status @policy',
      'get list watch: ingresses ingresses/status networkpolicies @networking.k8s.io',
      'get list watch: resourceclaims resourceclaims/status resourceclaimtemplates @resource.k8s.io',
    ],
  },
  'system:auth-delegator': {
    rules: ['create: tokenreviews @authentication.k8s.io', 'create: subjectaccessreviews @authorization.k8s.io'],
  },
  'system:basic-user': {
    rules: [
      'create: selfsubjectaccessreviews selfsubjectrulesreviews @authorization.k8s.io',
      'create: selfsubjectreviews @authentication.k8s.io',
    ],
    subjects: ['Group system:authenticated'],
  },
  'system:certificates.k8s.io:certificatesigningrequests:nodeclient': {
    rules: ['create: certificatesigningrequests/nodeclient @certificates.k8s.io'],
  },
  'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient': {
    rules: ['create: certificatesigningrequests/selfnodeclient @certificates.k8s.io'],
  },
  'system:certificates.k8s.io:kube-apiserver-client-approver': {
    rules: ['approve: signers @certificates.k8s.io #kubernetes.io/kube-apiserver-client'],
  },
  'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver': {
    rules: ['approve: signers @certificates.k8s.io #kubernetes.io/kube-apiserver-client-kubelet'],
  },
  'system:certificates.k8s.io:kubelet-serving-approver': {
    rules: ['approve: signers @certificates.k8s.io #kubernetes.io/kubelet-serving'],
  },
  'system:certificates.k8s.io:legacy-unknown-approver': {
    rules: ['approve: signers @certificates.k8s.io #kubernetes.io/legacy-unknown'],
  },
  'system:discovery': {
    rules: ['get: /api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/'],
    subjects: ['Group system:authenticated'],
  },
  'system:heapster': {
    rules: ['get list watch: events namespaces nodes pods', 'get list watch: deployments @extensions'],
  },
  'system:kube-aggregator': { rules: ['get list watch: endpoints services'] },
  'system:kube-controller-manager': {
    rules: [
      events,
      'create: leases @coordination.k8s.io',
      'get update: leases @coordination.k8s.io #kube-controller-manager',
      'create: secrets serviceaccounts',
      'delete: secrets',
      'get: configmaps namespaces secrets serviceaccounts',
      'update: secrets serviceaccounts',
      'create: tokenreviews @authentication.k8s.io',
      'create: subjectaccessreviews @authorization.k8s.io',
      'list watch: * @*',
      'create: serviceaccounts/token',
    ],
    subjects: ['User system:kube-controller-manager'],
  },
  'system:kube-dns': {
    rules: ['list watch: endpoints services'],
    subjects: ['ServiceAccount kube-system/kube-dns'],
  },
  'system:kube-scheduler': {
    rules: [
      events,
      'create: leases @coordination.k8s.io',
      'get list update watch: leases @coordination.k8s.io #kube-scheduler',
      `${readWrite}: leasecandidates @coordination.k8s.io`,
      'get list watch: nodes',
      'delete get list watch: pods',
      'create: bindings pods/binding',
      'patch update: pods/status',
      'get list watch: replicationcontrollers services',
      'get list watch: replicasets @apps extensions',
      'get list watch: statefulsets @apps',
      'get list watch: poddisruptionbudgets @policy',
      'get list watch: persistentvolumeclaims persistentvolumes',
      'create: tokenreviews @authentication.k8s.io',
      'create: subjectaccessreviews @authorization.k8s.io',
      'get list watch: csinodes @storage.k8s.io',
      'get list watch: volumeattachments @storage.k8s.io',
      'get list watch: namespaces',
      'get list watch: csidrivers @storage.k8s.io',
      'get list watch: csistoragecapacities @storage.k8s.io',
      'get list watch: deviceclasses @resource.k8s.io',
      'get list patch update watch: resourceclaims @resource.k8s.io',
      'get list patch update watch: resourceclaims/status @resource.k8s.io',
      'update: pods/finalizers',
      'get list watch: resourceslices @resource.k8s.io',
      'create delete: resourceclaims @resource.k8s.io',
      'patch update: resourceclaims/binding @resource.k8s.io',
    ],
    subjects: ['User system:kube-scheduler'],
  },
  'system:kubelet-api-admin': {
    rules: [
      'get list watch: nodes',
      'proxy: nodes',
      '*: nodes/log nodes/metrics nodes/proxy nodes/stats',
      '*: nodes/configz nodes/healthz nodes/pods',
    ],
  },
  'system:monitoring': {
    rules: [
      'get: /flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz',
      'get: nodes/metrics',
    ],
    subjects: ['Group system:monitoring'],
  },
  /** Bound to nobody since the node authorizer, which draws its rules from here. */
  'system:node': {
    rules: [
      'create: tokenreviews @authentication.k8s.io',
      'create: localsubjectaccessreviews subjectaccessreviews @authorization.k8s.io',
      'get list watch: services',
      'create get list watch: nodes',
      'patch update: nodes/status',
      'patch update: nodes',
      events,
      'get list watch: pods',
      'create delete: pods',
      'patch update: pods/status',
      'create: pods/eviction',
      'get list watch: configmaps secrets',
      'get: persistentvolumeclaims persistentvolumes',
      'get: endpoints',
      'create get list watch: certificatesigningrequests @certificates.k8s.io',
      'create delete get patch update: leases @coordination.k8s.io',
      'get: volumeattachments @storage.k8s.io',
      'create: serviceaccounts/token',
      'get patch update: persistentvolumeclaims/status',
      'get list watch: csidrivers @storage.k8s.io',
      'create delete get patch update: csinodes @storage.k8s.io',
      'get list watch: runtimeclasses @node.k8s.io',
      'get: resourceclaims @resource.k8s.io',
      'deletecollection: resourceslices @resource.k8s.io',
      'get: serviceaccounts',
    ],
    subjects: [],
  },
  'system:node-bootstrapper': {
    rules: ['create get list watch: certificatesigningrequests @certificates.k8s.io'],
  },
  'system:node-problem-detector': { rules: ['get: nodes', 'patch: nodes/status', events] },
  'system:node-proxier': {
    rules: [
      'list watch: endpoints services',
      'get list watch: nodes',
      events,
      'list watch: servicecidrs @networking.k8s.io',
      'list watch: endpointslices @discovery.k8s.io',
    ],
    subjects: ['User system:kube-proxy'],
  },
  'system:persistent-volume-provisioner': {
    rules: [
      'create delete get list watch: persistentvolumes',
      'get list update watch: persistentvolumeclaims',
      'get list watch: storageclasses @storage.k8s.io',
      'watch: events',
      events,
    ],
  },
  'system:public-info-viewer': {
    rules: ['get: /healthz /livez /readyz /version /version/'],
    subjects: ['Group system:authenticated', 'Group system:unauthenticated'],
  },
  'system:service-account-issuer-discovery': {
    rules: [
      'get: /.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
    ],
    subjects: ['Group system:serviceaccounts'],
  },
  'system:volume-scheduler': {
    rules: [
      'get list patch update watch: persistentvolumes',
      'get list watch: storageclasses @storage.k8s.io',
      'get list patch update watch: persistentvolumeclaims',
    ],
    subjects: ['User system:kube-scheduler'],
  },
  /** Not one of the API server's own: kubeadm makes it for cluster DNS, which here is part of the control plane. */
  'system:coredns': {
    rules: ['list watch: endpoints services pods namespaces', 'list watch: endpointslices @discovery.k8s.io'],
    subjects: ['ServiceAccount kube-system/coredns'],
  },
};
