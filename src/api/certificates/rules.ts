/**
 * Rules of CertificateSigningRequests: a request that proves its key, and conditions that only grow.
 * https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
 */
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
} from '#api/gen/certificates-v1.js';
import { duplicate, forbiddenField, invalidValue, notSupported, required, tooLong } from '#apimachinery/field-error.js';
import { labelLengthMax, labelProblems, subdomainLengthMax, subdomainProblems } from '#apimachinery/names.js';
import { DerError } from '#base/der.js';
import { equal } from '#base/json.js';
import { fromPem, parseCertificationRequest } from '#base/x509.js';
import { isCertificate, pemBlocks } from '../core/tls-pair.js';
import { checkEnum, checkUnique, each, type FieldErrors } from '../meta/check.js';
import { describeChanges } from '../meta/diff.js';

/** Sorted, as upstream's message lists them. */
const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const expirationSecondsMin = 600;
const legacySigner = 'kubernetes.io/legacy-unknown';

export function* validateSigningRequest(request: CertificateSigningRequest): FieldErrors {
  yield* checkSpec(request.spec);
  yield* checkConditions(request);
}

function* checkSpec(spec: CertificateSigningRequestSpec): FieldErrors {
  const problem = requestProblem(spec.request ?? '');
  if (problem) yield invalidValue('spec.request', spec.request ?? '', problem);
  if (!spec.usages?.length) yield required('spec.usages');
  for (const { path, value } of each('spec.usages', spec.usages))
    if (!usages.includes(value)) yield notSupported(path, value, usages);
  yield* checkUnique('spec.usages', spec.usages);
  const { signerName = '', expirationSeconds: seconds } = spec;
  if (signerName === legacySigner)
    yield invalidValue('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version');
  else yield* checkSignerName('spec.signerName', signerName);
  if (seconds !== undefined && seconds < expirationSecondsMin) {
    const why = `may not specify a duration less than ${expirationSecondsMin} seconds (10 minutes)`;
    yield invalidValue('spec.expirationSeconds', seconds, why);
  }
}

/** `request` is the base64 of a PEM block. */
function requestProblem(request: string): string | undefined {
  const pem = Buffer.from(request, 'base64').toString('latin1');
  if (!pem.includes('-----BEGIN CERTIFICATE REQUEST-----')) return 'PEM block type must be CERTIFICATE REQUEST';
  try {
    parseCertificationRequest(fromPem('CERTIFICATE REQUEST', pem));
    return undefined;
  } catch (error) {
    if (error instanceof DerError) return error.message;
    throw error;
  }
}

/** `example.com/signer-name`. */
export function* checkSignerName(path: string, name: string): FieldErrors {
  if (!name) {
    yield required(path);
    return;
  }
  const segments = name.split('/');
  if (segments.length !== 2) {
    const why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    yield invalidValue(path, name, why);
    return;
  }
  const [domain = '', rest = ''] = segments;
  if (domain.length > subdomainLengthMax) yield tooLong(path, subdomainLengthMax);
  const labels = domain.split('.');
  yield* checkParts(path, domain, { parts: labels, problems: labelProblems });
  if (labels.length < 2)
    yield invalidValue(path, domain, 'should be a domain with at least two segments separated by dots');
  yield* checkParts(path, rest, { parts: rest.split('.'), problems: subdomainProblems });
  const lengthMax = subdomainLengthMax * 2 + labelLengthMax + 2;
  if (name.length > lengthMax) yield tooLong(path, lengthMax);
}

function* checkParts(
  path: string,
  value: string,
  { parts, problems }: { parts: readonly string[]; problems: (part: string) => string[] },
): FieldErrors {
  for (const part of parts)
    for (const problem of problems(part))
      yield invalidValue(path, value, `validating label ${JSON.stringify(part)}: ${problem}`);
}

const finalTypes = ['Approved', 'Denied', 'Failed'];

