/** Telling pod templates apart, and naming what is made of each. */
import type { PodTemplateSpec } from '#api/gen/core-v1.js';
import { goFormat } from '#api/meta/go-format.js';
import { fnv1, fnv1a32 } from '#base/fnv.js';
import { goJson } from '#base/go-text.js';
import type { Json } from '#base/json.js';

export const hashLabel = 'pod-template-hash';

/** Whether two templates make the same pods; the label that we add ourselves does not count. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return JSON.stringify(canonical(withoutHash(a))) === JSON.stringify(canonical(withoutHash(b)));
}

/**
 * Names a template, as upstream does (kubernetes/kubernetes pkg/controller: ComputeHash), so that a cluster that comes
 * from there finds its names taken by the same templates. `collisions` makes another name when one is taken.
 */
export function templateHash(template: PodTemplateSpec, collisions: number | undefined): string {
  const text = Buffer.from(goFormat('io.k8s.api.core.v1.PodTemplateSpec', template));
  if (collisions === undefined) return safeEncode(fnv1a32(text));
  const count = Buffer.alloc(8);
  count.writeUInt32LE(collisions);
  return safeEncode(fnv1a32(Buffer.concat([text, count])));
}

/** The same for what a StatefulSet's revision holds (pkg/controller/history: HashControllerRevision). */
export function dataHash(data: Json, collisions: number): string {
  return safeEncode(fnv1(goJson(data) + collisions));
}

/** Whether two JSON values say the same, whatever the order of their keys. */
export function sameValue(a: unknown, b: unknown): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

/** Letters and digits without vowels and look-alikes, so that no name spells a word (k8s.io/apimachinery's rand). */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

function safeEncode(hash: number): string {
  return [...String(hash)].map((char) => alphabet[char.charCodeAt(0) % alphabet.length]).join('');
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [hashLabel]: _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

/** Where an empty object says something else than a missing one: `{}` selects all, nothing selects nothing. */
const meaningfulWhenEmpty = new Set(['emptyDir', 'labelSelector', 'namespaceSelector', 'selector']);

/** Keys in order, without nulls, empty lists and most empty objects: some clients write them, and they mean nothing. */
function canonical(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => canonical(item) ?? {});
  if (typeof value !== 'object') return value;
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) {
    const item = canonical((value as Record<string, unknown>)[key]);
    if (item !== undefined) out[key] = item;
    else if (meaningfulWhenEmpty.has(key) && (value as Record<string, unknown>)[key]) out[key] = {};
  }
  return Object.keys(out).length > 0 ? out : undefined;
}
