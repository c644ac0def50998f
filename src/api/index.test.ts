import { describe, expect, test } from 'vitest';
import resources from './index.gen.js';
import type { AnyResource } from './resource.js';

const definitions = resources as AnyResource[];

describe('the built-in resources', () => {
  test('have one definition for each group and plural', () => {
    const names = definitions.map(({ group, plural }) => `${plural}.${group}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test('share a storage key only where one is stored as the other', () => {
    const seen = new Map<string, AnyResource>();
    for (const one of definitions.filter(({ storedAs, verbs }) => !storedAs && verbs.includes('get'))) {
      const key = one.storagePrefix ?? one.plural;
      expect(seen.get(key), key).toBeUndefined();
      seen.set(key, one);
    }
    for (const { storedAs, storagePrefix } of definitions.filter(({ storedAs }) => storedAs)) {
      expect(storagePrefix).toBe(storedAs!.resource.storagePrefix ?? storedAs!.resource.plural);
    }
  });

  test('that are stored say the hash of their storage version', () => {
    const without = definitions.filter(
      ({ verbs, storageVersionHash }) => verbs.includes('create') && verbs.length > 1 && !storageVersionHash,
    );
    expect(without.map(({ kind }) => kind)).toEqual([]);
  });

  test('answer field selectors for an object that has nothing', () => {
    for (const { selectableFields = {} } of definitions) {
      for (const select of Object.values(selectableFields)) {
        expect(typeof select({ metadata: {} })).toBe('string');
      }
    }
  });

  test('take an object that has nothing without falling over', () => {
    for (const one of definitions) {
      const object = bare(one);
      one.default?.(object);
      one.prepareForCreate?.(object);
      for (const check of [one.validate, one.validateCreate]) check?.(object);
      for (const check of [one.validateUpdate, one.validateStatusUpdate]) check?.(object, object);
      one.warnings?.(object, undefined);
      for (const column of one.columns ?? []) {
        expect(column.cell(object, { nowMs: 0 }), `${one.kind} ${column.name}`).not.toBeUndefined();
      }
    }
  });

  test('have defaults that change nothing the second time', () => {
    for (const one of definitions) {
      const object = bare(one);
      one.default?.(object);
      const once = JSON.stringify(object);
      one.default?.(object);
      expect(JSON.stringify(object)).toBe(once);
    }
  });

  test('some are answered for when they are deleted with what they were', () => {
    const names = definitions.filter(({ deletion }) => deletion?.returnsObject).map(({ plural }) => plural);
    const storage = 'csidrivers csinodes storageclasses volumeattachments volumeattributesclasses';
    const devices = 'deviceclasses resourceclaims resourceclaimtemplates resourceslices';
    expect(names).toEqual(expect.arrayContaining(`${storage} ${devices}`.split(' ')));
  });
});

/** As the decoder gives it: structs that are no pointers are there, though empty. */
// biome-ignore lint/suspicious/noExplicitAny: one of whatever kind
function bare({ group, versions, kind, namespaced }: AnyResource): any {
  const metadata = { name: 'one', ...(namespaced && { namespace: 'default' }) };
  return { apiVersion: group ? `${group}/${versions[0]}` : versions[0], kind, metadata, spec: {} };
}
