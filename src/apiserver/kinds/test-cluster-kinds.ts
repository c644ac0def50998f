/** Cases of policy, devices and whatever else is of the cluster rather than of its pods. */
import type { Cases, Patch } from './test-case.js';

const subject = { kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' };
const roleRef = { kind: 'ClusterRole', name: 'view', apiGroup: 'rbac.authorization.k8s.io' };
const wrongRules: Patch[] = [
  { rules: [{}] },
  { rules: [{ verbs: ['get'] }, { verbs: ['get'], apiGroups: [''] }] },
  { rules: [{ verbs: ['get'], nonResourceURLs: ['/a'], resources: ['pods'], apiGroups: [''] }] },
];
const wrongBindings: Patch[] = [
  { roleRef: { apiGroup: 'x', kind: 'Thing', name: '' } },
  {
    subjects: [
      { kind: 'ServiceAccount', name: 'A', apiGroup: 'x' },
      { kind: 'User', name: '' },
      { kind: 'Robot', name: 'r' },
    ],
  },
];
const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const webhook = {
  name: 'a.example.com',
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  clientConfig: { url: 'https://example.com/a' },
};
const wrongWebhooks: Patch[] = [
  { webhooks: [{ name: 'a' }] },
  { webhooks: [{ ...webhook, failurePolicy: 'Shrug', matchPolicy: 'Near', sideEffects: 'Some', timeoutSeconds: 31 }] },
  { webhooks: [{ ...webhook, rules: [{}, { ...rule, operations: ['*', 'LOOK'], resources: ['*', 'pods', '*/*'] }] }] },
  { webhooks: [{ ...webhook, admissionReviewVersions: ['v2'], clientConfig: { url: 'http://a?b#c' } }, webhook] },
  {
    webhooks: [
      {
        ...webhook,
        matchConditions: [
          { name: 'a', expression: '1 + 1' },
          { name: 'a', expression: '' },
        ],
      },
    ],
  },
  { webhooks: [{ ...webhook, clientConfig: { service: { namespace: '', name: '', port: 0, path: 'x' } } }] },
];
const matchConstraints = { resourceRules: [rule] };
const jsonPatch = '[JSONPatch{op: "remove", path: "/metadata/labels"}]';
const wrongPolicies: Patch[] = [
  { spec: { matchConstraints: null, failurePolicy: 'Shrug', paramKind: { kind: '!', apiVersion: 'a/b/c' } } },
  { spec: { matchConstraints: { resourceRules: null } } },
  { spec: { matchConditions: [{ name: '!', expression: 'object.' }], variables: [{ name: 'for', expression: '' }] } },
];
const wrongPolicyBindings: Patch[] = [
  { spec: { policyName: '' } },
  { spec: { paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Shrug' } } },
  { spec: { paramRef: {}, matchResources: { matchPolicy: 'Near', resourceRules: [{ resourceNames: ['a', 'a'] }] } } },
];

const rules: Cases = {
  'roles.rbac.authorization.k8s.io': { least: {}, created: wrongRules },
  'clusterroles.rbac.authorization.k8s.io': {
    least: {},
    created: [...wrongRules, { aggregationRule: {} }, { rules: [{ verbs: ['get'], nonResourceURLs: ['/a', '*'] }] }],
  },
  'rolebindings.rbac.authorization.k8s.io': {
    least: { roleRef },
    created: wrongBindings,
    changed: [{ roleRef: { name: 'edit' } }],
    shown: [{ subjects: [subject, { kind: 'ServiceAccount', namespace: 'a', name: 'b' }] }],
  },
  'clusterrolebindings.rbac.authorization.k8s.io': {
    least: { roleRef },
    created: wrongBindings,
    changed: [{ roleRef: { name: 'edit' } }],
    shown: [{ subjects: [subject, { kind: 'Group', name: 'g' }] }],
  },
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': {
    least: { webhooks: [webhook] },
    created: [...wrongWebhooks, { webhooks: [{ ...webhook, reinvocationPolicy: 'Often' }] }],
    shown: [{}],
  },
  'validatingwebhookconfigurations.admissionregistration.k8s.io': {
    least: { webhooks: [webhook] },
    created: wrongWebhooks,
    shown: [{}],
  },
  'validatingadmissionpolicies.admissionregistration.k8s.io': {
    least: { spec: { matchConstraints, validations: [{ expression: 'true' }] } },
    created: [
      ...wrongPolicies,
      { spec: { validations: [] } },
      {
        spec: {
          validations: [
            { expression: '1' },
            { expression: 'true', message: 'a\nb', reason: 'Odd', messageExpression: '1' },
          ],
        },
      },
      { spec: { auditAnnotations: [{ key: '!', valueExpression: '1' }] } },
    ],
    status: [
      {
        status: { typeChecking: { expressionWarnings: [{ fieldRef: '', warning: '' }] }, conditions: [{ type: '!' }] },
      },
    ],
    shown: [{ spec: { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' } } }],
  },
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': {
    least: { spec: { policyName: 'p', validationActions: ['Deny'] } },
    created: [
      ...wrongPolicyBindings,
      { spec: { validationActions: [] } },
      { spec: { validationActions: ['Deny', 'Warn', 'Warn', 'Shout'] } },
    ],
    shown: [{ spec: { paramRef: { name: 'a', namespace: 'b', parameterNotFoundAction: 'Deny' } } }],
  },
  'mutatingadmissionpolicies.admissionregistration.k8s.io': {
    least: {
      spec: {
        matchConstraints,
        reinvocationPolicy: 'Never',
        mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: jsonPatch } }],
      },
    },
    created: [
      ...wrongPolicies,
      { spec: { mutations: [], reinvocationPolicy: null } },
      {
        spec: {
          mutations: [
            { patchType: 'Odd' },
            { patchType: 'JSONPatch', applyConfiguration: { expression: 'Object{}' } },
            {},
          ],
        },
      },
      { spec: { matchConstraints: { resourceRules: [{ ...rule, operations: ['DELETE'] }] } } },
    ],
    shown: [{}],
  },
  'mutatingadmissionpolicybindings.admissionregistration.k8s.io': {
    least: { spec: { policyName: 'p' } },
    created: wrongPolicyBindings,
    shown: [{}],
  },
};

/** Of CN=jane, with an Ed25519 key. */
const request =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlHT01FSUNBUUF3RHpFTk1Bc0dBMVVFQXd3RWFtRnVaVEFxTUFVR0F5dGxjQU1oQUJGODE0UDN3QlJybFBINgovcHhMZXBmQlRkdUFQSXFrMEpnaUFheFQwcHFxb0FBd0JRWURLMlZ3QTBFQTVJMnVqK0dlazk0Y2xDT1V6bHROCnQ3QjhiQkFNVkVnVW9iTEJ0SVhwQVZPdHlYbXQ4a2JZV3FaYVVRUjF5TUxwZE4zRUM4MHNzYUJ3cEVsc1FoUDYKQ0E9PQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K';
const flow = { matchingPrecedence: 500, priorityLevelConfiguration: { name: 'global-default' } };
const limited = { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } };

