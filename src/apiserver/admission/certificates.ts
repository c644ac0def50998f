/**
 * Who may approve and sign for which signer, and that nobody asks for system:masters.
 * https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#authorization
 */
import certificateSigningRequestResource from '#api/certificates/certificatesigningrequest.js';
import type { CertificateSigningRequest } from '#api/gen/certificates-v1.js';
import { DerError } from '#base/der.js';
import { copy, equal } from '#base/json.js';
import { fromPem, parseCertificationRequest } from '#base/x509.js';
import type { UserInfo } from '../authentication/authenticator.js';
import type { Authorizer } from '../authorization/authorizer.js';
import { privilegedGroup } from '../authorization/union.js';
import type { AdmissionPlugin, AdmissionRequest } from './admission.js';
import { isOn, refuse } from './refuse.js';

const clientSigner = 'kubernetes.io/kube-apiserver-client';

/** Writes down who asks, which approvers go by; upstream does it in the resource's own strategy. */
export const certificateRequester: AdmissionPlugin = {
  name: 'CertificateRequester',
  mutatesOnce: true,
  handles: (request) => request.operation === 'CREATE' && isOn(request, certificateSigningRequestResource),
  mutate({ object, user }) {
    const { spec } = object as CertificateSigningRequest;
    if (!spec) return;
    const { username: _username, uid: _uid, groups: _groups, extra: _extra, ...asked } = spec;
    (object as CertificateSigningRequest).spec = {
      ...asked,
      username: user.name,
      ...(user.uid ? { uid: user.uid } : {}),
      ...(user.groups.length > 0 ? { groups: [...user.groups] } : {}),
      ...(user.extra ? { extra: copy(user.extra) as Record<string, string[]> } : {}),
    };
  },
};

/** Under the signer's own name, or under `domain/*`. */
export async function mayUseSigner(
  user: UserInfo,
  { authorizer, verb, signerName }: { authorizer: Authorizer; verb: string; signerName: string },
): Promise<boolean> {
  for (const name of [signerName, `${signerName.split('/')[0]}/*`]) {
    const resource = {
      group: 'certificates.k8s.io',
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
    };
    if ((await authorizer.authorize({ user, verb, resource })).decision === 'allow') return true;
  }
  return false;
}

export function certificateApproval({ authorizer }: { authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    handles: (request) =>
      request.operation === 'UPDATE' && isOn(request, certificateSigningRequestResource, 'approval'),
    validate: (request) => requireVerb(request, authorizer, 'approve'),
  };
}

export function certificateSigning({ authorizer }: { authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    handles: (request) => request.operation === 'UPDATE' && isOn(request, certificateSigningRequestResource, 'status'),
    async validate(request) {
      const { object, old } = request as { object?: CertificateSigningRequest; old?: CertificateSigningRequest };
      const failed = (csr?: CertificateSigningRequest) =>
        csr?.status?.conditions?.some(({ type }) => type === 'Failed') ?? false;
      const same = equal(object?.status?.certificate, old?.status?.certificate) && failed(object) === failed(old);
      if (!same) await requireVerb(request, authorizer, 'sign');
    },
  };
}

async function requireVerb(request: AdmissionRequest, authorizer: Authorizer, verb: 'approve' | 'sign'): Promise<void> {
  const signerName = (request.old as CertificateSigningRequest).spec?.signerName ?? '';
  if (await mayUseSigner(request.user, { authorizer, verb, signerName })) return;
  const done = verb === 'approve' ? 'approve requests' : 'sign requests';
  throw refuse(request, `user not permitted to ${done} with signerName ${JSON.stringify(signerName)}`);
}

/** A certificate of that group would get past every rule and could not be taken back. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: (request) => request.operation === 'CREATE' && isOn(request, certificateSigningRequestResource),
  validate(request) {
    const { spec } = request.object as CertificateSigningRequest;
    if (spec?.signerName !== clientSigner) return;
    try {
      const pem = Buffer.from(spec.request, 'base64').toString('latin1');
      const { organizations } = parseCertificationRequest(fromPem('CERTIFICATE REQUEST', pem));
      if (!organizations.includes(privilegedGroup)) return;
    } catch (error) {
      if (error instanceof DerError) throw refuse(request, `failed to parse CSR: ${error.message}`);
      throw error;
    }
    throw refuse(request, `use of ${clientSigner} signer with ${privilegedGroup} group is not allowed`);
  },
};
