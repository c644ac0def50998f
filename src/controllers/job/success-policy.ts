/**
 * Whether enough indexes have succeeded for the Job to be a success, by `successPolicy`.
 * https://kubernetes.io/docs/concepts/workloads/controllers/job/#success-policy
 */
import { countIndexes } from '#api/batch/job/indexes.js';
import type { Job } from '#api/gen/batch-v1.js';
import { type IndexSet, overlapCount, readIndexSet } from './index-set.js';

/** The place of the first rule that is met. */
export function metRule({ spec }: Job, succeeded: IndexSet): number | undefined {
  if (succeeded.length === 0) return undefined;
  const rules = spec.successPolicy?.rules ?? [];
  const place = rules.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return countIndexes(succeeded) >= (succeededCount ?? Number.POSITIVE_INFINITY);
    const wanted = readIndexSet(succeededIndexes, spec.completions ?? 0);
    const there = overlapCount(wanted, succeeded);
    return wanted.length > 0 && there >= Math.min(succeededCount ?? Number.POSITIVE_INFINITY, countIndexes(wanted));
  });
  return place < 0 ? undefined : place;
}