const others: Cases = {
  'flowschemas.flowcontrol.apiserver.k8s.io': {
    least: { spec: flow },
    created: [
      {
        spec: { matchingPrecedence: 1, priorityLevelConfiguration: { name: '' }, distinguisherMethod: { type: 'Odd' } },
      },
      { spec: { matchingPrecedence: 10001, rules: [{}] } },
      {
        spec: {
          rules: [
            {
              subjects: [
                { kind: 'User' },
                { kind: 'Group', group: { name: '' }, user: { name: 'x' } },
                { kind: 'ServiceAccount', serviceAccount: { name: 'A_', namespace: '' } },
              ],
              resourceRules: [{ verbs: ['*', 'get'], apiGroups: [], resources: ['*', 'pods'] }],
              nonResourceRules: [{ verbs: ['look'], nonResourceURLs: ['a', '/b/*/c'] }],
            },
          ],
        },
      },
    ],
    status: [{ status: { conditions: [{ type: '' }, { type: '' }] } }],
    shown: [{ status: { conditions: [{ type: 'Dangling', status: 'False' }] } }],
  },
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io': {
    least: { spec: limited },
    created: [
      { spec: { type: 'Exempt', limited: null, exempt: { lendablePercent: 200, nominalConcurrencyShares: -1 } } },
      { spec: { limited: null } },
      {
        spec: {
          exempt: {},
          limited: {
            nominalConcurrencyShares: -1,
            lendablePercent: 101,
            borrowingLimitPercent: -1,
            limitResponse: { type: 'Queue' },
          },
        },
      },
      { spec: { limited: { limitResponse: { queuing: {} } } } },
      {
        spec: {
          limited: { limitResponse: { type: 'Queue', queuing: { queues: 5, handSize: 9, queueLengthLimit: -1 } } },
        },
      },
      { spec: { type: 'Odd' } },
    ],
    status: [{ status: { conditions: [{ type: '' }] } }],
    shown: [{ spec: { limited: { limitResponse: { type: 'Queue', queuing: { queues: 64 } } } } }],
  },
  'priorityclasses.scheduling.k8s.io': {
    least: { value: 5 },
    created: [{ value: 1000000001 }, { metadata: { name: 'system-mine' } }, { preemptionPolicy: 'Ask' }],
    changed: [{ value: 6 }, { preemptionPolicy: 'Never' }],
    shown: [{ globalDefault: true }],
  },
  'leases.coordination.k8s.io': {
    least: { spec: {} },
    created: [{ spec: { leaseDurationSeconds: 0, leaseTransitions: -1, holderIdentity: '' } }],
    shown: [{ spec: { holderIdentity: 'me' } }],
  },
  'runtimeclasses.node.k8s.io': {
    least: { handler: 'runc' },
    created: [
      { handler: 'A_' },
      {
        overhead: { podFixed: { '!': '1', cpu: '-1' } },
        scheduling: { nodeSelector: { 'a/b/c': '' }, tolerations: [{ operator: 'Near' }] },
      },
      {
        scheduling: {
          tolerations: [
            { key: 'k', operator: 'Exists' },
            { key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 },
            { key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 2 },
          ],
        },
      },
    ],
    changed: [{ handler: 'other' }],
    shown: [{}],
  },
  'certificatesigningrequests.certificates.k8s.io': {
    least: { spec: { signerName: 'example.com/s', usages: ['client auth'], request } },
    created: [
      { spec: { signerName: 'x', usages: [], expirationSeconds: 5, request: '' } },
      {
        spec: {
          signerName: 'kubernetes.io/legacy-unknown',
          usages: ['client auth', 'client auth', 'magic'],
          request: 'MQ==',
        },
      },
    ],
    status: [
      {
        status: {
          conditions: [
            { type: 'Approved', status: 'True' },
            { type: '', status: 'Maybe' },
          ],
        },
      },
      { status: { conditions: [{ type: 'Failed', status: 'False' }], certificate: 'MQ==' } },
    ],
    shown: [
      {
        spec: { username: 'jane', expirationSeconds: 3600 },
        status: { conditions: [{ type: 'Approved' }], certificate: 'MQ==' },
      },
    ],
  },
  'apiservices.apiregistration.k8s.io': {
    name: 'v1.example.com',
    least: {
      spec: {
        group: 'example.com',
        version: 'v1',
        groupPriorityMinimum: 100,
        versionPriority: 10,
        service: { name: 'a', namespace: 'b' },
      },
    },
    created: [
      { spec: { version: 'v2' } },
      {
        spec: {
          group: '_',
          version: '',
          groupPriorityMinimum: 0,
          versionPriority: 1001,
          service: { name: '', namespace: '', port: 0 },
        },
      },
      { spec: { insecureSkipTLSVerify: true, caBundle: 'MQ==' } },
      { spec: { service: null } },
    ],
    shown: [
      { status: { conditions: [{ type: 'Available', status: 'False', reason: 'ServiceNotFound' }] } },
      { spec: { service: null } },
    ],
  },
  'customresourcedefinitions.apiextensions.k8s.io': {
    name: 'things.example.com',
    least: {
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'things', kind: 'Thing' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    },
    created: [
      { spec: { group: '', scope: 'World', names: { plural: 'Things', kind: '' }, versions: [] } },
      { spec: { group: 'other.com' } },
      { spec: { versions: [{ name: 'V1', served: true, storage: false }] } },
      {
        spec: {
          versions: [
            {
              name: 'v1',
              served: true,
              storage: true,
              schema: { openAPIV3Schema: { type: 'object', properties: { a: {} } } },
            },
          ],
        },
      },
      { spec: { conversion: { strategy: 'Webhook' } } },
    ],
    changed: [{ spec: { scope: 'Cluster' } }],
  },
};

