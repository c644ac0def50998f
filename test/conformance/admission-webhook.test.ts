/** Admission webhooks: what they refuse and change, and what happens when they fail. */
import { expect } from 'vitest';
import mutating from '#api/admissionregistration/mutatingwebhookconfiguration.js';
import validating from '#api/admissionregistration/validatingwebhookconfiguration.js';
import definitions from '#api/apiextensions/customresourcedefinition.js';
import configmaps from '#api/core/configmap.js';
import pods from '#api/core/pod/index.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { type Custom, definitionOf, dropKind, makeKind, refOf } from './custom.js';
import { podOf, refusal } from './objects.js';

import { disallowed, type Hook, hook, mapOf, rule, webhook, withMutating, withValidating } from './webhook.js';

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny pod and configmap creation [Conformance]',
  async (scene) => {
    const { client, namespace, makeNamespace } = scene;
    const skipped = await makeNamespace('exempted', { 'skip-webhook-admission': 'yes' });
    const selector = {
      namespaceSelector: {
        matchExpressions: [{ key: 'skip-webhook-admission', operator: 'NotIn', values: ['yes'] }],
        matchLabels: undefined,
      },
    };
    const hooks = [
      hook('deny-unwanted-pod-container-name-and-label', '/pods', namespace, [rule('pods')], selector),
      hook(
        'deny-unwanted-configmap-data',
        '/configmaps',
        namespace,
        [rule('configmaps', ['CREATE', 'UPDATE', 'DELETE'])],
        selector,
      ),
    ];
    await withValidating(scene, hooks, async () => {
      const pod = podOf('disallowed-pod', namespace, { labels: disallowed });
      pod.spec.containers[0]!.name = 'webhook-disallow';
      const refused = await refusal(client.of(pods).create(pod), 'Forbidden');
      expect(refused.message).toContain('the pod contains unwanted container name');
      expect(refused.message).toContain('the pod contains unwanted label');
      const { message } = await refusal(
        client.of(configmaps).create(mapOf('disallowed', namespace, disallowed)),
        'Forbidden',
      );
      expect(message).toContain('the configmap contains unwanted key and value');
      const good = await client.of(configmaps).create(mapOf('allowed', namespace, { admit: 'this' }));
      await refusal(client.of(configmaps).update({ ...copy(good), data: disallowed }), 'Forbidden');
      const patch = client.of(configmaps).patch('allowed', { data: disallowed }, { type: 'strategic', namespace });
      await refusal(patch, 'Forbidden');
      await client.of(configmaps).create(mapOf('disallowed', skipped, disallowed));
    });
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny attaching pod [Conformance]',
  async (scene) => {
    const { client, http, namespace, until } = scene;
    await client.of(pods).create(podOf('to-be-attached-pod', namespace));
    await until(
      async () => (await client.of(pods).get('to-be-attached-pod', { namespace })).status?.phase === 'Running',
    );
    const hooks = [hook('deny-attaching-pod', '/pods/attach', namespace, [rule('pods/attach', ['CONNECT'])])];
    await withValidating(scene, hooks, async () => {
      const path = `/api/v1/namespaces/${namespace}/pods/to-be-attached-pod/attach?container=main&stdin=true`;
      const { status, text } = await http.send(path, { method: 'POST' });
      expect(status).toBe(403);
      expect(text).toContain("attaching to pod 'to-be-attached-pod' is not allowed");
    });
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to deny custom resource creation, update and deletion [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const kind = await makeKind(scene);
    const { group, names } = kind.definition.spec;
    const rules = [rule(names.plural, ['CREATE', 'UPDATE', 'DELETE'], group)];
    await withValidating(
      scene,
      [hook('deny-unwanted-custom-resource-data', '/custom-resource', namespace, rules)],
      async () => {
        const object = (data: object): Custom => ({
          apiVersion: kind.apiVersion,
          kind: 'E2eTest',
          metadata: { name: 'cr', namespace },
          data,
        });
        const objects = client.of(kind.ref);
        const { message } = await refusal(objects.create(object(disallowed)), 'Forbidden');
        expect(message).toContain('the custom resource contains unwanted data');
        await objects.create(object({ admit: 'this' }));
        const allowed = copy(await objects.get('cr', { namespace }));
        await refusal(objects.update({ ...allowed, data: disallowed }), 'Forbidden');
      },
    );
    // What has got in meanwhile cannot go while the webhook looks at it.
    await client.of(kind.ref).patch('cr', { data: disallowed }, { type: 'merge', namespace });
    await withValidating(
      scene,
      [hook('deny-unwanted-custom-resource-data', '/custom-resource', namespace, rules)],
      async () => {
        await refusal(client.of(kind.ref).delete('cr', { namespace }), 'Forbidden');
        await client
          .of(kind.ref)
          .patch('cr', { data: null }, { type: 'merge', namespace })
          .catch((error) => {
            if (!isReason(error, 'Forbidden')) throw error;
          });
      },
    );
    await client.of(kind.ref).delete('cr', { namespace });
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should unconditionally reject operations on fail closed webhook [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const clientConfig = { service: { namespace, name: 'nobody', path: '/configmaps' }, caBundle: webhook.caBundle };
    const hooks = [
      hook('fail-closed', '/configmaps', namespace, [rule('configmaps')], { clientConfig, failurePolicy: 'Fail' }),
    ];
    await withValidating(scene, hooks, async () => {
      await refusal(client.of(configmaps).create(mapOf('foo', namespace)), 'InternalError');
    });
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate configmap [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const hooks = ['stage-1', 'stage-2'].map((name) =>
      hook(`adding-configmap-data-${name}`, '/mutating-configmaps', namespace, [rule('configmaps')]),
    );
    await withMutating(scene, hooks, async () => {
      const made = await client.of(configmaps).create(mapOf('to-be-mutated', namespace, { 'mutation-start': 'yes' }));
      expect(made.data).toEqual({ 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' });
    });
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate pod and apply defaults after mutation [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    await withMutating(
      scene,
      [hook('adding-init-container', '/mutating-pods', namespace, [rule('pods')])],
      async () => {
        const made = await client.of(pods).create(podOf('webhook-to-be-mutated', namespace));
        expect(made.spec.initContainers).toMatchObject([
          { name: 'webhook-added-init-container', terminationMessagePolicy: 'File', imagePullPolicy: 'Always' },
        ]);
      },
    );
  },
);

const own = ['validatingwebhookconfigurations', 'mutatingwebhookconfigurations'];

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should not be able to mutate or prevent deletion of webhook configuration objects [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const rules = own.map((resource) =>
      rule(resource, ['DELETE', 'CREATE', 'UPDATE'], 'admissionregistration.k8s.io', '*'),
    );
    const all = { namespaceSelector: undefined, failurePolicy: 'Fail' };
    const denying = hook('deny-webhook-configuration-deletions', '/always-deny', namespace, rules, all);
    const changing = hook('add-label-to-webhook-configurations', '/add-label', namespace, rules, all);
    await withValidating(scene, [denying], () =>
      withMutating(scene, [changing], async () => {
        const dummy = (kind: string) => ({
          apiVersion: 'admissionregistration.k8s.io/v1',
          kind,
          metadata: { name: `dummy-${namespace}` },
          webhooks: [hook('dummy', '/configmaps', namespace, [rule('invalid')])],
        });
        for (const [ref, kind] of [
          [validating, 'ValidatingWebhookConfiguration'],
          [mutating, 'MutatingWebhookConfiguration'],
        ] as const) {
          const made = await client.of(ref as typeof validating).create(dummy(kind));
          expect(made.metadata.labels?.['added-label']).toBeUndefined();
          await client.of(ref as typeof validating).delete(made.metadata.name!);
        }
      }),
    );
  },
);

async function mutatesCustom(
  scene: Scene,
  options: Parameters<typeof makeKind>[1],
  check: (made: Custom) => void,
): Promise<void> {
  const { client, namespace } = scene;
  const kind = await makeKind(scene, options);
  const { group, names } = kind.definition.spec;
  const hooks = ['stage-1', 'stage-2'].map((name) =>
    hook(`mutate-custom-resource-${name}`, '/mutating-custom-resource', namespace, [
      rule(names.plural, ['CREATE', 'UPDATE'], group),
    ]),
  );
  await withMutating(scene, hooks, async () => {
    const data = { 'mutation-start': 'yes' };
    const object = {
      apiVersion: kind.apiVersion,
      kind: 'E2eTest',
      metadata: { name: 'cr-instance-1', namespace },
      data,
    };
    check(await client.of(kind.ref).create(object));
  });
  await dropKind(scene, kind);
}

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource [Conformance]',
  async (scene) => {
    await mutatesCustom(scene, {}, ({ data }) =>
      expect(data).toEqual({ 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' }),
    );
  },
);

const text = { type: 'string' };

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with pruning [Conformance]',
  async (scene) => {
    const data = { type: 'object', properties: { 'mutation-start': text, 'mutation-stage-1': text } };
    const schema = { openAPIV3Schema: { type: 'object', properties: { data } } };
    // The second stage's field is not in the schema, and goes.
    await mutatesCustom(scene, { versions: [{ name: 'v1', schema }] }, (made) =>
      expect(made['data']).toEqual({ 'mutation-start': 'yes', 'mutation-stage-1': 'yes' }),
    );
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate custom resource with different stored version [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const kind = await makeKind(scene, { versions: [{ name: 'v1' }, { name: 'v2' }] });
    const { group, names } = kind.definition.spec;
    const rules = [rule(names.plural, ['CREATE', 'UPDATE'], group, '*')];
    await withMutating(
      scene,
      [hook('mutate-custom-resource-data-stage-1', '/mutating-custom-resource', namespace, rules)],
      async () => {
        const metadata = { name: 'cr-instance-1', namespace };
        await client.of(kind.ref).create({ apiVersion: kind.apiVersion, kind: 'E2eTest', metadata, data: {} });
        const body = [
          { op: 'replace', path: '/spec/versions/0/storage', value: false },
          { op: 'replace', path: '/spec/versions/1/storage', value: true },
        ];
        await client.of(definitions).patch(kind.definition.metadata.name!, body, { type: 'json' });
        const patch = { data: { 'mutation-start': 'yes' } };
        const patched = await client
          .of(refOf(kind.definition, 'v2'))
          .patch('cr-instance-1', patch, { type: 'merge', namespace });
        expect(patched['data']).toMatchObject({ 'mutation-start': 'yes', 'mutation-stage-1': 'yes' });
      },
    );
    await dropKind(scene, kind);
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should deny crd creation [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const rules = [rule('*', ['CREATE'], 'apiextensions.k8s.io', '*')];
    const objectSelector = { matchLabels: disallowed };
    const more = { namespaceSelector: undefined, objectSelector };
    await withValidating(scene, [hook('deny-crd-with-unwanted-label', '/crd', namespace, rules, more)], async () => {
      const { message } = await refusal(
        client.of(definitions).create(definitionOf({ labels: disallowed })),
        'Forbidden',
      );
      expect(message).toContain('the crd contains unwanted label');
    });
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should honor timeout [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const slow = (more: Partial<Hook>) =>
      hook('allow-configmap-with-delay', '/always-allow-delay', namespace, [rule('configmaps')], more);
    await withValidating(scene, [slow({ timeoutSeconds: 1, failurePolicy: 'Fail' })], async () => {
      const request = client.of(configmaps).create(mapOf('slow-1', namespace));
      const error = await request.then(() => undefined).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StatusError);
      expect((error as StatusError).message).toMatch(/deadline exceeded|timeout/i);
    });
    await withValidating(scene, [slow({ timeoutSeconds: 1, failurePolicy: 'Ignore' })], async () => {
      await client.of(configmaps).create(mapOf('slow-2', namespace));
    });
    await withValidating(scene, [slow({ timeoutSeconds: undefined, failurePolicy: 'Fail' })], async () => {
      const [made] = (await client.of(validating).list()).items.filter(
        ({ metadata }) => metadata.name === `e2e-${namespace}`,
      );
      expect(made?.webhooks?.[0]?.timeoutSeconds).toBe(10);
      await client.of(configmaps).create(mapOf('slow-3', namespace));
    });
  },
);
