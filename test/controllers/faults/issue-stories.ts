/** What is made on request and has an end: certificates, tokens, mirrored endpoints, sizes by load. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import customResourceDefinitions from '#api/apiextensions/customresourcedefinition.js';
import deployments from '#api/apps/deployment.js';
import autoscalers from '#api/autoscaling/horizontalpodautoscaler/index.js';
import certificateSigningRequests from '#api/certificates/certificatesigningrequest.js';
import { signers } from '#api/certificates/signers.js';
import configMaps from '#api/core/configmap.js';
import endpointsResource from '#api/core/endpoints.js';
import secrets from '#api/core/secret.js';
import services from '#api/core/service.js';
import endpointSlices from '#api/discovery/endpointslice.js';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import type { ResourceRef } from '#api/resource.js';
import { formatTime, type KubeObject } from '#apimachinery/object.js';
import { below, fraction } from '#base/prng.js';
import type { Law } from './history.js';
import { livePods, selector } from './pods.js';
import type { Stage, Story } from './storm.js';

peculiar.cryptoProvider.set(webcrypto as never);

/** Base64 of PEM, as a request holds it. */
async function newRequest(): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await peculiar.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=jane',
    keys: keys as never,
    signingAlgorithm: algorithm,
  });
  return Buffer.from(made.toString('pem')).toString('base64');
}

/** A certificate is given once. */
const neverIssuedTwice = (): Law => {
  const issued = new Map<string, string>();
  return (_world, { resource, object }) => {
    if (resource.plural !== 'certificatesigningrequests') return undefined;
    const { metadata, status } = object as CertificateSigningRequest;
    const before = issued.get(metadata.uid!);
    if (status?.certificate) issued.set(metadata.uid!, status.certificate);
    return before && status?.certificate !== before ? `${metadata.name} was issued twice` : undefined;
  };
};

/** Requests are made, approved and denied: those that were approved are signed, and no others. */
export const certificates = (): Story => {
  let request = '';
  let made = 0;
  const make = async ({ cluster }: Stage) => {
    const spec = { request, signerName: signers.client, usages: ['digital signature', 'client auth'] };
    await cluster.client
      .of(certificateSigningRequests)
      .create({ apiVersion: '', kind: '', metadata: { name: `r${made++}` }, spec });
  };
  const decide = async ({ cluster, prng }: Stage) => {
    const open = (await cluster.list(certificateSigningRequests)).filter(({ status }) => !status?.conditions?.length);
    const one = open[below(prng, Math.max(open.length, 1))];
    const type = fraction(prng) < 0.7 ? 'Approved' : 'Denied';
    const conditions = [{ type, status: 'True', reason: 'Test', message: 'so' }];
    if (one)
      await cluster.client
        .of(certificateSigningRequests)
        .update({ ...one, status: { conditions } }, { subresource: 'approval' });
  };
  return {
    name: 'certificates',
    async begin(stage) {
      request = await newRequest();
      await make(stage);
    },
    trouble: [make, decide, decide],
    async end({ cluster }) {
      const all = await cluster.list(certificateSigningRequests);
      const isApproved = ({ status }: CertificateSigningRequest) =>
        status?.conditions?.some(({ type }) => type === 'Approved') ?? false;
      return [all.map(({ status }) => Boolean(status?.certificate)), all.map(isApproved)];
    },
    laws: [neverIssuedTwice],
  };
};

const system = 'kube-system';
const type = 'bootstrap.kubernetes.io/token';
const prefix = 'jws-kubeconfig-';

