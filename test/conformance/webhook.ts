/** What the tests of admission webhooks share: a webhook that behaves as upstream's test image, and its configurations. */
import { afterAll, beforeAll, expect } from 'vitest';
import mutating from '#api/admissionregistration/mutatingwebhookconfiguration.js';
import validating from '#api/admissionregistration/validatingwebhookconfiguration.js';
import type { MutatingWebhook, RuleWithOperations, ValidatingWebhook } from '#api/gen/admissionregistration-v1.js';
import type { ConfigMap } from '#api/gen/core-v1.js';
import {
  type Asked,
  jsonPatch,
  reviewed,
  startTestWebhook,
  type TestWebhook,
} from '#apiserver/webhook/test-webhook.js';
import type { Scene } from './conformance.js';

export let webhook: TestWebhook;
const slowMs = 1500;

beforeAll(async () => {
  webhook = await startTestWebhook((asked, response) => {
    const path = asked.path.split('?')[0]!;
    if (path !== '/always-allow-delay') return reviewed(asked, answers[path]!(asked));
    const answer = JSON.stringify(reviewed(asked, { allowed: true }));
    setTimeout(() => response.end(answer), slowMs);
    return undefined;
  });
});
afterAll(() => webhook.close());

const deny = (message: string, code = 403) => ({ allowed: false, status: { message, code, reason: 'Forbidden' } });

/** By path, what upstream's test webhook does there. */
const answers: Record<string, (asked: Asked) => object> = {
  '/always-deny': () => deny('this webhook denies all requests', 400),
  '/configmaps': ({ body }) =>
    body.request.object?.data?.['webhook-e2e-test'] === 'webhook-disallow'
      ? deny('the configmap contains unwanted key and value')
      : {},
  '/pods': ({ body }) => {
    const { metadata, spec } = body.request.object;
    const reasons = [];
    if (metadata.labels?.['webhook-e2e-test'] === 'webhook-disallow') reasons.push('the pod contains unwanted label');
    if (spec.containers.some(({ name }: { name: string }) => name.includes('webhook-disallow')))
      reasons.push('the pod contains unwanted container name');
    return reasons.length > 0 ? deny(reasons.join('; ')) : {};
  },
  '/pods/attach': ({ body }) =>
    body.request.name === 'to-be-attached-pod' ? deny("attaching to pod 'to-be-attached-pod' is not allowed") : {},
  '/custom-resource': ({ body }) =>
    [body.request.object, body.request.oldObject].some(
      (object) => object?.data?.['webhook-e2e-test'] === 'webhook-disallow',
    )
      ? deny('the custom resource contains unwanted data')
      : {},
  '/crd': ({ body }) =>
    body.request.object.metadata.labels?.['webhook-e2e-test'] === 'webhook-disallow'
      ? deny('the crd contains unwanted label')
      : {},
  '/mutating-configmaps': ({ body }) => stages(body.request.object),
  '/mutating-custom-resource': ({ body }) => stages(body.request.object),
  '/add-label': ({ body }) =>
    jsonPatch(
      body.request.object.metadata.labels
        ? { op: 'add', path: '/metadata/labels/added-label', value: 'yes' }
        : { op: 'add', path: '/metadata/labels', value: { 'added-label': 'yes' } },
    ),
  '/mutating-pods': () =>
    jsonPatch({
      op: 'add',
      path: '/spec/initContainers',
      value: [{ image: 'webhook-added-image', name: 'webhook-added-init-container', resources: {} }],
    }),
};

function stages({ data = {} }: { data?: Record<string, string> }): object {
  const operations = [];
  if (data['mutation-start'] === 'yes') operations.push({ op: 'add', path: '/data/mutation-stage-1', value: 'yes' });
  if (data['mutation-stage-1'] === 'yes') operations.push({ op: 'add', path: '/data/mutation-stage-2', value: 'yes' });
  return operations.length > 0 ? jsonPatch(...operations) : {};
}

export type Hook = ValidatingWebhook & MutatingWebhook;

export const rule = (resource: string, operations = ['CREATE'], group = '', version = 'v1'): RuleWithOperations => ({
  operations,
  apiGroups: [group],
  apiVersions: [version],
  resources: [resource],
});

/** A webhook for the test's own namespace, unless `more` says otherwise. */
export function hook(
  name: string,
  path: string,
  namespace: string,
  rules: RuleWithOperations[],
  more: Partial<Hook> = {},
): Hook {
  const { url, caBundle } = webhook;
  return {
    name: `${name}.k8s.io`,
    rules,
    clientConfig: { url: `${url}${path}`, caBundle },
    sideEffects: 'None',
    admissionReviewVersions: ['v1', 'v1beta1'],
    timeoutSeconds: 10,
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
    ...more,
  };
}

export const metadataOf = ({ namespace }: Scene, labels?: Record<string, string>) => ({
  name: `e2e-${namespace}`,
  labels,
});

export async function withValidating(scene: Scene, webhooks: Hook[], run: () => Promise<void>): Promise<void> {
  const { client } = scene;
  const configuration = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' };
  const { metadata } = await client.of(validating).create({ ...configuration, metadata: metadataOf(scene), webhooks });
  try {
    await inForce(scene, webhooks);
    await run();
  } finally {
    await client.of(validating).delete(metadata.name!);
  }
}

export async function withMutating(scene: Scene, webhooks: Hook[], run: () => Promise<void>): Promise<void> {
  const { client } = scene;
  const configuration = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' };
  const { metadata } = await client.of(mutating).create({ ...configuration, metadata: metadataOf(scene), webhooks });
  try {
    await inForce(scene, webhooks);
    await run();
  } finally {
    await client.of(mutating).delete(metadata.name!);
  }
}

/** The server hears of a configuration a moment after it was made. */
async function inForce({ cluster }: Scene, webhooks: Hook[]): Promise<void> {
  expect(webhooks.length).toBeGreaterThan(0);
  await cluster.advance(150);
}

export const mapOf = (
  name: string,
  namespace: string,
  data?: Record<string, string>,
  labels?: Record<string, string>,
): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels },
  data,
});

export const disallowed = { 'webhook-e2e-test': 'webhook-disallow' };

export const start = { 'mutation-start': 'yes' };
