/** What lives and dies with something else: owned objects, namespaces, accounts and their tokens, roles made of roles. */
import deployments from '#api/apps/deployment.js';
import configMaps from '#api/core/configmap.js';
import namespaces from '#api/core/namespace.js';
import pods from '#api/core/pod/index.js';
import secrets from '#api/core/secret.js';
import services from '#api/core/service.js';
import serviceAccounts from '#api/core/serviceaccount.js';
import type { ConfigMap } from '#api/gen/core-v1.js';
import clusterRoles from '#api/rbac/clusterrole.js';
import type { OwnerReference } from '#apimachinery/object.js';
import { below, fraction } from '#base/prng.js';
import { selector, template } from './pods.js';
import type { Stage, Story } from './storm.js';

const ownersMax = 4;

/**
 * ConfigMaps own ConfigMaps, by one owner or two, in circles, through deletions of all kinds, and under names that come
 * back. Which are left is told by a model that knows nothing of time.
 */
export const family = (): Story => {
  /** Those that should be there at the end, by name, with the names of their owners. */
  const model = new Map<string, string[]>();
  let made = 0;

  const make = async ({ cluster, namespace, prng }: Stage) => {
    const name = `c${made++}`;
    const living = [...model.keys()];
    const owners = living.length === 0 || fraction(prng) < 0.3 ? [] : pick(living, 1 + below(prng, 2), prng);
    const objects = await Promise.all(owners.map((owner) => cluster.get(configMaps, owner, namespace)));
    const ownerReferences = objects.map((object) => referenceTo(object, fraction(prng) < 0.5));
    await cluster.client.of(configMaps).create(newMap(name, namespace, ownerReferences));
    model.set(name, owners);
  };
  const drop = async ({ cluster, namespace, prng }: Stage) => {
    const roots = [...model].filter(([, owners]) => owners.length === 0).map(([name]) => name);
    if (roots.length === 0) return;
    const [name] = pick(roots, 1, prng);
    const propagationPolicy = fraction(prng) < 0.5 ? 'Foreground' : 'Background';
    await cluster.client.of(configMaps).delete(name!, { namespace, propagationPolicy });
    collect(model, name!);
  };
  return {
    name: 'family',
    async begin(stage) {
      for (let count = 0; count < ownersMax; count++) await make(stage);
    },
    trouble: [make, make, drop],
    async end({ cluster, namespace }) {
      const all = (await cluster.list(configMaps, namespace)).filter(({ metadata }) => metadata.name!.startsWith('c'));
      const found = all.map(
        ({ metadata }) => `${metadata.name} of ${(metadata.ownerReferences ?? []).map(({ name }) => name).sort()}`,
      );
      const wanted = [...model].map(([name, owners]) => `${name} of ${[...owners].sort()}`);
      return [found.sort(), wanted.sort()];
    },
  };
};

function newMap(name: string, namespace: string, ownerReferences: OwnerReference[]): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, ownerReferences } };
}

function referenceTo({ metadata }: ConfigMap, blockOwnerDeletion: boolean): OwnerReference {
  const { name = '', uid = '' } = metadata;
  return { apiVersion: 'v1', kind: 'ConfigMap', name, uid, blockOwnerDeletion };
}

function pick(all: readonly string[], count: number, prng: Stage['prng']): string[] {
  const left = [...all];
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(below(prng, left.length), 1)[0]!);
}

/** Takes one away, and with it all that then have had owners and have none left. */
function collect(model: Map<string, string[]>, gone: string): void {
  model.delete(gone);
  for (const name of [...model.keys()]) {
    const owners = model.get(name);
    if (!owners?.includes(gone)) continue;
    const left = owners.filter((owner) => owner !== gone);
    model.set(name, left);
    if (left.length === 0) collect(model, name);
  }
}

/** Two that own each other, and nobody else owns: they stay until one is deleted, and then both go. */
export const circle = (): Story => {
  let isDeleted = false;
  return {
    name: 'circle',
    async begin({ cluster, namespace }) {
      const maps = cluster.client.of(configMaps);
      const a = await maps.create(newMap('a', namespace, []));
      const b = await maps.create(newMap('b', namespace, [referenceTo(a, true)]));
      await maps.patch('a', { metadata: { ownerReferences: [referenceTo(b, true)] } }, { type: 'merge', namespace });
    },
    trouble: [
      async ({ cluster, namespace, prng }) => {
        if (isDeleted) return;
        isDeleted = true;
        const propagationPolicy = fraction(prng) < 0.5 ? 'Foreground' : 'Background';
        await cluster.client.of(configMaps).delete('a', { namespace, propagationPolicy });
      },
    ],
    async end({ cluster, namespace }) {
      const all = await cluster.list(configMaps, namespace);
      const found = all.map(({ metadata }) => metadata.name!).filter((name) => name.length === 1);
      return [found, isDeleted ? [] : ['a', 'b']];
    },
  };
};

