/** The settings of who may come in, by the names of kube-apiserver's flags, and what they ask for. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Authenticator } from '#apiserver/authentication/authenticator.js';
import { defaultFrontProxy, type FrontProxyOptions } from '#apiserver/authentication/front-proxy.js';
import type { Anonymous } from '#apiserver/authentication/union.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { ConfigError, choice, duration, file, files, flag, list, many, type Setting, text } from '../setting.js';

export interface AuthenticationSettings {
  anonymousAuth: boolean;
  authenticationConfig: string | undefined;
  tokenAuthFile: string | undefined;
  enableBootstrapTokenAuth: boolean;
  oidcIssuerUrl: string | undefined;
  oidcClientId: string | undefined;
  oidcCaFile: string | undefined;
  oidcUsernameClaim: string;
  oidcUsernamePrefix: string | undefined;
  oidcGroupsClaim: string | undefined;
  oidcGroupsPrefix: string;
  oidcRequiredClaim: string[] | undefined;
  oidcSigningAlgs: string[];
  authenticationTokenWebhookConfigFile: string | undefined;
  authenticationTokenWebhookCacheTtl: number;
  authenticationTokenWebhookVersion: 'v1' | 'v1beta1';
  serviceAccountIssuer: string[] | undefined;
  serviceAccountKeyFile: string[] | undefined;
  serviceAccountSigningKeyFile: string | undefined;
  serviceAccountMaxTokenExpiration: number;
  serviceAccountExtendTokenExpiration: boolean;
  serviceAccountJwksUri: string | undefined;
  apiAudiences: string[] | undefined;
  requestheaderClientCaFile: string | undefined;
  requestheaderAllowedNames: string[];
  requestheaderUsernameHeaders: string[];
  requestheaderUidHeaders: string[];
  requestheaderGroupHeaders: string[];
  requestheaderExtraHeadersPrefix: string[];
}

const headers = defaultFrontProxy;

export const authenticationSettings: Record<keyof AuthenticationSettings, Setting> = {
  anonymousAuth: flag('anonymous-auth', true, 'let in callers without credentials, as system:anonymous'),
  authenticationConfig: file('authentication-config', 'an AuthenticationConfiguration: issuers of tokens to trust'),
  tokenAuthFile: file('token-auth-file', 'tokens and their users, one a line: token,user,uid,"groups"'),
  enableBootstrapTokenAuth: flag(
    'enable-bootstrap-token-auth',
    true,
    'take tokens of bootstrap secrets in kube-system',
  ),
  oidcIssuerUrl: text('oidc-issuer-url', 'an OpenID Connect provider whose tokens to take'),
  oidcClientId: text('oidc-client-id', 'the audience of its tokens'),
  oidcCaFile: file('oidc-ca-file', "the authorities of the provider's certificate (default: the system's)"),
  oidcUsernameClaim: { ...text('oidc-username-claim', 'the claim that names the user'), default: 'sub' },
  oidcUsernamePrefix: text('oidc-username-prefix', 'put before the user (default: the issuer and #; - for none)'),
  oidcGroupsClaim: text('oidc-groups-claim', 'the claim that names the groups'),
  oidcGroupsPrefix: { ...text('oidc-groups-prefix', 'put before each group'), default: '' },
  oidcRequiredClaim: many('oidc-required-claim', 'key=value: a claim that tokens must have; may be repeated'),
  oidcSigningAlgs: list('oidc-signing-algs', 'algorithms that tokens may be signed with', ['RS256']),
  authenticationTokenWebhookConfigFile: file(
    'authentication-token-webhook-config-file',
    'a kubeconfig that names whom to ask about tokens',
  ),
  authenticationTokenWebhookCacheTtl: duration(
    'authentication-token-webhook-cache-ttl',
    '2m',
    'how long its answers are remembered',
  ),
  authenticationTokenWebhookVersion: choice(
    'authentication-token-webhook-version',
    ['v1', 'v1beta1'],
    'v1beta1',
    'of the TokenReview sent to it',
  ),
  serviceAccountIssuer: many(
    'service-account-issuer',
    'of tokens of service accounts; may be repeated: the first makes',
  ),
  serviceAccountKeyFile: files('service-account-key-file', 'PEM keys that verify their tokens; may be repeated'),
  serviceAccountSigningKeyFile: file('service-account-signing-key-file', 'the PEM key that signs their tokens'),
  serviceAccountMaxTokenExpiration: duration('service-account-max-token-expiration', '0s', 'of their tokens; 0s: none'),
  serviceAccountExtendTokenExpiration: flag(
    'service-account-extend-token-expiration',
    true,
    'let tokens that pods have by default live for a year',
  ),
  serviceAccountJwksUri: text('service-account-jwks-uri', 'where others find the keys (default: on this server)'),
  apiAudiences: list('api-audiences', "what the server's tokens are for (default: the issuer)"),
  requestheaderClientCaFile: file(
    'requestheader-client-ca-file',
    "authorities of proxies (default: the cluster's own)",
  ),
  requestheaderAllowedNames: list('requestheader-allowed-names', 'common names of proxies', headers.allowedNames),
  requestheaderUsernameHeaders: list('requestheader-username-headers', 'say the user', headers.usernameHeaders),
  requestheaderUidHeaders: list('requestheader-uid-headers', 'say the uid', headers.uidHeaders),
  requestheaderGroupHeaders: list('requestheader-group-headers', 'say the groups', headers.groupHeaders),
  requestheaderExtraHeadersPrefix: list(
    'requestheader-extra-headers-prefix',
    'begin headers of extra',
    headers.extraHeaderPrefixes,
  ),
};

export interface Authentication {
  frontProxy: FrontProxyOptions;
  tokenAuthenticators: Authenticator[];
  bootstrapTokens: boolean;
  anonymous: Anonymous;
  tokenOptions: {
    issuer: string;
    acceptedIssuers: string[];
    audiences: string[];
    key: KeyObject;
    verificationKeys: KeyObject[];
    maxExpirationSeconds?: number;
    extendsExpiration: boolean;
  };
  jwksUri?: string;
}

export interface AuthenticationEnvironment {
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  clusterDomain: string;
  /** Of the cluster itself, where the settings name no other. */
  serviceAccountKey: KeyObject;
  frontProxyCa: string;
}

