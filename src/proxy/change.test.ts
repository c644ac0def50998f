/** How the kernel's table becomes another without losing which client went where. */
import { expect, test } from 'vitest';
import { readTable, renderChange } from './change.js';
import { lookups, renderRules } from './rules.js';
import type { ServicePortRoute } from './service-ports.js';

function rulesFor(...routes: Partial<ServicePortRoute>[]) {
  const base = { protocol: 'tcp' as const, port: 80, clusterIps: ['10.96.0.7'], externalIps: [], nodePort: 0 };
  const rest = { external: [], keepsSource: false, affinity: undefined, sourceRanges: [] };
  const whole = routes.map((route) => ({ ...base, ...rest, name: 'default/web:', internal: [], ...route }));
  return renderRules({ routes: whole, hostPorts: [], podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12' });
}
const endpoint = (ip: string) => ({ ip, port: 8080, local: false });
const affinity = { timeoutSeconds: 90 };

test('makes the table anew where it does not know what lies there', () => {
  const { text } = renderChange('t8s', rulesFor(), { before: undefined, nowMs: 0 });
  expect(text).toMatch(/^table ip t8s \{\}\ndelete table ip t8s\ntable ip t8s \{\n/);
});

test('leaves the sets of clients when endpoints come, and removes the set of one that went', () => {
  const two = rulesFor({ affinity, internal: [endpoint('10.244.0.2'), endpoint('10.244.0.3')] });
  const one = rulesFor({ affinity, internal: [endpoint('10.244.0.3')] });
  const first = renderChange('t8s', one, { before: undefined, nowMs: 0 });
  const second = renderChange('t8s', two, { before: first.after, nowMs: 10 });
  expect(second.text).toMatch(/^flush table ip t8s\nflush map ip t8s services\n/);
  expect(second.text).not.toContain('delete');
  const third = renderChange('t8s', one, { before: second.after, nowMs: 20 });
  const gone = [...two.clientSets].filter((name) => !one.clientSets.has(name));
  expect(third.text.match(/delete .*/g)).toEqual([`delete set ip t8s ${gone[0]}`]);
});

test('deletes a chain only when it has been empty for a second', () => {
  const full = rulesFor({ internal: [endpoint('10.244.0.2')] });
  const chain = [...full.chains].find((name) => name.startsWith('svc-'))!;
  const first = renderChange('t8s', full, { before: undefined, nowMs: 0 });
  const emptied = renderChange('t8s', rulesFor(), { before: first.after, nowMs: 10 });
  expect(emptied.text).not.toContain('delete');
  const soon = renderChange('t8s', rulesFor(), { before: emptied.after, nowMs: 900 });
  expect(soon.text).not.toContain('delete');
  const back = renderChange('t8s', full, { before: soon.after, nowMs: 2000 });
  expect(back.text).not.toContain('delete');
  const later = renderChange('t8s', rulesFor(), { before: soon.after, nowMs: 1010 });
  expect(later.text.match(/delete .*/g)).toEqual([`delete chain ip t8s ${chain}`]);
  expect(later.after.emptied.size).toBe(0);
});

test('takes over the table of an earlier process, if it is one of ours', () => {
  const rules = rulesFor({ affinity, internal: [endpoint('10.244.0.2')] });
  const found = readTable(`table ip t8s {\n${rules.body}\n}\n`)!;
  expect(found.chains).toEqual(rules.chains);
  expect(found.clientSets).toEqual(rules.clientSets);
  const names = Object.entries(lookups).map(([name, kind]) => `\t${kind} ${name} {\n\t}\n`);
  expect(readTable(`table ip t8s {\n${names.join('')}}\n`)).toBeDefined();
  expect(readTable(`table ip t8s {\n${names.slice(1).join('')}}\n`)).toBeUndefined();
  expect(readTable(`table ip t8s {\n${names.join('')}\tset other {\n\t}\n}\n`)).toBeUndefined();
});