/** Tokens that expire are gone then, and what they sign bears the signatures of those that are left. */
export const bootstrapTokens = (): Story => {
  let made = 0;
  const add = async ({ cluster, prng }: Stage) => {
    const id = `tok${String(made++).padStart(3, '0')}`;
    const stringData: Record<string, string> = {
      'token-id': id,
      'token-secret': 'f395accd246ae52d',
      'usage-bootstrap-signing': fraction(prng) < 0.7 ? 'true' : 'false',
    };
    if (fraction(prng) < 0.6) stringData['expiration'] = formatTime(cluster.clock.now() + fraction(prng) * 120_000);
    const metadata = { name: `bootstrap-token-${id}`, namespace: system };
    await cluster.client.of(secrets).create({ apiVersion: '', kind: '', metadata, type, stringData });
  };
  const drop = async ({ cluster, prng }: Stage) => {
    const all = await tokensOf(cluster);
    const one = all[below(prng, Math.max(all.length, 1))];
    if (one) await cluster.client.of(secrets).delete(one.metadata.name!, { namespace: system });
  };
  const change = ({ cluster, prng }: Stage) =>
    cluster.client
      .of(configMaps)
      .patch(
        'cluster-info',
        { data: { kubeconfig: `a: ${fraction(prng)}` } },
        { type: 'merge', namespace: 'kube-public' },
      );
  return {
    name: 'bootstrap tokens',
    async begin(stage) {
      const metadata = { name: 'cluster-info', namespace: 'kube-public' };
      const data = { kubeconfig: 'a: b', [`${prefix}zzzzzz`]: 'stale' };
      await stage.cluster.client.of(configMaps).create({ apiVersion: '', kind: '', metadata, data });
      await add(stage);
    },
    trouble: [add, add, drop, change],
    async end({ cluster }) {
      const textOf = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64').toString();
      const all = (await tokensOf(cluster)).map(({ data = {} }) => ({
        id: textOf(data['token-id']),
        signs: textOf(data['usage-bootstrap-signing']) === 'true',
        endsMs: data['expiration'] ? Date.parse(textOf(data['expiration'])) : Number.POSITIVE_INFINITY,
      }));
      const { data = {} } = await cluster.get(configMaps, 'cluster-info', 'kube-public');
      const signed = Object.keys(data).filter((key) => key.startsWith(prefix));
      const late = all.filter(({ endsMs }) => endsMs < cluster.clock.now() - 5000).map(({ id }) => id);
      const signers = all.filter(({ signs }) => signs).map(({ id }) => `${prefix}${id}`);
      return [
        [late, signed.sort()],
        [[], signers.sort()],
      ];
    },
  };
};

async function tokensOf(cluster: Stage['cluster']) {
  return (await cluster.list(secrets, system)).filter((one) => one.type === type);
}

/** Endpoints that somebody writes by hand come and go with their services, and are seen as slices. */
export const mirroring = (): Story => {
  const names = ['a', 'b'];
  const make = async ({ cluster, namespace, prng }: Stage) => {
    const metadata = { name: names[below(prng, names.length)]!, namespace };
    await cluster.client.of(services).create({ apiVersion: '', kind: '', metadata, spec: { ports: [{ port: 80 }] } });
  };
  const write = async ({ cluster, namespace, prng }: Stage) => {
    const name = names[below(prng, names.length)]!;
    const addresses = Array.from({ length: 1 + below(prng, 3) }, (_, place) => ({
      ip: `10.9.${below(prng, 9)}.${place}`,
    }));
    const subsets = [{ addresses, ports: [{ port: 80 }] }];
    const body = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace }, subsets };
    const source = cluster.client.of(endpointsResource);
    if (await cluster.exists(endpointsResource, name, namespace)) await source.update(body);
    else await source.create(body);
  };
  const drop = async ({ cluster, namespace, prng }: Stage) => {
    const resource: ResourceRef = fraction(prng) < 0.5 ? services : endpointsResource;
    await cluster.client.of(resource).delete(names[below(prng, names.length)]!, { namespace });
  };
  return {
    name: 'mirroring',
    async begin(stage) {
      await make(stage);
      await write(stage);
    },
    trouble: [make, write, write, drop],
    async end({ cluster, namespace }) {
      const published = (await cluster.list(services, namespace)).map(({ metadata }) => metadata.name);
      const written = (await cluster.list(endpointsResource, namespace)).filter(({ metadata }) =>
        published.includes(metadata.name),
      );
      const wanted = written.flatMap(({ metadata, subsets = [] }) =>
        subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => `${metadata.name} ${ip}`)),
      );
      const found = (await cluster.list(endpointSlices, namespace)).flatMap(({ metadata, endpoints }) =>
        (endpoints ?? []).map(({ addresses }) => `${metadata.labels?.['kubernetes.io/service-name']} ${addresses}`),
      );
      return [found.sort(), wanted.sort()];
    },
  };
};

