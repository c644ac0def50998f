/**
 * MutatingAdmissionWebhook: webhooks are asked one after the other, each about the object as those before have left it.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#mutatingadmissionwebhook
 */

import { decodeValue } from '#apimachinery/decode.js';
import { internalError } from '#apimachinery/errors.js';
import { formatApiVersion, type KubeObject } from '#apimachinery/object.js';
import { applyJsonPatch } from '#apimachinery/patch.js';
import type { SchemaTable } from '#apimachinery/schema.js';
import { parseExact } from '#base/exact-json.js';
import { equal, type Json } from '#base/json.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { isExempt } from '../matching.js';
import { type PluginRounds, roundsOf } from '../reinvocation.js';
import { replaceObject, type Seen } from '../seen.js';
import { type CallDependencies, CallFailure, callWebhook, concernOf, withPolicy } from './call.js';
import type { ReviewAnswer } from './review.js';
import type { Webhook, WebhookSource } from './source.js';

const mutationPrefix = 'mutation.webhook.admission.k8s.io/';
const patchPrefix = 'patch.webhook.admission.k8s.io/';

export interface MutatingDependencies extends CallDependencies {
  schemas: SchemaTable;
}

export function mutatingWebhooks(source: WebhookSource, dependencies: MutatingDependencies): AdmissionPlugin {
  const name = 'MutatingAdmissionWebhook';
  return {
    name,
    handles: ({ resource }) => source.webhooks.length > 0 && !isExempt(resource),
    async mutate(request) {
      const rounds = roundsOf(request, name);
      rounds.begin(request.object);
      for (const [index, webhook] of source.webhooks.entries()) {
        const seen = await concernOf(webhook, request, dependencies);
        if (!seen || !rounds.hasTurn(webhook.id)) continue;
        const changed = await ask(webhook, {
          request,
          seen,
          dependencies,
          place: `round_${rounds.round}_index_${index}`,
        });
        note(webhook, { rounds, changed });
      }
      rounds.end(request.object);
    },
  };
}

function note({ id, spec }: Webhook, { rounds, changed }: { rounds: PluginRounds; changed: boolean }): void {
  if (changed) rounds.changed();
  if (spec.reinvocationPolicy === 'IfNeeded') rounds.remember(id);
}

interface Asked {
  request: AdmissionRequest;
  seen: Seen;
  dependencies: MutatingDependencies;
  /** Names the call in audit annotations. */
  place: string;
}

/** Whether the webhook has changed the object. */
async function ask(webhook: Webhook, asked: Asked): Promise<boolean> {
  const { request, seen, dependencies, place } = asked;
  const { configuration, spec } = webhook;
  const noteOpen = () => request.annotate(`failed-open.${mutationPrefix}${place}`, spec.name);
  let mutated = false;
  const call = async () => {
    const answer = await callWebhook(webhook, { request, seen, mutating: true }, dependencies);
    mutated = await applyAnswer(answer, webhook, asked);
  };
  try {
    await withPolicy(webhook, call, { request, type: 'admit', dependencies, noteOpen });
  } finally {
    request.annotate(`${mutationPrefix}${place}`, JSON.stringify({ configuration, webhook: spec.name, mutated }));
  }
  return mutated;
}

async function applyAnswer(answer: ReviewAnswer, webhook: Webhook, asked: Asked): Promise<boolean> {
  const { request, seen, dependencies, place } = asked;
  const { name } = webhook.spec;
  if (answer.patch === '') return false;
  const operations = readOperations(answer.patch, name);
  if (operations.length === 0) return false;
  if (!seen.object) {
    const what = `admission webhook ${JSON.stringify(name)} attempted to modify the object`;
    throw internalError(`${what}, which is not supported for this operation`);
  }
  if (answer.patchType !== 'JSONPatch')
    throw new CallFailure(name, `unsupported patch type ${JSON.stringify(answer.patchType)}`);
  const object = patched(seen, operations, dependencies);
  const annotation = { configuration: webhook.configuration, webhook: name, patch: operations, patchType: 'JSONPatch' };
  request.annotate(`${patchPrefix}${place}`, JSON.stringify(annotation), { level: 'Request' });
  if (equal(seen.object, object)) return false;
  await replaceObject(request, object);
  return true;
}

function readOperations(patch: string, name: string): unknown[] {
  let value: unknown;
  try {
    value = parseExact(patch);
  } catch (error) {
    const why = `received undecodable patch in webhook response: ${(error as Error).message}`;
    throw new CallFailure(name, why, { cause: error });
  }
  if (Array.isArray(value)) return value;
  const kind = value === null ? 'null' : typeof value;
  const why = `json: cannot unmarshal ${kind} into Go value of type jsonpatch.Patch`;
  throw new CallFailure(name, `received undecodable patch in webhook response: ${why}`);
}

/** In the form of the object's kind: what the kind does not know is dropped, as from any other body. */
function patched({ object, kind }: Seen, operations: unknown[], { schemas }: MutatingDependencies): KubeObject {
  try {
    const after = applyJsonPatch(object as unknown as Json, operations);
    const decoded = decodeValue(after, { table: schemas, kind }).object;
    decoded.metadata ??= {};
    decoded.apiVersion = formatApiVersion(kind);
    return decoded;
  } catch (error) {
    const { message, cause } = error as Error;
    throw internalError(cause instanceof Error ? cause.message : message, { cause: error });
  }
}
