/**
 * Gives every pod a service account and, unless told not to, the volume by which its containers speak to the API.
 * https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller
 */
import podResource from '#api/core/pod/index.js';
import serviceAccountResource from '#api/core/serviceaccount.js';
import type { Container, Pod, ServiceAccount, Volume } from '#api/gen/core-v1.js';
import { isReason } from '#apimachinery/errors.js';
import { generateName, pathSegmentProblems } from '#apimachinery/names.js';
import type { Clock } from '#base/clock.js';
import { quote } from '#base/go-text.js';
import { copy } from '#base/json.js';
import { below, type Prng } from '#base/prng.js';
import type { Registry } from '../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { enforcesMountableSecrets, unlistedEphemeralSecret, unlistedSecret } from './mountable-secrets.js';
import { isOn, refuse } from './refuse.js';

export const tokenMountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
export const mirrorAnnotation = 'kubernetes.io/config.mirror';
/** A second past the hour: TokenRequest knows by it the tokens that it may let live on with a warning. */
export const automountedTokenSeconds = 3607;
/** The default account of a new namespace is made by a controller a moment later; nobody should see that moment. */
const defaultAccountAttemptsMax = 10;

interface Dependencies {
  registry: () => Registry;
  clock: Clock;
  prng: Prng;
}

/** Upstream's client does not even ask for a name that no path can hold. */
function whyNotFound(name: string): string {
  const problems = pathSegmentProblems(name);
  if (problems.length > 0) return `invalid resource name ${quote(name)}: [${problems.join(' ')}]`;
  return `serviceaccount ${quote(name)} not found`;
}

export function serviceAccount({ registry, clock, prng }: Dependencies): AdmissionPlugin {
  async function find(request: AdmissionRequest, name: string): Promise<ServiceAccount> {
    const attemptsMax = name === 'default' ? defaultAccountAttemptsMax : 1;
    for (let attempt = 1; ; attempt++) {
      try {
        return await registry().of<ServiceAccount>(serviceAccountResource).get({ namespace: request.namespace, name });
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
        if (attempt === attemptsMax) {
          const where = `${request.namespace}/${name}`;
          throw refuse(request, `error looking up service account ${where}: ${whyNotFound(name)}`);
        }
      }
      await clock.sleep(100 + below(prng, 200));
    }
  }

  return {
    name: 'ServiceAccount',
    handles: (request) => {
      if (request.operation === 'CREATE') return isOn(request, podResource);
      return request.operation === 'UPDATE' && isOn(request, podResource, 'ephemeralcontainers');
    },
    async mutate(request) {
      const { spec, metadata } = request.object as Pod;
      if (request.operation !== 'CREATE') return;
      if (!spec || metadata.annotations?.[mirrorAnnotation] !== undefined) return;
      spec.serviceAccountName ||= spec.serviceAccount || 'default';
      spec.serviceAccount = spec.serviceAccountName;
      const account = await find(request, spec.serviceAccountName);
      const automount = spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
      if (automount) mountToken(request.object as Pod, prng);
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length)
        spec.imagePullSecrets = copy(account.imagePullSecrets);
    },
    async validate(request) {
      const pod = request.object as Pod;
      if (pod.metadata.annotations?.[mirrorAnnotation] !== undefined) {
        if (request.operation === 'CREATE') checkMirrorPod(request, pod);
        return;
      }
      const name = pod.spec?.serviceAccountName;
      if (!name)
        throw refuse(request, `no service account specified for pod ${request.namespace}/${pod.metadata.name}`);
      const account = await find(request, name);
      if (!enforcesMountableSecrets(account)) return;
      const isNew = request.operation === 'CREATE';
      const problem = isNew ? unlistedSecret(pod, account) : unlistedEphemeralSecret(pod, account);
      if (problem) throw refuse(request, problem);
    },
  };
}

/** A mirror pod shows what a node runs of its own accord; it must not lend the node more than it has. */
function checkMirrorPod(request: AdmissionRequest, { spec }: Pod): void {
  if (spec?.serviceAccountName) throw refuse(request, 'a mirror pod may not reference service accounts');
  for (const volume of spec?.volumes ?? []) {
    if (volume.secret) throw refuse(request, 'a mirror pod may not reference secrets');
    if (volume.projected?.sources?.some((source) => source.serviceAccountToken))
      throw refuse(request, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

/** A container that mounts something at the path itself, and a pod that brings the volume, keep theirs. */
function mountToken({ spec }: Pod, prng: Prng): void {
  if (!spec) return;
  const volumes = (spec.volumes ??= []);
  const existing = volumes.find(({ name }) => name.startsWith(volumePrefix));
  const name = existing?.name ?? generateName(volumePrefix, prng);
  let needed = false;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    needed = addMount(container, name) || needed;
  }
  if (!existing && needed) volumes.push({ name, projected: { sources: tokenSources(), defaultMode: 0o644 } });
  if (volumes.length === 0) delete spec.volumes;
}

function addMount(container: Container, name: string): boolean {
  if (container.volumeMounts?.some(({ mountPath }) => mountPath === tokenMountPath)) return false;
  (container.volumeMounts ??= []).push({ name, readOnly: true, mountPath: tokenMountPath });
  return true;
}

function tokenSources(): NonNullable<Volume['projected']>['sources'] {
  return [
    { serviceAccountToken: { expirationSeconds: automountedTokenSeconds, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
      },
    },
  ];
}