const metrics: ResourceRef<KubeObject> = {
  group: 'metrics.k8s.io',
  versions: ['v1beta1'],
  plural: 'pods',
  kind: 'PodMetrics',
  namespaced: true,
};
const target = 100;
const bounds = { min: 1, max: 8 };

/** A Deployment follows its load, as far as it may, whatever the load was before. */
export const autoscaling = (): Story => {
  let load = 300;
  const measure = async (stage: Stage) => {
    const { cluster, namespace } = stage;
    const source = cluster.client.of(metrics);
    const all = await livePods(stage);
    for (const { metadata } of all) {
      const name = metadata.name!;
      const usage = { cpu: `${Math.round(load / all.length)}m`, memory: '1Mi' };
      const body = {
        apiVersion: 'metrics.k8s.io/v1beta1',
        kind: metrics.kind,
        metadata: { name, namespace, labels: metadata.labels },
        timestamp: formatTime(cluster.clock.now()),
        window: '30s',
        containers: [{ name: 'c', usage }],
      };
      if (await cluster.exists(metrics, name, namespace)) await source.patch(name, body, { type: 'merge', namespace });
      else await source.create(body);
    }
  };
  return {
    name: 'autoscaling',
    async begin(stage) {
      const { cluster, namespace } = stage;
      await defineMetrics(cluster);
      const resources = { requests: { cpu: `${target}m` } };
      const spec = { containers: [{ name: 'c', image: 'i', resources }], terminationGracePeriodSeconds: 1 };
      const template = { metadata: { labels: selector.matchLabels }, spec };
      const metadata = { name: 'it', namespace };
      await cluster.client
        .of(deployments)
        .create({ apiVersion: '', kind: '', metadata, spec: { replicas: 2, selector, template } });
      const resource = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 100 } };
      await cluster.client.of(autoscalers).create({
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata,
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'it' },
          minReplicas: bounds.min,
          maxReplicas: bounds.max,
          metrics: [{ type: 'Resource', resource }],
        },
      });
    },
    trouble: [
      measure,
      measure,
      async (stage) => {
        load = below(stage.prng, 1200);
        await measure(stage);
      },
    ],
    async end(stage) {
      await measure(stage);
      const { spec, status } = await stage.cluster.get(deployments, 'it', stage.namespace);
      const replicas = spec.replicas ?? 1;
      // What each pod uses is told in whole milli-cores. What is nearly right stays.
      const used = Math.round(load / replicas);
      const ideal = Math.min(Math.max(Math.ceil((used * replicas) / target), bounds.min), bounds.max);
      const isNear = used >= 0.9 * target && used <= 1.1 * target;
      return [
        [isNear ? ideal : replicas, status?.readyReplicas],
        [ideal, replicas],
      ];
    },
  };
};

/** The metrics API by objects that anybody can write. */
async function defineMetrics(cluster: Stage['cluster']): Promise<void> {
  const { group, plural, kind } = metrics;
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const annotations = { 'api-approved.kubernetes.io': 'unapproved, for a test' };
  await cluster.client.of(customResourceDefinitions).create({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, annotations },
    spec: {
      group,
      names: { plural, singular: 'podmetrics', kind },
      scope: 'Namespaced',
      versions: [{ name: 'v1beta1', served: true, storage: true, schema }],
    },
  });
  await cluster.until(async () => {
    const { status } = await cluster.get(customResourceDefinitions, `${plural}.${group}`);
    return status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True') ?? false;
  });
}
