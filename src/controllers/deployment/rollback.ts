/**
 * Going back to an earlier revision that an annotation asks for: how `spec.rollbackTo` of the first versions of Deployment
 * lives on, which clients of those days still write.
 */
import deployments from '#api/apps/deployment.js';
import type { Deployment, ReplicaSet } from '#api/gen/apps-v1.js';
import { hashLabel, sameTemplate } from '../template-hash.js';
import { type Context, ensureNewest } from './newest.js';
import { revisionOf, rollbackAnnotation, withAnnotationsOf } from './revision.js';
import { all } from './scaling.js';

/** The revision to go back to, 0 for the one before the last; undefined where nobody asks. */
export function rollbackTarget({ metadata }: Deployment): bigint | undefined {
  const text = metadata.annotations?.[rollbackAnnotation] ?? '';
  return /^[-+]?\d{1,18}$/.test(text) ? BigInt(text) : undefined;
}

/** Whatever comes of it, the wish is taken off the Deployment, whose change brings the rollout about. */
export async function rollBack(
  given: Deployment,
  owned: readonly ReplicaSet[],
  { wanted, context }: { wanted: bigint; context: Context },
): Promise<void> {
  const found = await ensureNewest({ deployment: given, owned, create: true, context });
  const { deployment } = found;
  const known = all(found.replicaSets);
  const revision = wanted === 0n ? revisionBeforeLast(known) : wanted;
  const goal = known.find((one) => revisionOf(one) === revision && revision !== 0n);
  const { name } = deployment.metadata;
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string) =>
    context.recorder.event(deployment, { type, reason, message });
  if (!goal) {
    const message = revision === 0n ? 'Unable to find last revision.' : 'Unable to find the revision to rollback to.';
    tell('Warning', 'DeploymentRollbackRevisionNotFound', message);
    await write(deployment, context);
    return;
  }
  if (sameTemplate(goal.spec.template, deployment.spec.template)) {
    const message = `The rollback revision contains the same template as current deployment ${JSON.stringify(name)}`;
    tell('Warning', 'DeploymentRollbackTemplateUnchanged', message);
    await write(deployment, context);
    return;
  }
  await write(as(deployment, goal), context);
  tell('Normal', 'DeploymentRollback', `Rolled back deployment ${JSON.stringify(name)} to revision ${revision}`);
}

/** 0 where there is but one. */
function revisionBeforeLast(known: readonly ReplicaSet[]): bigint {
  const [, second = 0n] = known.map(revisionOf).sort((a, b) => (a < b ? 1 : -1));
  return second;
}

/** The Deployment with the template and the annotations of that revision. */
function as(deployment: Deployment, goal: ReplicaSet): Deployment {
  const { metadata, spec } = goal.spec.template!;
  const { [hashLabel]: _, ...labels } = metadata?.labels ?? {};
  const template = { metadata: { ...metadata, labels }, spec };
  const annotations = withAnnotationsOf(deployment, goal);
  return { ...deployment, metadata: { ...deployment.metadata, annotations }, spec: { ...deployment.spec, template } };
}

async function write(wanted: Deployment, { client }: Context): Promise<void> {
  const { [rollbackAnnotation]: _, ...annotations } = wanted.metadata.annotations ?? {};
  await client.of(deployments).update({ ...wanted, metadata: { ...wanted.metadata, annotations } });
}