/** Throws ConfigurationError, ConfigError or KubeconfigError. */
export async function openAuthentication(
  settings: AuthenticationSettings,
  environment: AuthenticationEnvironment,
): Promise<Authentication> {
  const { clusterDomain, frontProxyCa } = environment;
  const issuers = settings.serviceAccountIssuer ?? [`https://kubernetes.default.svc.${clusterDomain}`];
  const audiences = settings.apiAudiences ?? [issuers[0]!];
  const caFile = settings.requestheaderClientCaFile;
  const more = await tokenAuthenticators(settings, { ...environment, issuers, audiences });
  return {
    frontProxy: {
      authorities: caFile ? await readText('requestheader-client-ca-file', caFile) : frontProxyCa,
      allowedNames: settings.requestheaderAllowedNames,
      usernameHeaders: settings.requestheaderUsernameHeaders,
      uidHeaders: settings.requestheaderUidHeaders,
      groupHeaders: settings.requestheaderGroupHeaders,
      extraHeaderPrefixes: settings.requestheaderExtraHeadersPrefix,
    },
    tokenAuthenticators: more.authenticators,
    bootstrapTokens: settings.enableBootstrapTokenAuth,
    anonymous: more.anonymous ?? { enabled: settings.anonymousAuth },
    tokenOptions: {
      issuer: issuers[0]!,
      acceptedIssuers: issuers.slice(1),
      audiences,
      ...(await serviceAccountKeys(settings, environment.serviceAccountKey)),
      maxExpirationSeconds: settings.serviceAccountMaxTokenExpiration / 1000 || undefined,
      extendsExpiration: settings.serviceAccountExtendTokenExpiration,
    },
    jwksUri: settings.serviceAccountJwksUri,
  };
}

