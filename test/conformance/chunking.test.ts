/** Lists in chunks whose version has been compacted away, in a time that the test moves. */
import { expect } from 'vitest';
import podtemplates from '#api/core/podtemplate.js';
import { StatusError } from '#apimachinery/errors.js';
import { conformance, useCluster } from './conformance.js';

useCluster({ nodes: 0, time: 'virtual' });

const total = 40;
const limit = total / 10;
const nameOf = (at: number) => `template-${String(at).padStart(4, '0')}`;
/** Upstream compacts every five minutes what is older than that. */
const compactedAfterMs = 11 * 60_000;

conformance(
  '[sig-api-machinery] Servers with support for API chunking should support continue listing from the last key if the original version has been compacted away, though the list is inconsistent [Conformance] [Slow]',
  async ({ client, cluster, namespace }) => {
    const templates = client.of(podtemplates);
    const make = (at: number) =>
      templates.create({
        apiVersion: 'v1',
        kind: 'PodTemplate',
        metadata: { name: nameOf(at), namespace },
        template: { spec: { containers: [{ name: 'test', image: 'test2' }] } },
      });
    for (let at = 0; at < total; at++) await make(at);
    const first = await templates.list({ namespace, limit });
    expect(first.metadata.remainingItemCount).toBe(total - limit);
    const token = first.metadata.continue!;
    let expired: StatusError | undefined;
    for (let spentMs = 0; !expired && spentMs <= 2 * compactedAfterMs; spentMs += 60_000) {
      await cluster.advance(60_000);
      await make(total + spentMs).then(({ metadata }) => templates.delete(metadata.name!, { namespace }));
      await templates.list({ namespace, limit, continue: token }).catch((error) => {
        if (!(error instanceof StatusError)) throw error;
        expired = error;
      });
    }
    expect(expired?.status).toMatchObject({ code: 410, reason: 'Expired' });
    const inconsistent = expired!.status.metadata.continue;
    expect(inconsistent).toBeTruthy();
    let page = await templates.list({ namespace, limit, continue: inconsistent });
    expect(page.metadata.resourceVersion).not.toBe(first.metadata.resourceVersion);
    expect(page.items.length).toBe(limit);
    const { resourceVersion } = page.metadata;
    const names = [...first.items, ...page.items].map(({ metadata }) => metadata.name);
    while (page.metadata.continue) {
      expect(page.metadata.remainingItemCount).toBe(total - names.length);
      page = await templates.list({ namespace, limit, continue: page.metadata.continue });
      expect(page.metadata.resourceVersion).toBe(resourceVersion);
      names.push(...page.items.map(({ metadata }) => metadata.name));
    }
    expect(names).toEqual(Array.from({ length: total }, (_, at) => nameOf(at)));
  },
);
