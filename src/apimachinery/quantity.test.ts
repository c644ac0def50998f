import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ParseError } from './parse-error.js';
import { canonicalQuantity, Quantity, quantityFormatMessage } from './quantity.js';

describe('canonical text', () => {
  it.each([
    ['0', '0'],
    ['0Ki', '0'],
    ['-0', '0'],
    ['.', '0'],
    ['1', '1'],
    ['1Ki', '1Ki'],
    ['1024Mi', '1Gi'],
    ['307200Ki', '300Mi'],
    ['1025024Mi', '1001Gi'],
    ['1023', '1023'],
    ['0.5Mi', '512Ki'],
    ['0.05Gi', '53687091200m'],
    ['5n', '5n'],
    ['0.5', '500m'],
    ['1.5', '1500m'],
    ['1.500', '1.500'],
    ['1.08', '1080m'],
    ['1080000000n', '1080m'],
    ['1000m', '1'],
    ['1000M', '1G'],
    ['0.001T', '1G'],
    ['100.035k', '100.035k'],
    ['100.0350k', '100035'],
    ['7.123456M', '7.123456M'],
    ['1.01E', '1010P'],
    ['12E', '12E'],
    ['.001e12', '1e9'],
    ['1E6', '1E6'],
    ['1.3E+6', '1300e3'],
    ['1000e-12', '1e-9'],
    ['0.001e0', '1e-3'],
    ['-9.01', '-9010m'],
    ['3.001n', '4n'],
    ['0.0000000001', '1n'],
    ['-0.9n', '-1n'],
    ['0.000000000001Ki', '2n'],
    ['9Ei', '9223372036854775807'],
    ['9223372036854775807Ki', '9223372036854775807'],
    ['1.', '1.'],
    ['1.G', '1.G'],
    ['+1', '+1'],
    ['1234567.8Ki', '1264197427200m'],
  ])('%s is served as %s', (input, text) => {
    expect(canonicalQuantity(input)).toBe(text);
  });

  it('reads numbers and trims spaces, as JSON bodies may carry them', () => {
    expect(canonicalQuantity(2)).toBe('2');
    expect(canonicalQuantity(0.1)).toBe('100m');
    expect(canonicalQuantity(' 1Gi ')).toBe('1Gi');
  });
});

it.each(['', '1.1.M', '1+1.0M', 'aoeu', '1 Gi', '1'.repeat(600)])('refuses the form of %j', (input) => {
  expect(() => Quantity.parse(input)).toThrow(new ParseError('Quantity', quantityFormatMessage));
});

it.each(['0.1mi', '.5i', '1i', '-3.01e-', '1KiK', '1e9999', '1-5', '--1'])('refuses the suffix of %j', (input) => {
  expect(() => Quantity.parse(input)).toThrow("unable to parse quantity's suffix");
});

it('gives undefined for what is no quantity, when asked to try', () => {
  expect(Quantity.tryParse('much')).toBeUndefined();
  expect(Quantity.tryParse({})).toBeUndefined();
  expect(Quantity.tryParse('5')?.units()).toBe(5n);
});

describe('arithmetic', () => {
  const q = (text: string) => Quantity.parse(text);

  it('rounds away from zero', () => {
    expect(q('9.01').roundUp(0).toString()).toBe('10');
    expect(q('-9.01').roundUp(0).toString()).toBe('-10');
    expect(q('1234567n').roundUp(-3).toString()).toBe('2m');
    expect(q('9010m').roundUp(-3).toString()).toBe('9010m');
    expect(q('100m').units()).toBe(1n);
    expect(q('1001u').milli()).toBe(2n);
    expect(q('1.5Gi').unitsNumber()).toBe(1610612736);
    expect(q('1500m').toNumber()).toBe(1.5);
  });

  it('takes the format of the other when it is zero', () => {
    expect(Quantity.zero.add(q('1Gi')).add(q('1Gi')).toString()).toBe('2Gi');
    expect(q('1Gi').subtract(q('1Mi')).toString()).toBe('1023Mi');
    expect(q('1').add(q('1Ki')).toString()).toBe('1025');
    expect(Quantity.ofMilli(2500).toString()).toBe('2500m');
    expect(Quantity.of(2048, 'BinarySI').toString()).toBe('2Ki');
  });
});

describe('properties', () => {
  const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'Ki', 'Mi', 'Gi', 'Ti', 'e3', 'e-3', 'E6');
  const text = fc
    .tuple(fc.constantFrom('', '-'), fc.nat(10 ** 9), fc.option(fc.nat(9999)), suffix)
    .map(([sign, whole, fraction, end]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${end}`);

  it('keeps the value through its text', () => {
    fc.assert(
      fc.property(text, (input) => {
        const first = Quantity.parse(input);
        const second = Quantity.parse(first.toString());
        expect(second.nanos).toBe(first.nanos);
        // A binary amount that no binary suffix fits is written without one, and is a decimal from then on.
        const settled = second.format === first.format ? first : second;
        expect(Quantity.parse(second.toString()).toString()).toBe(settled.toString());
      }),
    );
  });

  it('orders by value', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [left, right] = [Quantity.parse(a), Quantity.parse(b)];
        expect(left.compare(right)).toBe(-right.compare(left) + 0);
        expect(left.subtract(right).sign).toBe(left.compare(right));
        expect(left.add(right).subtract(right).equals(left)).toBe(true);
      }),
    );
  });

  it('answers any text quickly, with a value or a ParseError', () => {
    fc.assert(
      fc.property(fc.string(), fc.stringMatching(/^[-+0-9.eEinumkKMGTP]*$/), (any, near) => {
        for (const input of [any, near]) {
          try {
            Quantity.parse(input);
          } catch (error) {
            expect(error).toBeInstanceOf(ParseError);
          }
        }
      }),
    );
  });
});

it('reads plain amounts quickly as it would read them slowly', () => {
  const suffixes = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'P', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei');
  fc.assert(
    fc.property(fc.bigInt(1n, 10n ** 18n), suffixes, (amount, suffix) => {
      const text = `${amount}${suffix}`;
      // A sign is not plain.
      const slow = Quantity.parse(`+${text}`);
      const quick = Quantity.parse(text);
      expect([quick.nanos, quick.format]).toEqual([slow.nanos, slow.format]);
      expect(quick.toString()).toBe(slow.toString().replace('+', ''));
      expect(canonicalQuantity(text)).toBe(quick.toString());
    }),
  );
});
