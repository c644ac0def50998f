import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeValue, fieldSelectorOf, parseFieldSelector } from './field-selector.js';
import { ParseError } from './parse-error.js';
import { everything, formatLabelSelector, labelSelectorFrom, nothing, parseLabelSelector } from './selectors.js';

describe('the text of a label selector', () => {
  it.each([
    ['', ''],
    ['x=a,y=b', 'x=a,y=b'],
    [' z = 1 , a == 2 ', 'a==2,z=1'],
    ['x!=a', 'x!=a'],
    ['x', 'x'],
    ['!x', '!x'],
    ['x in (b,a,a)', 'x in (a,b)'],
    ['x in (foo,,baz),y,z notin ()', 'x in (,baz,foo),y,z notin ()'],
    ['in in (in,notin)', 'in in (in,notin)'],
    ['x>5,y<1', 'x>5,y<1'],
    ['x=', 'x='],
    ['x=,z= ', 'x=,z='],
    ['a.b/c in (d)', 'a.b/c in (d)'],
    ['x in (,)', 'x in ()'],
  ])('%j reads as %j', (input, text) => {
    expect(parseLabelSelector(input).toString()).toBe(text);
  });

  it.each([
    ['x=a||y=b', /^unable to parse requirement: values\[0\]\[x\]: Invalid value: "a\|\|y": a valid label must be/],
    ['x in', "unable to parse requirement: found '' expected: '('"],
    ['x in (a', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['x in (a b)', "unable to parse requirement: found 'b', expected: ',' or ')'"],
    ['x y', "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt"],
    ['x,', "found '', expected: identifier after ','"],
    [',x', "found ',', expected: !, identifier, or 'end of string'"],
    ['x=a b', "found 'b', expected: ',' or 'end of string'"],
    ['x==(', "unable to parse requirement: found '(', expected: identifier"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['x>a', /values\[0\]: Invalid value: "a": for 'Gt', 'Lt' operators, the value must be an integer$/],
    ['-x=a', /^unable to parse requirement: <nil>: Invalid value: "-x": name part must consist of/],
  ])('%j is refused', (input, message) => {
    expect(() => parseLabelSelector(input)).toThrow(message as string);
  });

  it('never fails in another way, nor loses meaning through its text', () => {
    const near = fc.stringMatching(/^[ab1/.=!,()<> \t-]*( in | notin )?[ab1/.=!,()<> -]*$/);
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (input) => {
        try {
          const text = parseLabelSelector(input).toString();
          expect(parseLabelSelector(text).toString()).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ParseError);
        }
      }),
    );
  });
});

describe('matching labels', () => {
  it.each([
    ['x=y', { x: 'y' }, true],
    ['x=y,z=w', { x: 'y' }, false],
    ['x!=y', {}, true],
    ['x!=y', { x: 'y' }, false],
    ['x in (a,b)', { x: 'b' }, true],
    ['x notin (a)', {}, true],
    ['x', { x: '' }, true],
    ['!x', { x: '' }, false],
    ['x>5', { x: '6' }, true],
    ['x>5', { x: '5' }, false],
    ['x<5', { x: 'four' }, false],
    ['x<5', {}, false],
    ['x=', { x: '' }, true],
    ['x=', {}, false],
    ['constructor', {}, false],
  ])('%s on %j: %s', (text, labels, expected) => {
    expect(parseLabelSelector(text).matches(labels as Record<string, string>)).toBe(expected);
  });

  it('reads the object form', () => {
    const selector = labelSelectorFrom({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['b', 'a'] },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    });
    expect(selector.toString()).toBe('app=web,!old,tier in (a,b)');
    expect(selector.matches({ app: 'web', tier: 'a' })).toBe(true);
    expect(selector.matches({ app: 'web', tier: 'a', old: '' })).toBe(false);
    expect(selector.exactValue('app')).toBe('web');
    expect(selector.exactValue('tier')).toBeUndefined();
    expect(labelSelectorFrom(undefined)).toBe(nothing);
    expect(labelSelectorFrom({})).toBe(everything);
    expect(formatLabelSelector({})).toBe('<none>');
    expect(formatLabelSelector({ matchExpressions: [{ key: 'a', operator: 'Near' }] })).toBe('<error>');
    expect(() => labelSelectorFrom({ matchExpressions: [{ key: 'a', operator: 'In' }] })).toThrow(
      `values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty`,
    );
  });
});

describe('field selectors', () => {
  it('reads, sorts and matches terms', () => {
    const selector = parseFieldSelector('spec.nodeName!=,metadata.name==web,,status.phase=Running');
    expect(selector.toString()).toBe('metadata.name=web,spec.nodeName!=,status.phase=Running');
    const fields: Record<string, string> = { 'metadata.name': 'web', 'status.phase': 'Running', 'spec.nodeName': 'n' };
    expect(selector.matches((field) => fields[field] ?? '')).toBe(true);
    fields['spec.nodeName'] = '';
    expect(selector.matches((field) => fields[field] ?? '')).toBe(false);
    expect(selector.exactValue('metadata.name')).toBe('web');
    expect(selector.exactValue('spec.nodeName')).toBeUndefined();
  });

  it.each([
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
    ['a=\\n', 'invalid field selector: invalid escape sequence: \\n'],
    ['a=\\', 'invalid field selector: invalid escape sequence: \\'],
  ])('%j is refused', (input, message) => {
    expect(() => parseFieldSelector(input)).toThrow(message);
  });

  it('carries any value through its text', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('=' as const, '!=' as const), (value, operator) => {
        const text = fieldSelectorOf([{ field: 'f', operator, value }]).toString();
        expect(text).toBe(`f${operator}${escapeValue(value)}`);
        expect(parseFieldSelector(text).terms).toEqual([{ field: 'f', operator, value }]);
      }),
    );
  });
});
