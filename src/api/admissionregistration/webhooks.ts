/** The rules of webhooks, which those that change objects and those that only judge them share. */
import type { MutatingWebhook, ValidatingWebhook } from '#api/gen/admissionregistration-v1.js';
import { duplicate, invalidValue, required } from '#apimachinery/field-error.js';
import { validateLabelSelector } from '#apimachinery/metadata-validation.js';
import { dns1035LabelProblems, subdomainProblems } from '#apimachinery/names.js';
import { check, checkOptionalEnum, each, type FieldErrors } from '../meta/check.js';
import { checkWebhookClient } from '../meta/webhook-client.js';
import { loadExpressions } from './expressions.js';
import { checkMatchConditions, checkRule, defaultRules, failurePolicies, matchPolicies } from './rules.js';

export type Webhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>;

const reviewVersions = ['v1', 'v1beta1'];
const sideEffects = ['None', 'NoneOnDryRun'];
const portDefault = 443;
const timeoutSecondsDefault = 10;
const timeoutSecondsMax = 30;

export function defaultWebhook(webhook: Webhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= timeoutSecondsDefault;
  defaultRules(webhook.rules);
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= portDefault;
}

/** Few webhooks have conditions. */
export async function loadForWebhooks({ webhooks }: { webhooks?: readonly Webhook[] }): Promise<void> {
  if (webhooks?.some(({ matchConditions }) => matchConditions?.length)) await loadExpressions();
}

export function* checkWebhooks(webhooks: readonly Webhook[] | undefined): FieldErrors {
  const names = new Set<string>();
  for (const { path, value } of each('webhooks', webhooks)) {
    yield* checkWebhook(path, value);
    yield* checkReviewVersions(`${path}.admissionReviewVersions`, value.admissionReviewVersions ?? []);
    if (value.name && names.has(value.name)) yield duplicate(`${path}.name`, value.name);
    names.add(value.name);
  }
}

function* checkWebhook(path: string, webhook: Webhook): FieldErrors {
  yield* checkFullName(`${path}.name`, webhook.name);
  for (const rule of each(`${path}.rules`, webhook.rules)) yield* checkRule(rule.path, rule.value);
  yield* checkOptionalEnum(`${path}.failurePolicy`, webhook.failurePolicy, failurePolicies);
  yield* checkOptionalEnum(`${path}.matchPolicy`, webhook.matchPolicy, matchPolicies);
  if (webhook.sideEffects === undefined)
    yield required(`${path}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`);
  yield* checkOptionalEnum(`${path}.sideEffects`, webhook.sideEffects, sideEffects);
  const { timeoutSeconds: timeout } = webhook;
  if (timeout !== undefined && (timeout < 1 || timeout > timeoutSecondsMax)) {
    const why = `the timeout value must be between 1 and ${timeoutSecondsMax} seconds`;
    yield invalidValue(`${path}.timeoutSeconds`, timeout, why);
  }
  yield* validateLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`);
  yield* validateLabelSelector(webhook.objectSelector, `${path}.objectSelector`);
  yield* checkOptionalEnum(`${path}.reinvocationPolicy`, webhook.reinvocationPolicy, ['IfNeeded', 'Never']);
  yield* checkWebhookClient(`${path}.clientConfig`, webhook.clientConfig ?? {});
  yield* checkMatchConditions(`${path}.matchConditions`, webhook.matchConditions, { hasParams: false });
}

/** `check.policy.example.com`. */
function* checkFullName(path: string, name: string | undefined): FieldErrors {
  if (!name) {
    yield required(path);
    return;
  }
  const problems = subdomainProblems(name);
  if (problems.length > 0) yield invalidValue(path, name, problems.join(','));
  else if (name.split('.').length < 3)
    yield invalidValue(path, name, 'should be a domain with at least three segments separated by dots');
}

function* checkReviewVersions(path: string, versions: readonly string[]): FieldErrors {
  const known = reviewVersions.join(', ');
  if (versions.length === 0) {
    yield required(path, `must specify one of ${known}`);
    return;
  }
  for (const { path: at, value } of each(path, versions)) {
    if (at !== `${path}[${versions.indexOf(value)}]`) yield invalidValue(at, value, 'duplicate version');
    else yield* check(at, value, dns1035LabelProblems);
  }
  if (!versions.some((version) => reviewVersions.includes(version)))
    yield invalidValue(path, versions, `must include at least one of ${known}`);
}
