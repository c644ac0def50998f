/** Discovery against what Kubernetes 1.36 serves by default (`golden.txt`), resource by resource. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import resources from '#api/index.gen.js';
import { type AnyResource, allVerbs } from '#api/resource.js';
import { formatApiVersion } from '#apimachinery/object.js';
import { type ServedResource, servedGroups } from './groups.js';

const golden = readFileSync(new URL('golden.txt', import.meta.url), 'utf8').split('\n');

/** By group, version and plural: the resource's line and those of its subresources. */
function wantedResources(): Map<string, string[]> {
  const wanted = new Map<string, string[]>();
  let groupVersion = '';
  let lines: string[] = [];
  for (const line of golden.filter((one) => one && !one.startsWith('#'))) {
    if (!line.startsWith(' ')) groupVersion = line;
    else if (line.startsWith('    ')) lines.push(line.trim());
    else wanted.set(`${groupVersion} ${line.trim().split(' ')[0]}`, (lines = [line.trim()]));
  }
  return wanted;
}

function servedResources(): Map<string, string[]> {
  const served = new Map<string, string[]>();
  for (const { name, versions } of servedGroups(resources as AnyResource[]))
    for (const { version, resources: list } of versions)
      for (const resource of list) {
        const groupVersion = formatApiVersion({ group: name, version });
        served.set(`${groupVersion} ${resource.definition.plural}`, render(resource, groupVersion));
      }
  return served;
}

function render({ definition, verbs, storageVersionHash: hash, subresources }: ServedResource, own: string): string[] {
  const { plural, singular, kind, namespaced, shortNames, categories } = definition;
  const line = [
    plural,
    singular,
    kind,
    namespaced ? 'namespaced' : 'cluster',
    ...(shortNames.length > 0 ? [`short=${shortNames.join(',')}`] : []),
    ...(categories.length > 0 ? [`categories=${categories.join(',')}`] : []),
    ...(hash ? [`hash=${hash}`] : []),
    `verbs=${verbs.join() === allVerbs.join() ? 'all' : verbs.join(',')}`,
  ];
  const below = subresources.map(({ name, kind: { group, version, kind: other }, verbs: some }) => {
    const at = formatApiVersion({ group, version });
    return `${name} ${at === own ? '' : `${at}/`}${other} verbs=${some.join(',')}`;
  });
  return [line.join(' '), ...below];
}

test('each resource that is served is as upstream serves it', () => {
  const wanted = wantedResources();
  const served = servedResources();
  expect(wanted.size).toBeGreaterThan(60);
  for (const [name, lines] of served) expect(lines, name).toEqual(wanted.get(name));
});

test('each resource that upstream serves is served, but those that are known to be missing', () => {
  const served = servedResources();
  const missing = [...wantedResources().keys()].filter((name) => !served.has(name));
  expect(missing).toEqual([]);
});

test('groups come in the order of upstream', () => {
  const wanted = golden.filter((line) => line && !line.startsWith('#') && !line.startsWith(' '));
  const served = servedGroups(resources as AnyResource[]).flatMap(({ name, versions }) =>
    versions.map(({ version }) => formatApiVersion({ group: name, version })),
  );
  expect(served).toEqual(wanted.filter((one) => served.includes(one)));
});