async function serviceAccountKeys(
  { serviceAccountKeyFile, serviceAccountSigningKeyFile }: AuthenticationSettings,
  own: KeyObject,
): Promise<{ key: KeyObject; verificationKeys: KeyObject[] }> {
  const signing = serviceAccountSigningKeyFile;
  const flagName = 'service-account-signing-key-file';
  const key = signing ? readKey(flagName, await readText(flagName, signing), createPrivateKey) : own;
  const verificationKeys: KeyObject[] = [];
  for (const path of serviceAccountKeyFile ?? []) {
    const pem = await readText('service-account-key-file', path);
    for (const block of pem.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [''])
      verificationKeys.push(readKey('service-account-key-file', block, createPublicKey));
  }
  return { key, verificationKeys };
}

async function tokenAuthenticators(
  settings: AuthenticationSettings,
  environment: AuthenticationEnvironment & { issuers: readonly string[]; audiences: readonly string[] },
): Promise<{ authenticators: Authenticator[]; anonymous?: Anonymous }> {
  const { clock, audiences, issuers } = environment;
  const { tokenAuthFile, authenticationConfig, oidcIssuerUrl, authenticationTokenWebhookConfigFile } = settings;
  const authenticators: Authenticator[] = [];
  let anonymous: Anonymous | undefined;
  if (!tokenAuthFile && !authenticationConfig && !oidcIssuerUrl && !authenticationTokenWebhookConfigFile)
    return { authenticators };
  const more = await import('#apiserver/authentication/more.js');
  if (tokenAuthFile) authenticators.push(await more.openTokenFile(tokenAuthFile));
  if (authenticationConfig && oidcIssuerUrl)
    throw new ConfigError('--authentication-config and --oidc-... cannot be used together');
  const jwt = { ...environment, disallowedIssuers: issuers };
  if (authenticationConfig) {
    const trusted = await more.openAuthenticationFile(authenticationConfig, jwt);
    authenticators.push(more.remembering(trusted.authenticator, { clock, ...more.jwtMemory }));
    if (trusted.anonymous) {
      const { enabled = false, conditions = [] } = trusted.anonymous;
      anonymous = { enabled, paths: conditions.map(({ path = '' }) => path) };
    }
  }
  if (oidcIssuerUrl)
    authenticators.push(
      more.remembering(more.oidcAuthenticator(await oidcOf(settings, oidcIssuerUrl), jwt), {
        clock,
        ...more.jwtMemory,
      }),
    );
  const agnostic = authenticators.map((one) => more.audienceAgnostic(one, audiences));
  if (authenticationTokenWebhookConfigFile) {
    const { authenticationTokenWebhookCacheTtl: cacheMs, authenticationTokenWebhookVersion: version } = settings;
    const webhook = { path: authenticationTokenWebhookConfigFile, version, cacheMs, audiences };
    agnostic.push(await more.openTokenWebhook(webhook, clock));
  }
  return { authenticators: agnostic, anonymous };
}

async function oidcOf(settings: AuthenticationSettings, issuerUrl: string) {
  const { oidcClientId: clientId, oidcCaFile, oidcRequiredClaim = [] } = settings;
  if (!clientId) throw new ConfigError('--oidc-issuer-url and --oidc-client-id must be specified together');
  const requiredClaims = oidcRequiredClaim.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new ConfigError(`--oidc-required-claim must be key=value, not ${JSON.stringify(text)}`);
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return {
    issuerUrl,
    clientId,
    certificateAuthority: oidcCaFile ? await readText('oidc-ca-file', oidcCaFile) : undefined,
    usernameClaim: settings.oidcUsernameClaim,
    usernamePrefix: settings.oidcUsernamePrefix,
    groupsClaim: settings.oidcGroupsClaim,
    groupsPrefix: settings.oidcGroupsPrefix,
    requiredClaims: Object.fromEntries(requiredClaims),
    signingAlgorithms: settings.oidcSigningAlgs,
  };
}

async function readText(flagName: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`--${flagName}: cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function readKey(flagName: string, pem: string, read: (pem: string) => KeyObject): KeyObject {
  try {
    return read(pem);
  } catch (error) {
    throw new ConfigError(`--${flagName}: no key in PEM: ${(error as Error).message}`, { cause: error });
  }
}