const exactly = { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] };
const slice = { driver: 'example.com', nodeName: 'n', pool: { name: 'p', resourceSliceCount: 1 } };

const devices: Cases = {
  'deviceclasses.resource.k8s.io': {
    least: { spec: {} },
    created: [{ spec: { selectors: [{}, { cel: { expression: '1' } }], config: [{}], extendedResourceName: 'cpu' } }],
    shown: [{}],
  },
  'resourceclaims.resource.k8s.io': {
    least: { spec: { devices: exactly } },
    created: [
      {
        spec: {
          devices: { requests: [{ name: 'A' }, { name: 'r', exactly: { deviceClassName: '' }, firstAvailable: [] }] },
        },
      },
      {
        spec: {
          devices: {
            requests: [{ name: 'r', exactly: { deviceClassName: 'g', allocationMode: 'All', count: 2 } }],
            constraints: [{}],
            config: [{}],
          },
        },
      },
    ],
    changed: [{ spec: { devices: { requests: [] } } }],
    status: [{ status: { reservedFor: [{ resource: 'pods', name: 'a', uid: 'u' }] } }],
    shown: [{ status: { allocation: {} } }, {}],
  },
  'resourceclaimtemplates.resource.k8s.io': {
    least: { spec: { spec: { devices: exactly } } },
    created: [{ spec: { spec: { devices: { requests: [{ name: '' }] } } } }],
    changed: [{ spec: { spec: { devices: { requests: [] } } } }],
    shown: [{}],
  },
  'resourceslices.resource.k8s.io': {
    least: { spec: slice },
    created: [
      { spec: { driver: '', pool: { name: '', resourceSliceCount: 0, generation: -1 }, allNodes: true } },
      { spec: { nodeName: null, devices: [{ name: 'A' }, { name: 'a', attributes: { x: {} } }, { name: 'a' }] } },
      { spec: { driver: 'Example.com' } },
    ],
    changed: [{ spec: { driver: 'other' } }, { spec: { nodeName: 'm' } }, { spec: { pool: { name: 'q' } } }],
    shown: [{}],
  },
};

export const clusterKinds: Cases = { ...rules, ...others, ...devices };