/** Deleted, however it was, an owner leaves its dependents behind when told to. */
export const orphans = (): Story => {
  const count = 4;
  let isDeleted = false;
  return {
    name: 'orphans',
    async begin({ cluster, namespace }) {
      const maps = cluster.client.of(configMaps);
      const owner = await maps.create(newMap('owner', namespace, []));
      for (let place = 0; place < count; place++)
        await maps.create(newMap(`o${place}`, namespace, [referenceTo(owner, place % 2 === 0)]));
      // Long enough for word of them to be everywhere; whom nobody has heard of cannot be set free.
      await cluster.advance(30_000);
    },
    trouble: [
      async ({ cluster, namespace }) => {
        if (isDeleted) return;
        isDeleted = true;
        await cluster.client.of(configMaps).delete('owner', { namespace, propagationPolicy: 'Orphan' });
      },
    ],
    async end({ cluster, namespace }) {
      const all = await cluster.list(configMaps, namespace);
      const orphaned = all.filter(({ metadata }) => metadata.name!.startsWith('o') && metadata.name !== 'owner');
      const owners = orphaned.flatMap(({ metadata }) => metadata.ownerReferences ?? []);
      return [
        [orphaned.length, owners.length, all.some(({ metadata }) => metadata.name === 'owner')],
        [count, isDeleted ? 0 : count, !isDeleted],
      ];
    },
  };
};

/** A namespace with something of many kinds is deleted, and made again under its name. */
export const doomedNamespace = (): Story => {
  const name = 'doomed';
  let isWanted = true;
  let fills = 0;
  const fill = async ({ cluster }: Stage) => {
    const metadata = { name: `it${fills++}`, namespace: name };
    await cluster.client.of(configMaps).create(newMap(metadata.name, name, []));
    const spec = { ports: [{ port: 80 }] };
    await cluster.client.of(services).create({ apiVersion: '', kind: '', metadata, spec });
    const deployment = { replicas: 2, selector, template: template() };
    await cluster.client.of(deployments).create({ apiVersion: '', kind: '', metadata, spec: deployment });
  };
  const make = async ({ cluster }: Stage) => {
    await cluster.client.of(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} });
    isWanted = true;
  };
  const drop = async ({ cluster }: Stage) => {
    await cluster.client.of(namespaces).delete(name);
    isWanted = false;
  };
  return {
    name: 'overlord',
    begin: make,
    trouble: [make, drop, fill],
    async end(stage) {
      const { cluster } = stage;
      const exists = await cluster.exists(namespaces, name);
      const left = (await cluster.list(pods, name)).length + (await cluster.list(configMaps, name)).length;
      return [
        [exists, exists || left === 0],
        [isWanted, true],
      ];
    },
  };
};

/** Accounts, tokens and the CA come back when they are deleted, and tokens go with their account. */
export const accounts = (): Story => {
  let hasToken = false;
  return {
    name: 'accounts',
    begin: async () => {},
    trouble: [
      ({ cluster, namespace }) => cluster.client.of(serviceAccounts).delete('default', { namespace }),
      ({ cluster, namespace }) => cluster.client.of(configMaps).delete('kube-root-ca.crt', { namespace }),
      ({ cluster, namespace }) =>
        cluster.client
          .of(configMaps)
          .patch('kube-root-ca.crt', { data: { 'ca.crt': 'other' } }, { type: 'merge', namespace }),
      async ({ cluster, namespace }) => {
        const annotations = { 'kubernetes.io/service-account.name': 'keeper' };
        if (!hasToken) {
          const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'keeper', namespace } };
          await cluster.client.of(serviceAccounts).create(account);
          const type = 'kubernetes.io/service-account-token';
          await cluster.client
            .of(secrets)
            .create({ apiVersion: '', kind: '', metadata: { name: 't', namespace, annotations }, type });
        } else await cluster.client.of(serviceAccounts).delete('keeper', { namespace });
        hasToken = !hasToken;
      },
    ],
    async end({ cluster, namespace }) {
      const all = await cluster.list(configMaps, namespace);
      const data = all.find(({ metadata }) => metadata.name === 'kube-root-ca.crt')?.data;
      const token = (await cluster.list(secrets, namespace)).find(({ metadata }) => metadata.name === 't');
      return [
        [
          await cluster.exists(serviceAccounts, 'default', namespace),
          data?.['ca.crt']?.includes('CERTIFICATE'),
          Boolean(token?.data?.['token']),
        ],
        [true, true, hasToken],
      ];
    },
  };
};

/** A role made of others has the rules of those that there are. */
export const aggregation = (): Story => {
  const parts = new Set<string>();
  const metadata = (name: string) => ({ name, labels: { part: 'yes' } });
  const rules = (name: string) => [{ apiGroups: [''], resources: [name], verbs: ['get'] }];
  return {
    name: 'aggregation',
    async begin({ cluster }) {
      const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { part: 'yes' } }] };
      await cluster.client
        .of(clusterRoles)
        .create({ apiVersion: '', kind: '', metadata: { name: 'whole' }, aggregationRule });
    },
    trouble: [
      async ({ cluster, prng }) => {
        const name = `part${below(prng, 4)}`;
        if (parts.delete(name)) return await cluster.client.of(clusterRoles).delete(name);
        parts.add(name);
        return await cluster.client
          .of(clusterRoles)
          .create({ apiVersion: '', kind: '', metadata: metadata(name), rules: rules(name) });
      },
    ],
    async end({ cluster }) {
      const whole = await cluster.get(clusterRoles, 'whole');
      return [whole.rules ?? [], [...parts].sort().flatMap(rules)];
    },
  };
};
