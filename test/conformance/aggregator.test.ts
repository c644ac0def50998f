/**
 * An extension API server behind an APIService. It is a whole API server that knows nothing of the first but the
 * authority of its front proxy, as the official test's sample server does; its kind is a custom one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import definitions from '#api/apiextensions/customresourcedefinition.js';
import apiServices from '#api/apiregistration/apiservice.js';
import configmaps from '#api/core/configmap.js';
import services from '#api/core/service.js';
import type { APIService } from '#api/gen/apiregistration-v1.js';
import { SystemClock } from '#base/clock.js';
import { discover } from '#client/discovery.js';
import { startTestCluster, type TestCluster } from '#testing/index.js';
import { conformance, type Scene, useCluster } from './conformance.js';
import { type Custom, definitionOf } from './custom.js';

useCluster({ nodes: 0 });

const group = 'wardle.example.com';
const version = 'v1alpha1';
const name = `${version}.${group}`;
const flunders = { group, versions: [version], kind: 'Flunder', plural: 'flunders', namespaced: true } as const;

let folder: string;
let extension: TestCluster | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 't8s-extension-'));
});
afterAll(async () => {
  await extension?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Gives its port. */
async function startExtension({ client }: Scene): Promise<number> {
  const { data } = await client.of(configmaps).get('extension-apiserver-authentication', { namespace: 'kube-system' });
  const authority = join(folder, 'front-proxy-ca.crt');
  writeFileSync(authority, data!['requestheader-client-ca-file']!);
  extension = await startTestCluster({
    clock: new SystemClock(),
    listen: true,
    nodes: 0,
    scheduler: false,
    controllers: [],
    apiServer: {
      requestheaderClientCaFile: authority,
      requestheaderAllowedNames: ['front-proxy-client'],
      // Namespaces are the first server's; this one must not ask for them.
      disableAdmissionPlugins: ['NamespaceLifecycle'],
    },
  });
  const definition = definitionOf({ group, kind: 'Flunder', versions: [{ name: version }] });
  const own = extension.client().of(definitions);
  await own.create(definition);
  await extension.until(async () => {
    const { status } = await own.get(definition.metadata.name!);
    return status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
  });
  return Number(new URL(extension.url!).port);
}

async function register({ client, namespace, until }: Scene, port: number): Promise<void> {
  const metadata = { name: 'sample-api', namespace };
  const spec = { type: 'ExternalName', externalName: 'localhost' };
  await client.of(services).create({ apiVersion: 'v1', kind: 'Service', metadata, spec });
  await client.of(apiServices).create({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name },
    spec: {
      group,
      version,
      groupPriorityMinimum: 2000,
      versionPriority: 200,
      insecureSkipTLSVerify: true,
      service: { ...metadata, port },
    },
  });
  await until(async () => {
    const { status } = await client.of(apiServices).get(name);
    return status?.conditions?.some(({ type, status }) => type === 'Available' && status === 'True') ?? false;
  });
}

conformance(
  '[sig-api-machinery] Aggregator Should be able to support the 1.17 Sample API Server using the current Aggregator [LinuxOnly] [Conformance]',
  async (scene) => {
    const { client, http, namespace, until, observe } = scene;
    await register(scene, await startExtension(scene));

    // Its objects live in it, and are reached through the first server in the caller's name.
    const flunder = {
      apiVersion: `${group}/${version}`,
      kind: 'Flunder',
      metadata: { name: 'f', namespace },
      spec: { reference: 'a' },
    };
    const made = await client.of<Custom>(flunders).create(flunder as Custom);
    expect(made.metadata.managedFields?.[0]?.manager).toBe('conformance');
    const watched = observe(flunders, { namespace });
    expect((await client.of<Custom>(flunders).list({ namespace })).items.map(({ metadata }) => metadata.name)).toEqual([
      'f',
    ]);
    const inExtension = await extension!.client().of<Custom>(flunders).get('f', { namespace });
    expect(inExtension.metadata.uid).toBe(made.metadata.uid);
    expect((await watched.next({ type: 'ADDED' })).metadata.name).toBe('f');

    // Discovery tells of it in every form.
    const { resources } = await discover(client.transport);
    expect(resources.map(({ group, plural }) => `${plural}.${group}`)).toContain(`flunders.${group}`);
    expect((await http.send(`/apis/${group}/${version}`)).json.resources[0].name).toBe('flunders');

    // The APIService itself: status, patch, label, update and replacement.
    const read = await http.send(`/apis/apiregistration.k8s.io/v1/apiservices/${name}/status`);
    expect(read.json.status.conditions[0]).toMatchObject({ type: 'Available', status: 'True', reason: 'Passed' });
    const patched = await client.of(apiServices).patch(name, { spec: { versionPriority: 400 } }, { type: 'merge' });
    expect(patched.spec.versionPriority).toBe(400);
    const labelled = { metadata: { labels: { apiservice: 'patched' } } };
    await client.of(apiServices).patch(name, labelled, { type: 'merge' });
    const selected = await client.of(apiServices).list({ labelSelector: 'apiservice=patched' });
    expect(selected.items.map(({ metadata }) => metadata.name)).toEqual([name]);
    await until(async () => {
      const current = await client.of(apiServices).get(name);
      const condition = { type: 'StatusUpdated', status: 'True', reason: 'E2E', message: 'Set from an e2e test' };
      const status = { conditions: [...(current.status?.conditions ?? []), condition] };
      const updated = await client.of(apiServices).update({ ...current, status }, { subresource: 'status' });
      return updated.status?.conditions?.some(({ type }) => type === 'StatusUpdated') ?? false;
    });
    await until(async () => {
      const current = await client.of(apiServices).get(name);
      const replaced: APIService = { ...current, spec: { ...current.spec, versionPriority: 300 } };
      return (await client.of(apiServices).update(replaced)).spec.versionPriority === 300;
    });

    // What is deleted through it is gone, and with the APIService the group is.
    await client.of<Custom>(flunders).delete('f', { namespace });
    expect((await extension!.client().of<Custom>(flunders).list({ namespace })).items).toEqual([]);
    await client.of(apiServices).deleteCollection({ labelSelector: 'apiservice=patched' });
    await until(async () => (await http.send(`/apis/${group}/${version}`)).status === 404);
  },
);
