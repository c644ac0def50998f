/**
 * Approval of a CertificateSigningRequest: the conditions Approved and Denied, which nothing else may write.
 * https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
 */
import certificateSigningRequestResource from '#api/certificates/certificatesigningrequest.js';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition as Condition,
} from '#api/gen/certificates-v1.js';
import { type FieldError, forbiddenField, invalidValue, required } from '#apimachinery/field-error.js';
import { formatTime } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Change } from '../registry/registry.js';
import type { SubresourceHandler } from './subresource.js';

const decisions = ['Approved', 'Denied'];

export function approvalHandler({ clock }: { clock: Clock }): SubresourceHandler {
  const rules = {
    prepare(request: CertificateSigningRequest, old: CertificateSigningRequest): void {
      const conditions = request.status?.conditions;
      request.spec = old.spec;
      request.status = { ...old.status };
      delete request.status.conditions;
      if (conditions?.length) request.status.conditions = stampTimes(conditions, old, clock);
    },
    validate: validateApproval,
  };
  return {
    resource: certificateSigningRequestResource,
    name: 'approval',
    get: ({ registry, key }) => registry.of<CertificateSigningRequest>(certificateSigningRequestResource).get(key),
    update: ({ registry, key, write }, change) =>
      registry
        .of<CertificateSigningRequest>(certificateSigningRequestResource)
        .update(key, change as unknown as Change<CertificateSigningRequest>, { ...write, rules }),
  };
}

/** A condition that is there already keeps its times; a new one gets them. */
function stampTimes(conditions: readonly Condition[], old: CertificateSigningRequest, clock: Clock): Condition[] {
  const now = formatTime(clock.now());
  return conditions.map((condition) => {
    const before = old.status?.conditions?.find(({ type }) => type === condition.type);
    const isSame = before?.status === condition.status;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? (isSame ? before.lastUpdateTime : now),
      lastTransitionTime: condition.lastTransitionTime ?? (isSame ? before.lastTransitionTime : now),
    };
  });
}

export function validateApproval(request: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const path = 'status.conditions';
  const conditions = request.status?.conditions ?? [];
  const errors: FieldError[] = [];
  for (const [index, { type, status }] of conditions.entries()) {
    if (!type) errors.push(required(`${path}[${index}].type`));
    if (!status) errors.push(required(`${path}[${index}].status`));
    else if (status !== 'True' && [...decisions, 'Failed'].includes(type))
      errors.push(invalidValue(`${path}[${index}].status`, status, `must be "True" for ${type}`));
    if (conditions.findIndex((other) => other.type === type) < index)
      errors.push(invalidValue(`${path}[${index}].type`, type, 'must be unique'));
  }
  const has = (type: string) => conditions.some((condition) => condition.type === type);
  if (has('Approved') && has('Denied')) {
    const index = conditions.findIndex(({ type }) => type === 'Denied');
    errors.push(
      invalidValue(`${path}[${index}].type`, 'Denied', 'Approved and Denied conditions are mutually exclusive'),
    );
  }
  for (const before of old.status?.conditions ?? []) {
    if (!decisions.includes(before.type) && before.type !== 'Failed') continue;
    if (!has(before.type))
      errors.push(forbiddenField(path, `updates may not remove a condition of type ${JSON.stringify(before.type)}`));
  }
  const failed = (one: CertificateSigningRequest) =>
    one.status?.conditions?.filter(({ type }) => type === 'Failed') ?? [];
  if (!equal(failed(request), failed(old)) && failed(request).length > failed(old).length)
    errors.push(forbiddenField(path, 'updates may not add a condition of type "Failed"'));
  return errors;
}
