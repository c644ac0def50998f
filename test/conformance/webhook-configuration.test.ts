/** The configurations of admission webhooks: listed, edited, with match conditions, in discovery. */
import { expect } from 'vitest';
import mutating from '#api/admissionregistration/mutatingwebhookconfiguration.js';
import validating from '#api/admissionregistration/validatingwebhookconfiguration.js';
import configmaps from '#api/core/configmap.js';
import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '#api/gen/admissionregistration-v1.js';
import type { ConfigMap } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { copy } from '#base/json.js';
import { conformance, type Scene } from './conformance.js';
import { refusal } from './objects.js';

import { disallowed, hook, mapOf, metadataOf, rule, start, withMutating, withValidating } from './webhook.js';

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should include webhook resources in discovery documents [Conformance]',
  async ({ http }) => {
    const { groups } = (await http.send('/apis')).json;
    expect(groups.map(({ name }: { name: string }) => name)).toContain('admissionregistration.k8s.io');
    const group = (await http.send('/apis/admissionregistration.k8s.io')).json;
    expect(group.versions.map(({ version }: { version: string }) => version)).toContain('v1');
    const { resources } = (await http.send('/apis/admissionregistration.k8s.io/v1')).json;
    const names = resources.map(({ name }: { name: string }) => name);
    expect(names).toEqual(expect.arrayContaining(['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']));
  },
);

/** Whether the webhook is asked about the creation of such ConfigMaps. */
const asksOf = (
  { client, namespace }: Scene,
  data: Record<string, string>,
  isAsked: (made: ConfigMap | undefined) => boolean,
) => {
  let at = 0;
  return async () => {
    const request = client.of(configmaps).create(mapOf(`ask-${at++}-${Math.abs(data['at'] ? 1 : 0)}`, namespace, data));
    const made = await request.catch((error) => {
      if (isReason(error, 'Forbidden')) return undefined;
      throw error;
    });
    if (made) await client.of(configmaps).delete(made.metadata.name!, { namespace });
    return isAsked(made);
  };
};

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a validating webhook should work [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const name = `e2e-${namespace}`;
    await withValidating(scene, [hook('deny', '/configmaps', namespace, [rule('configmaps')])], async () => {
      const refused = asksOf(scene, disallowed, (made) => made === undefined);
      const admitted = asksOf(scene, disallowed, (made) => made !== undefined);
      await until(refused);
      const changed = copy(await client.of(validating).get(name));
      changed.webhooks![0]!.rules = [rule('configmaps', ['UPDATE'])];
      await client.of(validating).update(changed);
      await until(admitted);
      const body = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
      await client.of(validating).patch(name, body, { type: 'json' });
      await until(refused);
    });
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] patching/updating a mutating webhook should work [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const name = `e2e-${namespace}`;
    await withMutating(scene, [hook('add', '/mutating-configmaps', namespace, [rule('configmaps')])], async () => {
      const changedBy = asksOf(scene, start, (made) => made?.data?.['mutation-stage-1'] === 'yes');
      const leftAlone = asksOf(scene, start, (made) => made !== undefined && !made.data?.['mutation-stage-1']);
      await until(changedBy);
      const changed = copy(await client.of(mutating).get(name));
      changed.webhooks![0]!.rules = [rule('configmaps', ['UPDATE'])];
      await client.of(mutating).update(changed);
      await until(leftAlone);
      const body = [{ op: 'replace', path: '/webhooks/0/rules/0/operations', value: ['CREATE'] }];
      await client.of(mutating).patch(name, body, { type: 'json' });
      await until(changedBy);
    });
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing validating webhooks should work [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const labels = { 'e2e-list-test-uuid': namespace };
    const selection = { labelSelector: `e2e-list-test-uuid=${namespace}` };
    const of = (at: number): ValidatingWebhookConfiguration => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: `list-${namespace}-${at}`, labels },
      webhooks: [hook(`deny-${at}`, '/configmaps', namespace, [rule('configmaps')])],
    });
    for (let at = 0; at < 10; at++) await client.of(validating).create(of(at));
    expect((await client.of(validating).list(selection)).items.length).toBe(10);
    await until(asksOf(scene, disallowed, (made) => made === undefined));
    await client.of(validating).deleteCollection(selection);
    await until(asksOf(scene, disallowed, (made) => made !== undefined));
  },
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] listing mutating webhooks should work [Conformance]',
  async (scene) => {
    const { client, namespace, until } = scene;
    const labels = { 'e2e-list-test-uuid': namespace };
    const selection = { labelSelector: `e2e-list-test-uuid=${namespace}` };
    const of = (at: number): MutatingWebhookConfiguration => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: `list-${namespace}-${at}`, labels },
      webhooks: [hook(`add-${at}`, '/mutating-configmaps', namespace, [rule('configmaps')])],
    });
    for (let at = 0; at < 10; at++) await client.of(mutating).create(of(at));
    expect((await client.of(mutating).list(selection)).items.length).toBe(10);
    await until(asksOf(scene, start, (made) => made?.data?.['mutation-stage-1'] === 'yes'));
    await client.of(mutating).deleteCollection(selection);
    await until(asksOf(scene, start, (made) => made !== undefined && !made.data?.['mutation-stage-1']));
  },
);

