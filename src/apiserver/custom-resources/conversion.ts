/**
 * Conversion of custom resources between versions by a webhook.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion
 */

import type { CustomResourceDefinition, WebhookConversion } from '#api/gen/apiextensions-v1.js';
import type { Convert } from '#api/resource.js';
import { StatusError } from '#apimachinery/errors.js';
import { collect } from '#apimachinery/field-error.js';
import { validateAnnotations, validateLabels } from '#apimachinery/metadata-validation.js';
import { formatApiVersion, type KubeObject, type ObjectMeta } from '#apimachinery/object.js';
import { isObject, type JsonObject } from '#apimachinery/patch.js';
import { copy, equal } from '#base/json.js';
import { type Prng, uuid } from '#base/prng.js';
import { WebhookCallError, type WebhookClient } from '../webhook/client.js';

/** Makes what converts the objects of a definition whose strategy is Webhook. */
export type ConverterFactory = (crd: CustomResourceDefinition) => Convert;

const timeoutMs = 30_000;
const reviewVersions = ['v1', 'v1beta1'];

export function isWebhook({ spec }: CustomResourceDefinition): boolean {
  return spec.conversion?.strategy === 'Webhook';
}

export function webhookConverters({ client, prng }: { client: WebhookClient; prng: Prng }): ConverterFactory {
  return ({ spec }) => {
    const webhook = spec.conversion!.webhook!;
    return async (objects, version) => {
      const desired = formatApiVersion({ group: spec.group, version });
      const about = `conversion webhook for ${objects[0]!.apiVersion}, Kind=${objects[0]!.kind}`;
      try {
        return await convert(objects, { client, webhook, desired, uid: uuid(prng) });
      } catch (error) {
        if (error instanceof ConversionError || error instanceof WebhookCallError)
          throw new StatusError(
            { message: `${about} ${error instanceof WebhookCallError ? 'failed: ' : ''}${error.message}` },
            { cause: error },
          );
        throw error;
      }
    };
  };
}

/** An answer that cannot be used; the message goes on after what the webhook is for. */
class ConversionError extends Error {
  override readonly name = 'ConversionError';
}

async function convert(
  objects: readonly KubeObject[],
  request: { client: WebhookClient; webhook: WebhookConversion; desired: string; uid: string },
): Promise<KubeObject[]> {
  const { client, webhook, desired, uid } = request;
  const version = webhook.conversionReviewVersions.find((one) => reviewVersions.includes(one));
  if (!version) throw new ConversionError('failed: no supported conversion review versions');
  const apiVersion = `apiextensions.k8s.io/${version}`;
  const body = {
    kind: 'ConversionReview',
    apiVersion,
    request: { uid, desiredAPIVersion: desired, objects },
    // As upstream sends it, for webhooks that fill it in.
    response: { uid: '', convertedObjects: null, result: { metadata: {} } },
  };
  const config = webhook.clientConfig ?? {};
  const answer = (await client.post(config, { body, timeoutMs })) as Review;
  const converted = convertedOf(answer, { apiVersion, uid, isStrict: version === 'v1' });
  if (converted.length !== objects.length)
    throw new ConversionError(`returned ${converted.length} objects, expected ${objects.length}`);
  return converted.map((object, index) => checked(object, { original: objects[index]!, desired, index }));
}

interface Review {
  kind?: string;
  apiVersion?: string;
  response?: {
    uid?: string;
    convertedObjects?: unknown[] | null;
    result?: { status?: string; message?: string };
  } | null;
}

function convertedOf(
  { kind, apiVersion, response }: Review,
  wanted: { apiVersion: string; uid: string; isStrict: boolean },
): unknown[] {
  const describe = (version = '', of = '') => `${version}, Kind=${of}`;
  const isKnown = reviewVersions.some((version) => apiVersion === `apiextensions.k8s.io/${version}`);
  if (kind !== 'ConversionReview' || !isKnown)
    throw new ConversionError(
      `failed: no kind "${kind ?? ''}" is registered for version "${apiVersion ?? ''}" in scheme "pkg/runtime/scheme.go:111"`,
    );
  if (wanted.isStrict && (kind !== 'ConversionReview' || apiVersion !== wanted.apiVersion))
    throw new ConversionError(
      `failed: expected webhook response of ${describe(wanted.apiVersion, 'ConversionReview')}, got ${describe(apiVersion, kind)}`,
    );
  if (!response) throw new ConversionError('failed: no response provided');
  const { uid = '', result = {}, convertedObjects } = response;
  if (wanted.isStrict && uid !== wanted.uid)
    throw new ConversionError(
      `failed: expected response.uid=${JSON.stringify(wanted.uid)}, got ${JSON.stringify(uid)}`,
    );
  const { status = '', message } = result;
  if (status !== 'Success')
    throw new ConversionError(`failed: ${message || `response.result.status was '${status}', not 'Success'`}`);
  return convertedObjects ?? [];
}

/** Of metadata, a webhook may change labels and annotations only. */
function checked(
  value: unknown,
  { original, desired, index }: { original: KubeObject; desired: string; index: number },
): KubeObject {
  const at = `returned invalid object at index ${index}`;
  if (!isObject(value)) throw new ConversionError(`${at}: it is no object`);
  const object = value as unknown as KubeObject;
  if (object.apiVersion !== desired)
    throw new ConversionError(`${at}: invalid groupVersion (expected ${desired}, received ${object.apiVersion ?? ''})`);
  if (object.kind !== original.kind)
    throw new ConversionError(`${at}: invalid kind (expected ${original.kind}, received ${object.kind ?? ''})`);
  const metadata = isObject(value['metadata']) ? value['metadata'] : {};
  const { metadata: before } = original;
  for (const [name, label] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const [was, is] = [before[name] ?? '', metadata[name] ?? ''];
    if (was !== is) throw new ConversionError(`returned invalid object: must have the same ${label}: ${was} != ${is}`);
  }
  return { ...object, metadata: restored(before, metadata) };
}

function restored(before: ObjectMeta, metadata: JsonObject): ObjectMeta {
  const kept: ObjectMeta = copy(before);
  for (const name of ['labels', 'annotations'] as const) {
    const given = metadata[name];
    if (given === undefined || given === null) {
      delete kept[name];
      continue;
    }
    if (!isObject(given))
      throw new ConversionError(`returned invalid metadata: invalid metadata.${name} in converted object`);
    for (const [key, value] of Object.entries(given))
      if (typeof value !== 'string')
        throw new ConversionError(
          `returned invalid metadata: metadata.${name}[${key}] must be a string in converted object`,
        );
    const texts = given as Record<string, string>;
    if (!equal(texts, before[name])) {
      const validate = name === 'labels' ? validateLabels : validateAnnotations;
      const messages = collect(validate(texts, `metadata.${name}`)).map(({ message }) => message);
      if (messages.length > 0)
        throw new ConversionError(
          `returned invalid metadata: ${messages.length === 1 ? messages[0] : `[${messages.join(', ')}]`}`,
        );
    }
    kept[name] = texts;
  }
  return kept;
}
