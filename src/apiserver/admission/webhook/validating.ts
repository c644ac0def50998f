/**
 * ValidatingAdmissionWebhook: all webhooks that are concerned are asked at once; the first refusal counts.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#validatingadmissionwebhook
 */
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { isExempt } from '../matching.js';
import type { Seen } from '../seen.js';
import { type CallDependencies, callWebhook, concernOf, withPolicy } from './call.js';
import type { Webhook, WebhookSource } from './source.js';

const failedOpenPrefix = 'failed-open.validating.webhook.admission.k8s.io/';

export function validatingWebhooks(source: WebhookSource, dependencies: CallDependencies): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionWebhook',
    handles: ({ resource }) => source.webhooks.length > 0 && !isExempt(resource),
    async validate(request) {
      const concerned: { webhook: Webhook; seen: Seen }[] = [];
      for (const webhook of source.webhooks) {
        const seen = await concernOf(webhook, request, dependencies);
        if (seen) concerned.push({ webhook, seen });
      }
      if (concerned.length > 0) await askAll(concerned, { request, dependencies });
    },
  };
}

async function askAll(
  concerned: readonly { webhook: Webhook; seen: Seen }[],
  { request, dependencies }: { request: AdmissionRequest; dependencies: CallDependencies },
): Promise<void> {
  const refusals: unknown[] = [];
  const calls = concerned.map(async ({ webhook, seen }, index) => {
    const noteOpen = () => request.annotate(`${failedOpenPrefix}round_0_index_${index}`, webhook.spec.name);
    const call = () => callWebhook(webhook, { request, seen, mutating: false }, dependencies);
    try {
      await withPolicy(webhook, call, { request, type: 'validating', dependencies, noteOpen });
    } catch (error) {
      refusals.push(error);
    }
  });
  // All are waited for: a webhook that allows with a warning is heard even when another refuses.
  await Promise.all(calls);
  if (refusals.length > 0) throw refusals[0];
}
