import { describe, expect, it } from 'vitest';
import { jsonPatch, reviewed } from '../../webhook/test-webhook.js';
import type { AdmissionPlugin } from '../admission.js';
import { config, configuration, everything, failure, hook, one, setUp } from './test-setup.js';

describe('MutatingAdmissionWebhook', () => {
  const set = (key: string, value: string) => ({ op: 'add', path: `/data/${key}`, value });

  it('patches the object, and the next one sees it', async () => {
    const { configs, mutating, annotations } = setUp();
    const target = await hook((asked) => {
      const isFirst = asked.path.startsWith('/first');
      return reviewed(asked, jsonPatch(isFirst ? set('b', '2') : set('c', asked.body.request.object.data.b)));
    });
    const first = one(target, { clientConfig: { url: `${target.url}/first`, caBundle: target.caBundle } });
    mutating.put(configuration('b', one(target, { name: 'b.example.com' })));
    mutating.put(configuration('a', first));
    const created = await configs.create(config('x'));
    expect(created.data).toEqual({ a: '1', b: '2', c: '2' });
    expect(JSON.parse(annotations['mutation.webhook.admission.k8s.io/round_0_index_1']!)).toEqual({
      configuration: 'b',
      webhook: 'b.example.com',
      mutated: true,
    });
    expect(JSON.parse(annotations['patch.webhook.admission.k8s.io/round_0_index_0']!)).toEqual({
      configuration: 'a',
      webhook: 'a.example.com',
      patch: [set('b', '2')],
      patchType: 'JSONPatch',
    });
  });

  it('calls those again that ask for it, when something changed after them', async () => {
    const seen: string[] = [];
    const labels: AdmissionPlugin = {
      name: 'Count',
      handles: () => true,
      mutate({ object }) {
        object!.metadata.labels = { rounds: `${object!.metadata.labels?.['rounds'] ?? ''}x` };
      },
    };
    const { configs, mutating } = setUp({ around: [labels] });
    const target = await hook((asked) => {
      const name = asked.path.slice(1, 2);
      seen.push(name);
      return reviewed(asked, name === 'b' ? jsonPatch(set('b', '2')) : {});
    });
    const named = (name: string, reinvocationPolicy: string) => ({
      ...one(target, { name: `${name}.example.com`, reinvocationPolicy }),
      clientConfig: { url: `${target.url}/${name}`, caBundle: target.caBundle },
    });
    mutating.put(configuration('c', named('a', 'IfNeeded'), named('b', 'IfNeeded'), named('c', 'Never')));
    const created = await configs.create(config('x'));
    expect(seen).toEqual(['a', 'b', 'c', 'a', 'b']);
    expect(created.metadata.labels).toEqual({ rounds: 'xx' });
    expect(created.data).toEqual({ a: '1', b: '2' });
  });

  it.each<[string, object, string]>([
    [
      'a patch without type',
      { patch: 'W10=' },
      'received invalid webhook response: webhook returned response.patch but not response.patchType',
    ],
    ['no JSON', { patchType: 'JSONPatch', patch: 'Ww==' }, 'received undecodable patch in webhook response'],
    [
      'what does not apply',
      jsonPatch({ op: 'remove', path: '/data/zz' }),
      'Internal error occurred: error in remove for path',
    ],
  ])('fails on %s', async (_, response, text) => {
    const { configs, mutating } = setUp();
    const target = await hook((asked) => reviewed(asked, response));
    mutating.put(configuration('c', one(target)));
    expect((await failure(configs.create(config('x')))).message).toContain(text);
  });

  it('cannot change what is being deleted', async () => {
    const { configs, mutating } = setUp();
    const target = await hook((asked) => reviewed(asked, jsonPatch(set('b', '2'))));
    mutating.put(configuration('c', one(target, { rules: [{ ...everything[0]!, operations: ['DELETE'] }] })));
    await configs.create(config('x'));
    expect((await failure(configs.delete('x', { namespace: 'ns' }))).message).toBe(
      'Internal error occurred: admission webhook "a.example.com" attempted to modify the object, which is not supported for this operation',
    );
  });
});
