/**
 * Approves kubelets' requests for client certificates, when their authors may have them without a person's word.
 * https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#approval-controller
 */
import subjectAccessReviews from '#api/authorization/subjectaccessreview.js';
import certificateSigningRequests from '#api/certificates/certificatesigningrequest.js';
import { parseRequest, signers, whyNotKubeletClient } from '#api/certificates/signers.js';
import type { SubjectAccessReview } from '#api/gen/authorization-v1.js';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import { copy } from '#base/json.js';
import type { ParsedRequest } from '#base/x509.js';
import { decisionOf } from './csr-decision.js';
import { type ControllerContext, defineController } from './runtime.js';

/** A permission that lets its holder's request pass: to create this subresource of CertificateSigningRequests. */
interface Recognizer {
  subresource: string;
  message: string;
  recognizes(request: CertificateSigningRequest, parsed: ParsedRequest): boolean;
}

const recognizers: readonly Recognizer[] = [
  {
    subresource: 'selfnodeclient',
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
    recognizes: (request, parsed) => request.spec.username === parsed.commonName && isNodeClient(request, parsed),
  },
  {
    subresource: 'nodeclient',
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    recognizes: isNodeClient,
  },
];

/** Permission may be given after the request is made, so one that lacks it is tried again, upstream's times apart. */
const firstDelayMs = 200;
const delayMsMax = 1000 * 1000;

export default defineController<CertificateSigningRequest, Map<string, number>>({
  name: 'csrapproving',
  account: 'certificate-controller',
  for: certificateSigningRequests,
  /** The last delay of each request that was not allowed. */
  state: () => new Map(),
  async reconcile({ name }, context) {
    const { informers, log, state } = context;
    const request = informers.of(certificateSigningRequests).get(name);
    const refused = request && (await tryToApprove(request, context));
    if (!refused) {
      state.delete(name);
      return undefined;
    }
    log.debug('a kubelet may not have the certificate that it asks for', { key: name, tried: refused.join(' ') });
    const afterMs = Math.min((state.get(name) ?? firstDelayMs / 2) * 2, delayMsMax);
    state.set(name, afterMs);
    return { afterMs };
  },
});

/** The permissions that would have let the request pass, if there are any and none is given. */
async function tryToApprove(
  request: CertificateSigningRequest,
  { client }: ControllerContext<Map<string, number>>,
): Promise<string[] | undefined> {
  if (request.status?.certificate || decisionOf(request)) return undefined;
  const parsed = parseRequest(request);
  if (!parsed) return undefined;
  const fitting = recognizers.filter(({ recognizes }) => recognizes(request, parsed));
  for (const { subresource, message } of fitting) {
    const review = await client.of(subjectAccessReviews).create(reviewOf(request, subresource));
    if (!review.status?.allowed) continue;
    const condition = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
    const status = { ...request.status, conditions: [...(request.status?.conditions ?? []), condition] };
    await client.of(certificateSigningRequests).update({ ...request, status }, { subresource: 'approval' });
    return undefined;
  }
  return fitting.length > 0 ? fitting.map(({ subresource }) => subresource) : undefined;
}

function reviewOf({ spec }: CertificateSigningRequest, subresource: string): SubjectAccessReview {
  const { username: user, uid, groups, extra } = copy(spec);
  const group = 'certificates.k8s.io';
  const resourceAttributes = { group, resource: 'certificatesigningrequests', subresource, verb: 'create' };
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    metadata: {},
    spec: { user, uid, groups, extra, resourceAttributes },
  };
}

function isNodeClient({ spec }: CertificateSigningRequest, parsed: ParsedRequest): boolean {
  return spec.signerName === signers.kubeletClient && whyNotKubeletClient(parsed, spec.usages ?? []) === undefined;
}