const condition = (expression: string) => [{ name: 'expression-1', expression }];

const configurations = [
  ['validating', validating, 'ValidatingWebhookConfiguration'],
  ['mutating', mutating, 'MutatingWebhookConfiguration'],
] as const;

async function editsConditions(scene: Scene, [, ref, kind]: (typeof configurations)[number]): Promise<void> {
  const { client, namespace } = scene;
  const configurationsOf = client.of(ref as typeof validating);
  const matchConditions = condition("object.metadata.namespace == 'production'");
  const made = await configurationsOf.create({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: metadataOf(scene),
    webhooks: [hook('conditions', '/configmaps', namespace, [rule('configmaps')], { matchConditions })],
  });
  expect(made.webhooks?.[0]?.matchConditions).toEqual(matchConditions);
  const changed = copy(made);
  changed.webhooks![0]!.matchConditions = condition("object.metadata.namespace == 'staging'");
  const updated = await configurationsOf.update(changed);
  expect(updated.webhooks?.[0]?.matchConditions).toEqual(changed.webhooks![0]!.matchConditions);
  await configurationsOf.delete(made.metadata.name!);
}

async function refusesConditions(scene: Scene, [, ref, kind]: (typeof configurations)[number]): Promise<void> {
  const { client, namespace } = scene;
  const matchConditions = condition('... [] bad expression');
  const object = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind,
    metadata: metadataOf(scene),
    webhooks: [hook('conditions', '/configmaps', namespace, [rule('configmaps')], { matchConditions })],
  };
  const { message } = await refusal(client.of(ref as typeof validating).create(object), 'Invalid');
  expect(message).toContain('compilation failed');
}

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update validating webhook configurations with match conditions [Conformance]',
  (scene) => editsConditions(scene, configurations[0]),
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should be able to create and update mutating webhook configurations with match conditions [Conformance]',
  (scene) => editsConditions(scene, configurations[1]),
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject validating webhook configurations with invalid match conditions [Conformance]',
  (scene) => refusesConditions(scene, configurations[0]),
);

conformance(
  '[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should reject mutating webhook configurations with invalid match conditions [Conformance]',
  (scene) => refusesConditions(scene, configurations[1]),
);

conformance(
  "[sig-api-machinery] AdmissionWebhook [Privileged:ClusterAdmin] should mutate everything except 'skip-me' configmaps [Conformance]",
  async (scene) => {
    const { client, namespace } = scene;
    const matchConditions = [{ name: 'skip-me', expression: "object.metadata.name != 'skip-me'" }];
    const hooks = [
      hook('adding-configmap-data', '/mutating-configmaps', namespace, [rule('configmaps')], { matchConditions }),
    ];
    await withMutating(scene, hooks, async () => {
      const skipped = await client.of(configmaps).create(mapOf('skip-me', namespace, start));
      expect(skipped.data).toEqual(start);
      const changed = await client.of(configmaps).create(mapOf('mutate-me', namespace, start));
      expect(changed.data).toEqual({ ...start, 'mutation-stage-1': 'yes' });
    });
  },
);
