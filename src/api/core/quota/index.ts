/** Which evaluator counts which kind: four of their own, and for every other kind its objects. */
import { resourceClaimEvaluator, volumeClaimEvaluator } from './claims.js';
import { type Evaluator, objectCount } from './evaluator.js';
import { podEvaluator } from './pods.js';
import { serviceEvaluator } from './services.js';

/** Counted by their plain names before there was `count/`. */
const aliased = ['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets'];

const known = new Map<string, Evaluator>();
for (const evaluator of [podEvaluator, serviceEvaluator, volumeClaimEvaluator, resourceClaimEvaluator])
  known.set(`${evaluator.plural}.${evaluator.group}`, evaluator as Evaluator);
for (const plural of aliased) known.set(`${plural}.`, objectCount({ group: '', plural }, plural));

/** Never counted: what is not stored, and events. */
const ignored = new Set([
  'bindings.',
  'componentstatuses.',
  'tokenreviews.authentication.k8s.io',
  'selfsubjectreviews.authentication.k8s.io',
  'subjectaccessreviews.authorization.k8s.io',
  'selfsubjectaccessreviews.authorization.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
  'selfsubjectrulesreviews.authorization.k8s.io',
  'events.',
  'events.events.k8s.io',
]);

/** Undefined for kinds that no quota counts. */
export function evaluatorOf({ group, plural }: { group: string; plural: string }): Evaluator | undefined {
  const id = `${plural}.${group}`;
  if (ignored.has(id)) return undefined;
  let evaluator = known.get(id);
  if (!evaluator) known.set(id, (evaluator = objectCount({ group, plural })));
  return evaluator;
}
