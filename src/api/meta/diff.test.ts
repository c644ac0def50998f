import { expect, it } from 'vitest';
import { describeChanges, unifiedDiff } from './diff.js';

const lines = (text: string) => text.split('');

it.each([
  ['abcdefgh', 'abcdXfgh', '@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+X\n f\n g\n h\n'],
  ['ab', 'ab', ''],
  ['a', 'b', '@@ -1 +1 @@\n-a\n+b\n'],
  ['', 'a', '@@ -1 +1 @@\n-\n+a\n'],
  ['abc', 'ab', '@@ -1,3 +1,2 @@\n a\n b\n-c\n'],
  // Parts that share their context are one.
  ['1abcdef2', '3abcdef4', '@@ -1,8 +1,8 @@\n-1\n+3\n a\n b\n c\n d\n e\n f\n-2\n+4\n'],
  ['1abcdefg2', '3abcdefg4', '@@ -1,4 +1,4 @@\n-1\n+3\n a\n b\n c\n@@ -6,4 +6,4 @@\n e\n f\n g\n-2\n+4\n'],
])('tells %j from %j', (old, now, text) => {
  expect(
    unifiedDiff(
      lines(old || ' ').map((one) => one.trim()),
      lines(now),
    ),
  ).toBe(text);
});

it('shows objects as upstream’s own types', () => {
  const spec = (hostNetwork: boolean) => ({ containers: [{ name: 'a', image: 'b' }], hostNetwork });
  expect(describeChanges('io.k8s.api.core.v1.PodSpec', spec(false), spec(true))).toMatch(
    / {2}"SecurityContext": \{\n- {2}"HostNetwork": false,\n\+ {2}"HostNetwork": true,\n {3}"HostPID": false,\n/,
  );
});
