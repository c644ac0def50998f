/** How objects are converted between versions: not at all, or by a webhook. */
import type {
  CustomResourceDefinitionSpec,
  WebhookClientConfig,
  WebhookConversion,
} from '#api/gen/apiextensions-v1.js';
import { forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { dns1035LabelProblems } from '#apimachinery/names.js';
import { each, type FieldErrors } from '../meta/check.js';
import { checkWebhookClient } from '../meta/webhook-client.js';
import { isCertificateBundle } from './status.js';
import { knownReviewVersions, type Strictness } from './strictness.js';

export function* validateConversion(spec: CustomResourceDefinitionSpec, path: string, strict: Strictness): FieldErrors {
  const { conversion, preserveUnknownFields } = spec;
  if (!conversion) return;
  const { strategy, webhook } = conversion;
  if (strategy !== 'None' && preserveUnknownFields)
    yield invalidValue(`${path}.strategy`, strategy, 'must be None if spec.preserveUnknownFields is true');
  if (!strategy) yield required(`${path}.strategy`);
  else if (strategy !== 'None' && strategy !== 'Webhook')
    yield notSupported(`${path}.strategy`, strategy, ['None', 'Webhook']);
  if (strategy === 'Webhook') yield* webhookErrors(webhook, path, strict);
  else if (webhook) {
    const why = 'should not be set when strategy is not set to Webhook';
    if (webhook.clientConfig) yield forbiddenField(`${path}.webhookClientConfig`, why);
    if (webhook.conversionReviewVersions?.length) yield forbiddenField(`${path}.conversionReviewVersions`, why);
  }
}

function* webhookErrors(webhook: WebhookConversion | undefined, path: string, strict: Strictness): FieldErrors {
  const at = `${path}.webhookClientConfig`;
  const config = webhook?.clientConfig;
  if (!config) yield required(at, 'required when strategy is set to Webhook');
  else yield* clientErrors(config, at, strict);
  yield* reviewVersionErrors(webhook?.conversionReviewVersions ?? [], `${path}.conversionReviewVersions`, strict);
}

function* clientErrors({ caBundle, ...client }: WebhookClientConfig, path: string, strict: Strictness): FieldErrors {
  yield* checkWebhookClient(path, client);
  if (caBundle && strict.certificates && !isCertificateBundle(caBundle))
    yield invalidValue(
      `${path}.caBundle`,
      caBundle,
      'unable to load root certificates: unable to parse bytes as PEM block',
    );
}

function* reviewVersionErrors(versions: readonly string[], path: string, strict: Strictness): FieldErrors {
  if (versions.length === 0) {
    yield required(path);
    return;
  }
  const seen = new Set<string>();
  for (const { path: at, value } of each(path, versions)) {
    if (seen.has(value)) {
      yield invalidValue(at, value, 'duplicate version');
      continue;
    }
    seen.add(value);
    for (const problem of dns1035LabelProblems(value)) yield invalidValue(at, value, problem);
  }
  if (strict.reviewVersions && !versions.some((one) => knownReviewVersions.includes(one)))
    yield invalidValue(path, versions, `must include at least one of ${knownReviewVersions.join(', ')}`);
}
