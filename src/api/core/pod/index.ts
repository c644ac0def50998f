/** Pod: one or more containers that share a node, an address and a fate. */
import type { Pod } from '#api/gen/core-v1.js';
import { defineResource } from '../../resource.js';
import { podColumns, podRowConditions } from './columns.js';
import { defaultPod } from './defaults.js';
import { podGracePeriodSeconds } from './deletion.js';
import { gatedInPod } from './gated.js';
import { preparePodForCreate, preparePodForStatusUpdate } from './prepare.js';
import { validatePod, validatePodCreate } from './validate.js';
import { validatePodStatusUpdate } from './validate-status.js';
import { validatePodUpdate } from './validate-update.js';
import { podWarnings } from './warnings.js';

export default defineResource<Pod>({
  group: '',
  versions: ['v1'],
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  metadataRepeats: { update: ['change', 'whole'] },
  subresources: {
    status: true,
    others: [
      { name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
      { name: 'binding', kind: 'Binding', verbs: ['create'] },
      { name: 'ephemeralcontainers', verbs: ['get', 'patch', 'update'] },
      {
        name: 'eviction',
        kind: 'Eviction',
        group: 'policy',
        version: 'v1',
        takesAlso: ['v1beta1'],
        verbs: ['create'],
      },
      { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
      { name: 'log', verbs: ['get'] },
      { name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
      { name: 'proxy', kind: 'PodProxyOptions', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
      { name: 'resize', verbs: ['get', 'patch', 'update'] },
    ],
  },
  storageVersionHash: 'xPOwRZ+Yhw8=',
  bumpsGeneration: ['spec'],
  allowUnconditionalUpdate: true,
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec?.nodeName ?? '',
    'spec.host': (pod) => pod.spec?.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec?.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '',
    'status.podIPs': (pod) => (pod.status?.podIPs ?? []).map(({ ip }) => ip).join(','),
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
  },
  default: defaultPod,
  gated: gatedInPod,
  prepareForCreate: preparePodForCreate,
  statusKeeps: ['ownerReferences', 'deletionTimestamp'],
  prepareForStatusUpdate: preparePodForStatusUpdate,
  validate: validatePod,
  validateCreate: validatePodCreate,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  warnings: (pod, old) => (old ? [] : podWarnings(pod)),
  deletion: { gracePeriodSeconds: podGracePeriodSeconds, returnsObject: true },
  columns: podColumns,
  rowConditions: podRowConditions,
});
