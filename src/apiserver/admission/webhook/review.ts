/**
 * AdmissionReview: the question that is sent to a webhook, and its answer, checked.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request
 */
import type { Status } from '#apimachinery/errors.js';
import { formatApiVersion } from '#apimachinery/object.js';
import type { AdmissionRequest } from '../admission.js';
import { namespaceOf, resourceIdOf } from '../matching.js';
import { kindOf, type Seen } from '../seen.js';

const group = 'admission.k8s.io';
const versions = ['v1', 'v1beta1'] as const;
export type ReviewVersion = (typeof versions)[number];

export interface ReviewAnswer {
  allowed: boolean;
  result: Partial<Status> | undefined;
  /** Decoded from base64; empty when there is none. */
  patch: string;
  patchType: string;
  auditAnnotations: Record<string, string>;
  warnings: string[];
}

/** The answer breaks the rules of its version. */
export class ReviewError extends Error {
  override readonly name = 'ReviewError';
}

/** The first version of the webhook's list that we speak. */
export function reviewVersionOf(accepted: readonly string[]): ReviewVersion | undefined {
  for (const version of accepted) {
    const known = versions.find((one) => one === version);
    if (known) return known;
  }
  return undefined;
}

export function reviewOf(
  request: AdmissionRequest,
  { uid, version, seen }: { uid: string; version: ReviewVersion; seen: Seen },
): object {
  const { subresource, operation, user, dryRun } = request;
  const subResource = subresource || undefined;
  return {
    kind: 'AdmissionReview',
    apiVersion: formatApiVersion({ group, version }),
    request: {
      uid,
      kind: { group: seen.kind.group, version: seen.kind.version, kind: seen.kind.kind },
      resource: seen.resource,
      subResource,
      requestKind: kindOf(request),
      requestResource: resourceIdOf(request),
      requestSubResource: subResource,
      name: request.name || undefined,
      namespace: namespaceOf(request) || undefined,
      operation,
      userInfo: {
        username: user.name,
        uid: user.uid || undefined,
        groups: user.groups.length > 0 ? user.groups : undefined,
        extra: user.extra && Object.keys(user.extra).length > 0 ? user.extra : undefined,
      },
      object: seen.object ?? null,
      oldObject: seen.old ?? null,
      dryRun,
      options: optionsOf(request),
    },
  };
}

const optionsKinds = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' };

/** Those of the operation, whatever the verb was: a patch is an update, or creates. */
export function optionsOf({ operation, options }: AdmissionRequest): object | null {
  if (operation === 'CONNECT') return null;
  const { kind: _kind, apiVersion: _apiVersion, force: _force, ...rest } = options;
  return { kind: optionsKinds[operation], apiVersion: 'meta.k8s.io/v1', ...rest };
}

interface Answer {
  apiVersion?: unknown;
  kind?: unknown;
  response?: Record<string, unknown> | null;
}

/** Throws ReviewError. */
export function readAnswer(
  given: unknown,
  { uid, version, mutating }: { uid: string; version: ReviewVersion; mutating: boolean },
): ReviewAnswer {
  const { response } = given as Answer;
  if (!response || typeof response !== 'object') throw new ReviewError('webhook response was absent');
  const patch = typeof response['patch'] === 'string' ? response['patch'] : '';
  const patchType = response['patchType'] === null ? undefined : (response['patchType'] as string | undefined);
  if (version === 'v1') {
    checkIdentity(given as Answer, uid);
    checkPatch({ patch, patchType, mutating });
  }
  return {
    allowed: response['allowed'] === true,
    result: (response['status'] ?? undefined) as Partial<Status> | undefined,
    patch: mutating ? Buffer.from(patch, 'base64').toString() : '',
    patchType: version === 'v1' ? (patchType ?? '') : 'JSONPatch',
    auditAnnotations: textsOf(response['auditAnnotations']),
    warnings: Object.values(textsOf(response['warnings'])),
  };
}

/** What the codec of the webhook client refuses before anybody looks at the answer; the text is its. */
export function codecProblem(given: unknown, version: ReviewVersion): string | undefined {
  const { apiVersion = '', kind = '' } = given as { apiVersion?: unknown; kind?: unknown };
  const other = versions.find((one) => one !== version)!;
  if (kind === 'AdmissionReview' && apiVersion === `${group}/${other}`)
    return `converting (${other}.AdmissionReview) to (${version}.AdmissionReview): unknown conversion`;
  const isOwn =
    (kind === '' || kind === 'AdmissionReview') && (apiVersion === '' || apiVersion === `${group}/${version}`);
  return isOwn ? undefined : `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`;
}

function checkIdentity({ apiVersion = '', kind = '', response }: Answer, uid: string): void {
  const given = (response?.['uid'] ?? '') as string;
  if (given !== uid)
    throw new ReviewError(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(given)}`);
  if (apiVersion === `${group}/v1` && kind === 'AdmissionReview') return;
  const gv = String(apiVersion).includes('/') ? apiVersion : `/${apiVersion}`;
  throw new ReviewError(`expected webhook response of ${group}/v1, Kind=AdmissionReview, got ${gv}, Kind=${kind}`);
}

function checkPatch({ patch, patchType, mutating }: { patch: string; patchType?: string; mutating: boolean }): void {
  if (!mutating) {
    if (patch) throw new ReviewError('validating webhook may not return response.patch');
    if (patchType !== undefined) throw new ReviewError('validating webhook may not return response.patchType');
    return;
  }
  if (patch && patchType === undefined)
    throw new ReviewError('webhook returned response.patch but not response.patchType');
  if (!patch && patchType !== undefined)
    throw new ReviewError('webhook returned response.patchType but not response.patch');
  if (patchType === '') throw new ReviewError('webhook returned invalid response.patchType of ""');
}

/** The texts of a map or list; what is no text is left out. */
function textsOf(given: unknown): Record<string, string> {
  if (typeof given !== 'object' || given === null) return {};
  return Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
