import { expect, test } from 'vitest';
import { goFormat } from './go-format.js';
import { formatQuantity } from './go-quantity.js';

test.each([
  ['0', 'value:(int64)0 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)0'],
  [
    '1500m',
    'value:(int64)1500 scale:(resource.Scale)-3} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)1500m',
  ],
  ['8Gi', 'value:(int64)8589934592 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)'],
  [
    '1.500',
    'value:(int64)1500 scale:(resource.Scale)-3} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)1.500',
  ],
  ['-5', 'value:(int64)-5 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)-5'],
  [
    '12345678901234567890',
    'value:(int64)0 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:(*inf.Dec){unscaled:(big.Int){neg:(bool)false abs:(big.nat)[5097733592002180096 669260594]} scale:(inf.Scale)9}} s:(string)',
  ],
])('the amount %s stands as upstream parses it', (text, inner) => {
  const format = text.endsWith('i') ? 'BinarySI' : 'DecimalSI';
  expect(formatQuantity(text)).toBe(`{i:(resource.int64Amount){${inner} Format:(resource.Format)${format}}`);
});

test('what is empty is nothing, but behind a pointer', () => {
  const text = (spec: object) => goFormat('io.k8s.api.core.v1.PodSpec', { containers: [], ...spec });
  expect(text({ tolerations: [], nodeSelector: {} })).toBe(text({}));
  expect(text({ securityContext: {} })).not.toBe(text({}));
  expect(text({ nodeSelector: { b: '1', a: '2' } })).toContain('NodeSelector:(map[string]string)map[a:2 b:1] ');
});