function* checkConditions({ status }: CertificateSigningRequest): FieldErrors {
  const seen = new Set<string>();
  for (const { path, value } of each('status.conditions', status?.conditions)) {
    const { type, status: state } = value;
    if (!type) yield required(`${path}.type`);
    // What is decided is decided: there is no Approved=False.
    yield* checkEnum(`${path}.status`, state, finalTypes.includes(type) ? ['True'] : ['False', 'True', 'Unknown']);
    const opposite = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined;
    if (opposite && seen.has(opposite))
      yield invalidValue('status.conditions', type, 'Approved and Denied conditions are mutually exclusive');
    if (seen.has(type)) yield duplicate(`${path}.type`, type);
    seen.add(type);
  }
}

/** Through /status: a signer's word, which is neither an approval nor ever taken back. */
export function* validateSigningStatus(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
): FieldErrors {
  const path = 'status.certificate';
  const [certificate, before] = [request.status?.certificate, old.status?.certificate];
  const isChanged = (certificate ?? '') !== (before ?? '');
  yield* checkConditions(request);
  const problem = isChanged && certificate ? chainProblem(certificate) : undefined;
  if (problem) yield invalidValue(path, '<certificate data>', problem);
  yield* checkConditionChanges(request, old, { mayDecide: false });
  if (isChanged && before) yield forbiddenField(path, 'updates may not modify existing certificate content');
}

/** `chain` is the base64 of PEM blocks. */
function chainProblem(chain: string): string | undefined {
  const blocks = pemBlocks(Buffer.from(chain, 'base64').toString('latin1'));
  for (const { type, text } of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
    if (/^[^\n]*\n[^\n]*:/.test(text)) return 'no PEM block headers are permitted';
    if (!isCertificate(text)) return 'x509: malformed certificate';
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

function* checkConditionChanges(
  request: CertificateSigningRequest,
  old: CertificateSigningRequest,
  { mayDecide }: { mayDecide: boolean },
): FieldErrors {
  const path = 'status.conditions';
  const ofType = ({ status }: CertificateSigningRequest, type: string) =>
    (status?.conditions ?? []).filter((condition) => condition.type === type);
  for (const type of finalTypes)
    if (ofType(request, type).length < ofType(old, type).length)
      yield forbiddenField(path, `updates may not remove a condition of type "${type}"`);
  for (const type of mayDecide ? [] : ['Approved', 'Denied']) {
    const [now, before] = [ofType(request, type), ofType(old, type)];
    if (now.length > before.length) yield forbiddenField(path, `updates may not add a condition of type "${type}"`);
    else if (now.length === before.length && !equal(now, before)) {
      const why = `updates may not modify a condition of type "${type}"`;
      yield forbiddenField(
        path,
        `${why}\n${describeChanges('io.k8s.api.certificates.v1.CertificateSigningRequestCondition', before, now)}`,
      );
    }
  }
}

/** Through /approval: nothing but conditions. `now` is the time in the API's form. */
export function approvalRules(now: string) {
  return {
    prepare(request: CertificateSigningRequest, old: CertificateSigningRequest): void {
      const conditions = stampConditions(request.status?.conditions ?? [], { old, now });
      request.spec = old.spec;
      request.status = { ...old.status, conditions };
    },
    *validate(request: CertificateSigningRequest, old: CertificateSigningRequest): FieldErrors {
      yield* validateSigningRequest(request);
      yield* checkConditionChanges(request, old, { mayDecide: true });
    },
  };
}

/** Decisions are not for `/status` to change: where there are as many as before, they are those. */
export function keepDecisions(
  conditions: readonly CertificateSigningRequestCondition[],
  old: readonly CertificateSigningRequestCondition[],
): CertificateSigningRequestCondition[] {
  const kept = [...conditions];
  for (const type of ['Approved', 'Denied']) {
    const before = old.filter((one) => one.type === type);
    const places = kept.flatMap((one, index) => (one.type === type ? [index] : []));
    if (places.length !== before.length) continue;
    for (const [nth, index] of places.entries()) kept[index] = before[nth]!;
  }
  return kept;
}

/** Times that the author left out. A condition that stays as it was keeps its time of transition. */
export function stampConditions(
  conditions: readonly CertificateSigningRequestCondition[],
  { old, now }: { old: CertificateSigningRequest; now: string },
): CertificateSigningRequestCondition[] {
  return conditions.map((condition) => {
    const before = old.status?.conditions?.find(
      ({ type, status }) => type === condition.type && status === condition.status,
    );
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? before?.lastTransitionTime ?? now,
    };
  });
}
