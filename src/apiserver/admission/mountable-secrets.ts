/**
 * A service account may say that its pods use the secrets which it lists, and no others.
 * https://kubernetes.io/docs/reference/labels-annotations-taints/#enforce-mountable-secrets
 */
import type { Container, Pod, ServiceAccount } from '#api/gen/core-v1.js';

const annotation = 'kubernetes.io/enforce-mountable-secrets';

export function enforcesMountableSecrets({ metadata }: ServiceAccount): boolean {
  return ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(metadata.annotations?.[annotation] ?? '');
}

/** The first secret that the pod uses and the account does not list, as a refusal. */
export function unlistedSecret({ spec }: Pod, account: ServiceAccount): string | undefined {
  const unlisted = unlistedOf(account);
  for (const { secret } of spec.volumes ?? [])
    if (secret && unlisted.isUnlisted(secret.secretName)) return unlisted.refuse('volume with', secret.secretName);
  const ofContainers =
    firstOf(spec.initContainers, 'init container', unlisted) ?? firstOf(spec.containers, 'container', unlisted);
  if (ofContainers) return ofContainers;
  const pullSecrets = (account.imagePullSecrets ?? []).map(({ name }) => name);
  for (const [index, { name = '' }] of (spec.imagePullSecrets ?? []).entries())
    if (!pullSecrets.includes(name))
      return `imagePullSecrets[${index}].name="${name}" is not allowed because service account ${account.metadata.name} does not reference that imagePullSecret`;
  return undefined;
}

/** The same for the containers that can be added to a pod that runs. */
export function unlistedEphemeralSecret({ spec }: Pod, account: ServiceAccount): string | undefined {
  return firstOf(spec.ephemeralContainers, 'ephemeral container', unlistedOf(account));
}

interface Unlisted {
  isUnlisted(name: string | undefined): name is string;
  refuse(who: string, secret: string): string;
}

function unlistedOf({ metadata, secrets }: ServiceAccount): Unlisted {
  const listed = (secrets ?? []).map(({ name }) => name);
  return {
    isUnlisted: (name): name is string => name !== undefined && !listed.includes(name),
    refuse: (who, secret) =>
      `${who} secret.secretName="${secret}" is not allowed because service account ${metadata.name} does not reference that secret`,
  };
}

function firstOf(containers: readonly Container[] | undefined, what: string, unlisted: Unlisted): string | undefined {
  for (const { name, env, envFrom } of containers ?? []) {
    for (const { name: variable, valueFrom } of env ?? []) {
      const secret = valueFrom?.secretKeyRef?.name;
      if (unlisted.isUnlisted(secret))
        return unlisted.refuse(`${what} ${name} with envVar ${variable} referencing`, secret);
    }
    for (const { secretRef } of envFrom ?? [])
      if (unlisted.isUnlisted(secretRef?.name))
        return unlisted.refuse(`${what} ${name} with envFrom referencing`, secretRef.name);
  }
  return undefined;
}
