/**
 * Warns in the status of ValidatingAdmissionPolicies of expressions that do not fit the types of what they are about.
 * https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking
 */
import type { KindSchema } from '#api/admissionregistration/type-check.js';
import policies from '#api/admissionregistration/validatingadmissionpolicy.js';
import type { ValidatingAdmissionPolicy } from '#api/gen/admissionregistration-v1.js';
import { type GroupVersionKind, parseApiVersion } from '#apimachinery/object.js';
import { loading } from '#base/loading.js';
import { KindSchemas } from '#client/kind-schemas.js';
import { defineController } from './runtime.js';

export default defineController<ValidatingAdmissionPolicy, undefined>({
  name: 'validatingadmissionpolicy-status-controller',
  for: policies,
  async reconcile({ key }, { client, informers }, signal) {
    const policy = informers.of(policies).get(key);
    const { generation = 0 } = policy?.metadata ?? {};
    if (!policy || generation <= (policy.status?.observedGeneration ?? 0)) return undefined;
    const expressionWarnings = await check(policy, new KindSchemas(client.transport, signal));
    const { apiVersion, kind } = policy;
    const typeChecking = expressionWarnings.length > 0 ? { expressionWarnings } : {};
    const status = { observedGeneration: generation, typeChecking };
    await client
      .of(policies)
      .patch(
        key,
        { apiVersion, kind, metadata: { name: key }, status },
        { type: 'apply', subresource: 'status', fieldManager: 'validatingadmissionpolicy-status', force: true },
      );
    return undefined;
  },
});

async function check(policy: ValidatingAdmissionPolicy, schemas: KindSchemas) {
  // The language is loaded when there is a policy.
  const { kindsToCheckMax, resourcesToCheck, typeWarnings } = await loading(
    import('#api/admissionregistration/type-check.js'),
  );
  const withSchema = async (kind: GroupVersionKind): Promise<KindSchema | undefined> => {
    const schema = await schemas.schemaOf(kind);
    return schema && { kind, schema };
  };
  const kinds = new Map<string, GroupVersionKind>();
  for (const resources of resourcesToCheck(policy)) {
    let found = 0;
    for (const resource of resources) {
      const kind = await schemas.kindOf(resource);
      if (!kind) continue;
      kinds.set(`${kind.group}\0${kind.version}\0${kind.kind}`, kind);
      if (++found === kindsToCheckMax) break;
    }
    if (found === kindsToCheckMax) break;
  }
  const sorted = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, kind]) => kind);
  const objects = (await Promise.all(sorted.map(withSchema))).filter((one) => one !== undefined);
  const { paramKind } = policy.spec ?? {};
  const params = paramKind && { ...parseApiVersion(paramKind.apiVersion ?? ''), kind: paramKind.kind ?? '' };
  return typeWarnings(policy, { objects, params: params && (await withSchema(params)) });
}
