/** The answer to an apply that would change fields of other managers. */
import { StatusError } from '../errors.js';
import type { FieldSet } from './field-set.js';
import type { Manager } from './managers.js';
import { formatPath, type Path } from './path-element.js';

export interface Conflict {
  manager: Manager;
  path: Path;
}

/** In the order of the managers' names, then of the paths. */
export function conflictsOf(held: Iterable<{ manager: Manager; fields: FieldSet }>): Conflict[] {
  const sorted = [...held].sort((a, b) => (describe(a.manager) < describe(b.manager) ? -1 : 1));
  return sorted.flatMap(({ manager, fields }) => [...fields.paths()].map((path) => ({ manager, path })));
}

export function conflictError(conflicts: readonly Conflict[]): StatusError {
  return new StatusError({
    reason: 'Conflict',
    message: messageOf(conflicts),
    details: {
      causes: conflicts.map(({ manager, path }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${describe(manager)}`,
        field: formatPath(path),
      })),
    },
  });
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first)
    return `Apply failed with 1 conflict: conflict with ${describe(first.manager)}: ${formatPath(first.path)}`;
  const lines: string[] = [];
  let last: Manager | undefined;
  for (const { manager, path } of conflicts) {
    if (manager !== last) lines.push(`conflicts with ${describe(manager)}:`);
    lines.push(`- ${formatPath(path)}`);
    last = manager;
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

function describe({ name, subresource, operation, apiVersion }: Manager): string {
  const through = subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(name)}${through}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}
