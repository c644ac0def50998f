/** The settings of who may do what, by the names of kube-apiserver's flags, and the row of authorizers they ask for. */
import type { Authorizer } from '#apiserver/authorization/authorizer.js';
import type { AuthorizationEnvironment } from '#apiserver/authorization/configuration.js';
import type { Place, RowSource } from '#apiserver/authorization/row.js';
import { ConfigError, choice, duration, file, list, type Setting } from '../setting.js';

export interface AuthorizationSettings {
  authorizationMode: string[];
  authorizationConfig: string | undefined;
  authorizationPolicyFile: string | undefined;
  authorizationWebhookConfigFile: string | undefined;
  authorizationWebhookVersion: 'v1' | 'v1beta1';
  authorizationWebhookCacheAuthorizedTtl: number;
  authorizationWebhookCacheUnauthorizedTtl: number;
}

const modes = ['Node', 'RBAC', 'ABAC', 'Webhook', 'AlwaysAllow', 'AlwaysDeny'];

export const authorizationSettings: Record<keyof AuthorizationSettings, Setting> = {
  authorizationMode: list(
    'authorization-mode',
    'who decides, in order: Node, RBAC, ABAC, Webhook, AlwaysAllow, AlwaysDeny',
    ['Node', 'RBAC'],
  ),
  authorizationConfig: file('authorization-config', 'an AuthorizationConfiguration, instead of the mode'),
  authorizationPolicyFile: file('authorization-policy-file', 'what ABAC allows: a policy a line'),
  authorizationWebhookConfigFile: file('authorization-webhook-config-file', 'a kubeconfig that names whom to ask'),
  authorizationWebhookVersion: choice(
    'authorization-webhook-version',
    ['v1', 'v1beta1'],
    'v1beta1',
    'of the SubjectAccessReview sent to it',
  ),
  authorizationWebhookCacheAuthorizedTtl: duration(
    'authorization-webhook-cache-authorized-ttl',
    '5m',
    'how long what it allowed is remembered',
  ),
  authorizationWebhookCacheUnauthorizedTtl: duration(
    'authorization-webhook-cache-unauthorized-ttl',
    '30s',
    'how long what it did not allow is remembered',
  ),
};

const webhookTimeoutMs = 30_000;

/** Undefined: as by default. Throws ConfigError, ConfigurationError or KubeconfigError. */
export async function openAuthorization(
  settings: AuthorizationSettings,
  environment: AuthorizationEnvironment,
): Promise<RowSource | undefined> {
  const { authorizationMode, authorizationConfig: path } = settings;
  if (path) {
    const { openAuthorizationFile } = await import('#apiserver/authorization/configuration.js');
    let row: readonly Place[] = [];
    let listener: ((row: readonly Place[]) => void) | undefined;
    const changed = (places: readonly Place[]) => {
      row = places;
      listener?.(places);
    };
    await openAuthorizationFile(path, { ...environment, changed });
    return (listen) => {
      listener = listen;
      listen(row);
    };
  }
  const unknown = authorizationMode.find((mode) => !modes.includes(mode));
  if (unknown) throw new ConfigError(`--authorization-mode: ${JSON.stringify(unknown)} is none of ${modes.join(', ')}`);
  if (settings.authorizationPolicyFile && !authorizationMode.includes('ABAC'))
    throw new ConfigError('cannot specify --authorization-policy-file without mode ABAC');
  const places = await Promise.all(
    authorizationMode.map((mode) => {
      if (mode === 'Webhook') return openWebhook(settings, environment);
      return mode === 'ABAC' ? openPolicies(settings) : (mode as Place);
    }),
  );
  return (listen) => listen(places);
}

async function openPolicies({ authorizationPolicyFile: path }: AuthorizationSettings): Promise<Authorizer> {
  if (!path) throw new ConfigError("authorization-mode ABAC's authorization policy file not passed");
  const { openAbac } = await import('#apiserver/authorization/abac.js');
  return openAbac(path);
}

async function openWebhook(settings: AuthorizationSettings, { clock, log }: AuthorizationEnvironment) {
  const { authorizationWebhookConfigFile: path } = settings;
  if (!path) throw new ConfigError("authorization-mode Webhook's authorization config file not passed");
  const { openRemote } = await import('#apiserver/remote.js');
  const { webhookAuthorizer } = await import('#apiserver/authorization/webhook.js');
  return webhookAuthorizer({
    name: 'default',
    remote: await openRemote(path, { clock }),
    version: settings.authorizationWebhookVersion,
    timeoutMs: webhookTimeoutMs,
    authorizedMs: settings.authorizationWebhookCacheAuthorizedTtl,
    unauthorizedMs: settings.authorizationWebhookCacheUnauthorizedTtl,
    onFailure: 'no opinion',
    matchConditions: [],
    clock,
    log,
  });
}
