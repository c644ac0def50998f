/** A request's objects in the version in which a webhook or policy knows them. */
import { convertAll } from '#api/versions.js';
import { type GroupVersionKind, type KubeObject, parseApiVersion } from '#apimachinery/object.js';
import type { AdmissionRequest } from './admission.js';
import type { ResourceId } from './matching.js';

export interface Seen {
  resource: ResourceId;
  kind: GroupVersionKind;
  object: KubeObject | undefined;
  old: KubeObject | undefined;
}

/** Of the object that the request carries, which for some subresources is another than the resource's. */
export function kindOf({ object, old, resource, version }: AdmissionRequest): GroupVersionKind {
  const { apiVersion, kind } = object ?? old ?? {};
  if (!kind || kind === resource.kind) return { group: resource.group, version, kind: resource.kind };
  return { ...parseApiVersion(apiVersion ?? ''), kind };
}

/** Bodies of subresources that are of another kind have no other version. */
export async function seenAs(request: AdmissionRequest, resource: ResourceId): Promise<Seen> {
  const { object, old } = request;
  const kind = kindOf(request);
  if (kind.kind !== request.resource.kind) return { resource, kind, object, old };
  const { version } = resource;
  const given = [object, old].filter((one) => one !== undefined);
  const converted = await convertAll(request.resource, given, version);
  return { resource, kind: { ...kind, version }, object: object && converted[0], old: old && converted.at(-1) };
}

/** Makes the request's object equal to one in the version that was seen, defaulted, in place: others hold on to it. */
export async function replaceObject(request: AdmissionRequest, seen: KubeObject): Promise<void> {
  const { object, resource } = request;
  if (!object) throw new TypeError('there is no object to replace');
  const isOwn = object.kind === resource.kind;
  const { version } = parseApiVersion(object.apiVersion);
  const [wanted] = isOwn ? await convertAll(resource, [seen], version) : [seen];
  for (const key of Object.keys(object)) delete (object as object as Record<string, unknown>)[key];
  Object.assign(object, wanted);
  if (isOwn) resource.default?.(object);
}
