/** Limit ranges fill in what pods leave open, and refuse what is too little or too much. */
import { expect } from 'vitest';
import limitranges from '#api/core/limitrange.js';
import pods from '#api/core/pod/index.js';
import type { Container, LimitRange } from '#api/gen/core-v1.js';
import { copy } from '#base/json.js';
import { conformance } from './conformance.js';
import { image, podOf, refusal } from './objects.js';

const limitRangeOf = (name: string, namespace: string, labels?: Record<string, string>): LimitRange => ({
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name, namespace, labels },
  spec: {
    limits: [
      {
        type: 'Container',
        min: { cpu: '50m', memory: '100Mi' },
        max: { cpu: '500m', memory: '500Mi' },
        default: { cpu: '500m', memory: '500Mi' },
        defaultRequest: { cpu: '100m', memory: '200Mi' },
      },
    ],
  },
});

conformance(
  '[sig-scheduling] LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied. [Conformance]',
  async (scene) => {
    const { client, namespace, observe } = scene;
    const watch = observe(limitranges, { namespace });
    await client.of(limitranges).create(limitRangeOf('limits', namespace));
    expect((await watch.next({ type: 'ADDED' })).metadata.name).toBe('limits');
    const made = async (name: string, resources: Container['resources']) => {
      const containers = [{ name: 'main', image, resources }];
      return (await client.of(pods).create(podOf(name, namespace, { spec: { containers } }))).spec?.containers[0];
    };
    expect((await made('none', {}))?.resources).toEqual({
      requests: { cpu: '100m', memory: '200Mi' },
      limits: { cpu: '500m', memory: '500Mi' },
    });
    expect((await made('partial', { requests: { cpu: '300m' }, limits: { cpu: '300m' } }))?.resources).toEqual({
      requests: { cpu: '300m', memory: '200Mi' },
      limits: { cpu: '300m', memory: '500Mi' },
    });
    await refusal(made('little', { requests: { cpu: '10m' } }), 'Forbidden');
    await refusal(made('much', { requests: { cpu: '600m' }, limits: { cpu: '600m' } }), 'Forbidden');
    const wider = copy(await client.of(limitranges).get('limits', { namespace }));
    wider.spec!.limits[0]!.min = { cpu: '9m', memory: '10Mi' };
    await client.of(limitranges).update(wider);
    await made('little', { requests: { cpu: '10m' } });
    await client.of(limitranges).delete('limits', { namespace });
    await watch.next({ type: 'DELETED' });
    expect((await made('unlimited', {}))?.resources).toEqual({});
  },
);

conformance(
  '[sig-scheduling] LimitRange should list, patch and delete a LimitRange by collection [Conformance]',
  async (scene) => {
    const { client, namespace } = scene;
    const other = await scene.makeNamespace('limits');
    const labels = { limited: namespace };
    const labelSelector = `limited=${namespace}`;
    for (const where of [namespace, other]) await client.of(limitranges).create(limitRangeOf('limits', where, labels));
    expect((await client.of(limitranges).list({ labelSelector })).items.length).toBe(2);
    const body = {
      metadata: { labels: { patched: 'true' } },
      spec: { limits: [{ ...limitRangeOf('', '').spec!.limits[0], min: { cpu: '80m' } }] },
    };
    const patched = await client.of(limitranges).patch('limits', body, { type: 'strategic', namespace });
    expect(patched.metadata.labels).toMatchObject({ patched: 'true' });
    expect(patched.spec?.limits[0]?.min).toMatchObject({ cpu: '80m' });
    await client.of(limitranges).deleteCollection({ namespace, labelSelector: 'patched=true' });
    const { items } = await client.of(limitranges).list({ labelSelector });
    expect(items.map(({ metadata }) => metadata.namespace)).toEqual([other]);
  },
);
