/** What tests of admission webhooks share: a server with both plugins, and webhooks that are cleaned up after each test. */
import { afterEach } from 'vitest';
import configMapResource from '#api/core/configmap.js';
import type { ConfigMap } from '#api/gen/core-v1.js';
import { builtinSchemas } from '#api/schema-table.js';
import { StatusError } from '#apimachinery/errors.js';
import { type Clock, SystemClock } from '#base/clock.js';
import { silentLog } from '#base/log.js';
import { SeededPrng } from '#base/prng.js';
import type { Attributes, Decision } from '../../authorization/authorizer.js';
import { startTestServer } from '../../test-server.js';
import { WebhookClient } from '../../webhook/client.js';
import { type Answering, reviewed, startTestWebhook, type TestWebhook } from '../../webhook/test-webhook.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import type { CallObservation } from './call.js';
import { mutatingWebhooks } from './mutating.js';
import { WebhookSource, type WebhookSpec } from './source.js';
import { validatingWebhooks } from './validating.js';

export const everything = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }];
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export async function hook(answer: Answering): Promise<TestWebhook> {
  const started = await startTestWebhook(answer);
  cleanups.push(() => started.close());
  return started;
}

/** A server with both plugins, and what they tell. */
export function setUp({ clock = new SystemClock() as Clock, around = [] as AdmissionPlugin[] } = {}) {
  const mutating = new WebhookSource();
  const validating = new WebhookSource();
  const observed: CallObservation[] = [];
  const annotations: Record<string, string> = {};
  const client = new WebhookClient({
    clock,
    resolveService: async () => ({ host: '127.0.0.1', port: servicePort.number }),
  });
  const dependencies = {
    registry: () => test.registry,
    authorizer: {
      authorize: ({ verb }: Attributes) =>
        ({ decision: verb === 'get' ? 'allow' : 'no opinion', reason: '' }) as Decision,
    },
    client,
    clock,
    prng: new SeededPrng(7),
    log: silentLog,
    schemas: builtinSchemas,
    observe: (one: CallObservation) => observed.push(one),
  };
  const servicePort = { number: 0 };
  const annotate = (key: string, value: string) => void (annotations[key] ??= value);
  const note = (request: AdmissionRequest) => void Object.assign(request, { annotate });
  const noting: AdmissionPlugin = {
    name: 'Noting',
    handles: () => true,
    mutate: note,
    validate: note,
  };
  const admission = [
    noting,
    ...around,
    mutatingWebhooks(mutating, dependencies),
    validatingWebhooks(validating, dependencies),
  ];
  const test = startTestServer({ admission, clock });
  cleanups.push(
    () => client.close(),
    () => test.close(),
  );
  const configs = test.client.of(configMapResource);
  return { test, configs, mutating, validating, observed, annotations, servicePort };
}

export const one = (target: TestWebhook, extra: Partial<WebhookSpec> = {}): WebhookSpec => ({
  name: 'a.example.com',
  clientConfig: { url: `${target.url}/check`, caBundle: target.caBundle },
  rules: everything,
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  sideEffects: 'None',
  timeoutSeconds: 10,
  admissionReviewVersions: ['v1'],
  ...extra,
});
export const configuration = (name: string, ...webhooks: WebhookSpec[]) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name },
  webhooks,
});
export const config = (name: string, extra: object = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'ns', ...extra },
  data: { a: '1' },
});
export const failure = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StatusError)) throw new Error('did not fail', { cause: error });
  return error;
};
export const allow: Answering = (asked) => reviewed(asked, {});
