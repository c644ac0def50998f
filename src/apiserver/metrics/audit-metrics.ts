/** What became of audit events, under upstream's names. */
import type { MetricRegistry } from '#base/metrics.js';
import type { AuditCounts } from '../audit/audit.js';

/** `counts` is undefined where nothing is audited. */
export function addAuditMetrics(registry: MetricRegistry, counts: () => AuditCounts | undefined): void {
  const total = (name: string, help: string, read: (counts: AuditCounts) => number) =>
    registry.collected({
      name: `apiserver_audit_${name}_total`,
      type: 'counter',
      help: `[ALPHA] ${help}`,
      collect: () => {
        const found = counts();
        return [{ value: found ? read(found) : 0 }];
      },
    });
  const labelled = (name: string, help: string, options: Labelled) =>
    registry.collected({
      name: `apiserver_audit_${name}_total`,
      type: 'counter',
      help: `[ALPHA] ${help}`,
      labels: [options.label],
      collect: () => {
        const found = counts();
        return found ? [...options.of(found)].map(([label, value]) => ({ labels: [label], value })) : [];
      },
    });
  total('event', 'Audit events that were told.', ({ events }) => events);
  total('requests_rejected', 'Requests that were refused since they could not be audited.', ({ rejected }) => rejected);
  labelled('level', 'Requests by the level at which they are audited.', { label: 'level', of: ({ levels }) => levels });
  labelled('error', 'Audit events that a backend did not take.', { label: 'plugin', of: ({ errors }) => errors });
}

interface Labelled {
  label: string;
  of: (counts: AuditCounts) => ReadonlyMap<string, number>;
}
