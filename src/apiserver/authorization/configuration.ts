/**
 * Which authorizers there are, and in what order: of an AuthorizationConfiguration file, which may change while we run.
 * https://kubernetes.io/docs/reference/access-authn-authz/authorization/#using-configuration-file-for-authorization
 */
import { statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import type {
  AuthorizationConfiguration,
  AuthorizerConfiguration,
  WebhookConfiguration,
  WebhookConnectionInfo,
  WebhookMatchCondition,
} from '#api/gen/apiserver-v1.js';
import { formatDuration, parseDuration, parseMilliseconds } from '#apimachinery/codec/time.js';
import {
  duplicate,
  type FieldError,
  invalidValue,
  notSupported,
  required,
  tooMany,
} from '#apimachinery/field-error.js';
import { subdomainProblems } from '#apimachinery/names.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import { followFile, parseConfiguration, readConfigurationFile, requireValidFile } from '../configuration-file.js';
import { openRemote } from '../remote.js';
import type { Authorizer } from './authorizer.js';
import { compileMatchCondition } from './match-conditions.js';
import type { BuiltinMode, Place } from './row.js';
import { type MatchCondition, webhookAuthorizer } from './webhook.js';

export interface AuthorizationEnvironment {
  clock: Clock;
  log: Log;
  /** Aborts when the server stops. */
  signal: AbortSignal;
}

const builtinModes: readonly BuiltinMode[] = ['AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC'];
const kind = {
  group: 'apiserver.config.k8s.io',
  kind: 'AuthorizationConfiguration',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
} as const;
const conditionsMax = 64;
const defaultAuthorizedMs = 300_000;
const defaultUnauthorizedMs = 30_000;

/** `changed` hears of the row once now, and whenever the file has changed. Throws ConfigurationError. */
export async function openAuthorizationFile(
  path: string,
  { changed, ...environment }: AuthorizationEnvironment & { changed: (row: readonly Place[]) => void },
): Promise<void> {
  const { clock, log, signal } = environment;
  const apply = async (bytes: Uint8Array) => {
    const { value } = parseConfiguration<AuthorizationConfiguration>(bytes, { path, ...kind });
    requireValidFile(path, validateAuthorization(value));
    const row = (value.authorizers ?? []).map(({ type, name = '', webhook }) =>
      webhook ? webhookFrom(webhook, name, environment) : (type as BuiltinMode),
    );
    changed(await Promise.all(row));
  };
  const first = await readConfigurationFile(path);
  await apply(first);
  void followFile(path, { apply, clock, log, signal, first });
}

async function webhookFrom(
  webhook: WebhookConfiguration,
  name: string,
  { clock, log }: AuthorizationEnvironment,
): Promise<Authorizer> {
  const { cacheAuthorizedRequests = true, cacheUnauthorizedRequests = true, connectionInfo } = webhook;
  return webhookAuthorizer({
    name,
    remote: await openRemote(connectionInfo?.kubeConfigFile ?? '', { clock }),
    version: webhook.subjectAccessReviewVersion as 'v1' | 'v1beta1',
    timeoutMs: millisecondsOf(webhook.timeout),
    authorizedMs: cacheAuthorizedRequests ? millisecondsOf(webhook.authorizedTTL) || defaultAuthorizedMs : 0,
    unauthorizedMs: cacheUnauthorizedRequests ? millisecondsOf(webhook.unauthorizedTTL) || defaultUnauthorizedMs : 0,
    onFailure: webhook.failurePolicy === 'Deny' ? 'deny' : 'no opinion',
    matchConditions: (webhook.matchConditions ?? []).map(
      ({ expression = '' }): MatchCondition => compileMatchCondition(expression),
    ),
    clock,
    log,
  });
}

function millisecondsOf(duration: string | undefined): number {
  return parseMilliseconds(duration || '0s');
}

export function validateAuthorization({ authorizers }: AuthorizationConfiguration): FieldError[] {
  if (!authorizers?.length) return [required('authorizers', 'at least one authorization mode must be defined')];
  const types: string[] = [];
  const names: string[] = [];
  return authorizers.flatMap((one, index) => validateAuthorizer(one, { path: `authorizers[${index}]`, types, names }));
}

function validateAuthorizer(
  { type, name, webhook }: AuthorizerConfiguration,
  { path, types, names }: { path: string; types: string[]; names: string[] },
): FieldError[] {
  const known = [...builtinModes, 'Webhook'].sort();
  if (!type) return [required(`${path}.type`)];
  if (!known.includes(type)) return [notSupported(`${path}.type`, type, known)];
  if (type !== 'Webhook' && types.includes(type)) return [duplicate(`${path}.type`, type)];
  types.push(type);
  const errors: FieldError[] = [];
  const problems = name ? subdomainProblems(name) : [];
  if (!name) errors.push(required(`${path}.name`));
  else if (names.includes(name)) errors.push(duplicate(`${path}.name`, name));
  else if (problems.length > 0)
    errors.push(invalidValue(`${path}.name`, name, `authorizer name is invalid: ${problems.join(', ')}`));
  if (name) names.push(name);
  if (type === 'Webhook')
    errors.push(
      ...(webhook ? validateWebhook(webhook, path) : [required(`${path}.webhook`, 'required when type=Webhook')]),
    );
  else if (webhook) errors.push(invalidValue(`${path}.webhook`, 'non-null', 'may only be specified when type=Webhook'));
  return errors;
}

const halfMinute = 30_000_000_000n;

/** As upstream, problems of the webhook are told at the authorizer. */
function validateWebhook(webhook: WebhookConfiguration, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const timeout = parseDuration(webhook.timeout || '0s');
  if (timeout === 0n) errors.push(required(`${path}.timeout`));
  else if (timeout < 0n || timeout > halfMinute)
    errors.push(invalidValue(`${path}.timeout`, formatDuration(timeout), 'must be > 0s and <= 30s'));
  for (const field of ['authorizedTTL', 'unauthorizedTTL'] as const) {
    const ttl = parseDuration(webhook[field] || '0s');
    if (ttl < 0n) errors.push(invalidValue(`${path}.${field}`, formatDuration(ttl), 'must be > 0s'));
  }
  const { subjectAccessReviewVersion: version, matchConditionSubjectAccessReviewVersion: matchVersion } = webhook;
  const { failurePolicy, matchConditions = [] } = webhook;
  errors.push(...oneOf(`${path}.subjectAccessReviewVersion`, version, ['v1', 'v1beta1']));
  const matchPath = `${path}.matchConditionSubjectAccessReviewVersion`;
  if (matchVersion) errors.push(...oneOf(matchPath, matchVersion, ['v1']));
  else if (matchConditions.length > 0) errors.push(required(matchPath, 'required if match conditions are specified'));
  errors.push(...oneOf(`${path}.failurePolicy`, failurePolicy, ['NoOpinion', 'Deny']));
  errors.push(...validateConnection(webhook.connectionInfo ?? {}, `${path}.connectionInfo`));
  errors.push(...validateConditions(matchConditions, `${path}.matchConditions`));
  return errors;
}

function oneOf(path: string, value: string | undefined, values: readonly string[]): FieldError[] {
  if (!value) return [required(path)];
  return values.includes(value) ? [] : [notSupported(path, value, values)];
}

function validateConnection({ type, kubeConfigFile: file }: WebhookConnectionInfo, path: string): FieldError[] {
  if (!type) return [required(`${path}.type`)];
  const filePath = `${path}.kubeConfigFile`;
  if (type === 'InClusterConfig')
    return [invalidValue(`${path}.type`, type, 'this server runs in no pod: use KubeConfigFile')];
  if (type !== 'KubeConfigFile') return [notSupported(`${path}.type`, type, ['InClusterConfig', 'KubeConfigFile'])];
  if (!file) return [required(filePath)];
  if (!isAbsolute(file)) return [invalidValue(filePath, file, 'must be an absolute path')];
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) return [invalidValue(filePath, file, `error loading file: stat ${file}: no such file or directory`)];
  return found.isFile() ? [] : [invalidValue(filePath, file, 'must be a regular file')];
}

function validateConditions(conditions: readonly WebhookMatchCondition[], path: string): FieldError[] {
  if (conditions.length > conditionsMax) return [tooMany(path, conditions.length, conditionsMax)];
  return conditions.flatMap(({ expression = '' }, index) => {
    const at = `${path}[${index}].expression`;
    if (!expression.trim()) return [required(at)];
    if (conditions.findIndex((one) => one.expression === expression) < index) return [duplicate(at, expression)];
    try {
      compileMatchCondition(expression);
      return [];
    } catch (error) {
      return [invalidValue(at, expression, (error as Error).message)];
    }
  });
}
