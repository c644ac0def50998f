/** What the status of a namespace says of its deletion; types, reasons and texts are upstream's. */
import type { NamespaceCondition } from '#api/gen/core-v1.js';
import { formatTime } from '#apimachinery/object.js';
import type { Discovered } from '#client/discovery.js';
import type { Progress } from './content.js';

interface Outcome extends Progress {
  undiscovered: Discovered['failures'];
  nowMs: number;
}

interface Text {
  status: 'True' | 'False';
  reason: string;
  message: string;
}

/** A condition's time changes with its status, reason or message. */
export function nextConditions(
  before: readonly NamespaceCondition[] | undefined,
  outcome: Outcome,
): NamespaceCondition[] {
  const conditions = [...(before ?? [])];
  for (const [type, text] of Object.entries(texts(outcome))) {
    const index = conditions.findIndex((condition) => condition.type === type);
    const old = conditions[index];
    if (old && old.status === text.status && old.reason === text.reason && old.message === text.message) continue;
    const condition = { type, ...text, lastTransitionTime: formatTime(outcome.nowMs) };
    if (old) conditions[index] = condition;
    else conditions.push(condition);
  }
  return conditions;
}

function texts({ undiscovered, failures, remaining, finalizers }: Outcome): Record<string, Text> {
  const good = (reason: string, message: string): Text => ({ status: 'False', reason, message });
  const bad = (reason: string, message: string): Text => ({ status: 'True', reason, message });
  const counted = (counts: Map<string, number>, word: string) =>
    [...counts]
      .map(([name, count]) => `${name} ${word} ${count} resource instances`)
      .sort()
      .join(', ');
  const unanswered = undiscovered.map(({ groupVersion, error }) => `${groupVersion}: ${error.message}`).sort();
  return {
    NamespaceDeletionDiscoveryFailure:
      unanswered.length > 0
        ? bad(
            'DiscoveryFailed',
            `Discovery failed for some groups, ${unanswered.length} failing: unable to retrieve the complete list of server APIs: ${unanswered.join(', ')}`,
          )
        : good('ResourcesDiscovered', 'All resources successfully discovered'),
    NamespaceDeletionGroupVersionParsingFailure: good(
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    NamespaceDeletionContentFailure:
      failures.length > 0
        ? bad(
            'ContentDeletionFailed',
            `Failed to delete all resource types, ${failures.length} remaining: ${failures
              .map(({ message }) => message)
              .sort()
              .join(', ')}`,
          )
        : good('ContentDeleted', 'All content successfully deleted, may be waiting on finalization'),
    NamespaceContentRemaining:
      remaining.size > 0
        ? bad('SomeResourcesRemain', `Some resources are remaining: ${counted(remaining, 'has')}`)
        : good('ContentRemoved', 'All content successfully removed'),
    NamespaceFinalizersRemaining:
      finalizers.size > 0
        ? bad(
            'SomeFinalizersRemain',
            `Some content in the namespace has finalizers remaining: ${counted(finalizers, 'in')}`,
          )
        : good('ContentHasNoFinalizers', 'All content-preserving finalizers finished'),
  };
}
