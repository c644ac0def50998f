/** What the server says of itself, and lists in chunks. */
import { expect } from 'vitest';
import podtemplates from '#api/core/podtemplate.js';
import { conformance, type Scene, useCluster } from './conformance.js';

useCluster({ nodes: 0 });

conformance('[sig-api-machinery] server version should find the server version [Conformance]', async ({ http }) => {
  const { status, json } = await http.send('/version');
  expect(status).toBe(200);
  expect(json.major).toMatch(/^[1-9]\d*$/);
  expect(json.minor).toMatch(/^\d+$/);
});

conformance(
  '[sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup [Conformance]',
  async ({ http }) => {
    const { groups } = (await http.send('/apis/')).json;
    expect(groups.length).toBeGreaterThan(0);
    for (const { name } of groups) {
      const group = (await http.send(`/apis/${name}/`)).json;
      expect(group.versions.length).toBeGreaterThan(0);
      const served = group.versions.map(({ groupVersion }: { groupVersion: string }) => groupVersion);
      expect(served).toContain(group.preferredVersion.groupVersion);
    }
  },
);

conformance(
  '[sig-api-machinery] Servers with support for Table transformation should return a 406 for a backend which does not implement metadata [Conformance]',
  async ({ http }) => {
    const { status, json } = await http.send('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      method: 'POST',
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { namespace: 'default', resource: 'pods', verb: 'get' } },
      },
    });
    expect(status).toBe(406);
    expect(json).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'NotAcceptable', code: 406 });
  },
);

const total = 400;
const templateName = (at: number) => `template-${String(at).padStart(4, '0')}`;

async function makeTemplates({ client, namespace }: Scene): Promise<void> {
  const make = (at: number) =>
    client.of(podtemplates).create({
      apiVersion: 'v1',
      kind: 'PodTemplate',
      metadata: { name: templateName(at), namespace },
      template: { spec: { containers: [{ name: 'test', image: 'test2' }] } },
    });
  const lanes = 20;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let at = lane; at < total; at += lanes) await make(at);
    }),
  );
}

/** Reads to the end from a token on; gives the names, and the resourceVersion that all pages share. */
async function readPages(
  { client, namespace }: Scene,
  options: { limit: () => number; token?: string; found?: number },
) {
  const names: string[] = [];
  let version: string | undefined;
  let token = options.token;
  do {
    const limit = options.limit();
    const page = await client.of(podtemplates).list({ namespace, limit, continue: token });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    version ??= page.metadata.resourceVersion;
    expect(page.metadata.resourceVersion).toBe(version);
    names.push(...page.items.map(({ metadata }) => metadata.name ?? ''));
    token = page.metadata.continue;
    const read = names.length + (options.found ?? 0);
    expect(page.metadata.remainingItemCount).toBe(token ? total - read : undefined);
  } while (token);
  return { names, version };
}

conformance(
  '[sig-api-machinery] Servers with support for API chunking should return chunks of results for list calls [Conformance]',
  async (scene) => {
    await makeTemplates(scene);
    const all = Array.from({ length: total }, (_, at) => templateName(at));
    for (const start of [1, 17, 40]) {
      let limit = start;
      const { names } = await readPages(scene, { limit: () => 1 + (limit++ % (total / 10)) });
      expect(names).toEqual(all);
    }
    const { client, namespace } = scene;
    expect((await client.of(podtemplates).list({ namespace, limit: total + 1 })).items.length).toBe(total);
  },
);
