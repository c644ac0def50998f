/**
 * Another server says which images may run: it is asked by an ImageReview, and its answers are remembered for a while.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#imagepolicywebhook
 */
import { dirname, resolve } from 'node:path';
import podResource from '#api/core/pod/index.js';
import type { Container, Pod } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import type { Remote } from '#base/remote.js';
import { ExpiringMap } from '#client/expiring-map.js';
import { ConfigurationError } from '../../configuration-file.js';
import { askRemote, openRemote } from '../../remote.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import type { PluginConfiguration } from '../plugin-configuration.js';
import type { OptionalDependencies } from '../plugins.js';
import { isOn, refuse } from '../refuse.js';
import { isPodWrite } from './pods.js';

interface Settings {
  remote: Remote;
  allowMs: number;
  denyMs: number;
  backoffMs: number;
  defaultAllow: boolean;
}

interface ReviewStatus {
  allowed?: boolean;
  reason?: string;
  auditAnnotations?: Record<string, string>;
}

const auditPrefix = 'imagepolicywebhook.image-policy.k8s.io/';
const failedOpenAnnotation = 'alpha.image-policy.k8s.io/failed-open';
const answersMax = 1024;
const minuteMs = 60_000;

/** Throws ConfigurationError or KubeconfigError. */
export async function imagePolicyWebhook(
  given: PluginConfiguration | undefined,
  { clock }: { clock: Clock },
): Promise<(dependencies: OptionalDependencies) => AdmissionPlugin> {
  const settings = await readSettings(given, clock);
  return () => pluginOf(settings, clock);
}

async function readSettings(given: PluginConfiguration | undefined, clock: Clock): Promise<Settings> {
  const said = (given?.untyped()['imagePolicy'] ?? {}) as Record<string, unknown>;
  if (!given || typeof said['kubeConfigFile'] !== 'string')
    throw new ConfigurationError(
      'ImagePolicyWebhook has nobody to ask: name a file with --admission-control-config-file that configures it',
    );
  const durationOf = (field: string, { unitMs, minMs, maxMs, byDefaultMs }: Record<string, number>) => {
    const value = Number(said[field] ?? 0);
    if (value === -1) return 0;
    if (value === 0) return byDefaultMs!;
    const ms = value * unitMs!;
    if (ms > minMs! && ms <= maxMs!) return ms;
    throw new ConfigurationError(`${given.path}: imagePolicy.${field} is out of range: ${String(said[field])}`);
  };
  const ttl = { unitMs: 1000, minMs: 1000, maxMs: 30 * minuteMs };
  return {
    remote: await openRemote(resolve(dirname(given.path), said['kubeConfigFile']), { clock }),
    allowMs: durationOf('allowTTL', { ...ttl, byDefaultMs: 5 * minuteMs }),
    denyMs: durationOf('denyTTL', { ...ttl, byDefaultMs: minuteMs / 2 }),
    backoffMs: durationOf('retryBackoff', { unitMs: 1, minMs: 0, maxMs: 5 * minuteMs, byDefaultMs: 500 }),
    defaultAllow: said['defaultAllow'] === true,
  };
}

function pluginOf(settings: Settings, clock: Clock): AdmissionPlugin {
  const remembered = new ExpiringMap<string, ReviewStatus>({ clock, entriesMax: answersMax });

  async function review(spec: object): Promise<ReviewStatus> {
    const key = JSON.stringify(spec);
    const known = remembered.get(key);
    if (known) return known;
    const body = { kind: 'ImageReview', apiVersion: 'imagepolicy.k8s.io/v1alpha1', metadata: {}, spec, status: {} };
    const { backoffMs: firstBackoffMs } = settings;
    const { status = {} } = await askRemote<{ status?: ReviewStatus }>(settings.remote, body, clock, {
      firstBackoffMs,
    });
    remembered.set(key, status, status.allowed ? settings.allowMs : settings.denyMs);
    return status;
  }

  return {
    name: 'ImagePolicyWebhook',
    handles: (request) =>
      isPodWrite(request) || (request.operation === 'UPDATE' && isOn(request, podResource, 'ephemeralcontainers')),
    async validate(request) {
      const status = await review(specOf(request)).catch((error: Error) => {
        if (!settings.defaultAllow) throw refuse(request, error.message);
        request.annotate(`${auditPrefix}failed-open`, 'true');
        const { metadata } = request.object as Pod;
        metadata.annotations = { ...metadata.annotations, [failedOpenAnnotation]: 'true' };
        return { allowed: true } as ReviewStatus;
      });
      for (const [key, value] of Object.entries(status.auditAnnotations ?? {}))
        request.annotate(`${auditPrefix}${key}`, value);
      if (status.allowed) return;
      const denied = status.reason
        ? `image policy webhook backend denied one or more images: ${status.reason}`
        : 'one or more images rejected by webhook backend';
      throw refuse(request, denied);
    },
  };
}

function specOf({ object, namespace, subresource }: AdmissionRequest): object {
  const { metadata, spec } = object as Pod;
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec;
  const concerned: readonly Pick<Container, 'image'>[] =
    subresource === '' ? [...containers, ...initContainers] : ephemeralContainers;
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) =>
    key.includes('.image-policy.k8s.io/'),
  );
  return {
    containers: concerned.map(({ image }) => ({ image })),
    annotations: annotations.length > 0 ? Object.fromEntries(annotations) : undefined,
    namespace,
  };
}
