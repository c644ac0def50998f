import { describe, expect, it } from 'vitest';
import { validateConditions } from './condition-validation.js';
import type { FieldError } from './field-error.js';
import {
  validateDeleteOptions,
  validatePatchOptions,
  validateTableOptions,
  validateWriteOptions,
} from './options-validation.js';

const texts = (errors: FieldError[]) => errors.map((error) => error.message);

describe('options of requests', () => {
  it('accepts what is right', () => {
    expect(validateWriteOptions({})).toEqual([]);
    expect(validateWriteOptions({ dryRun: ['All'], fieldManager: 'me', fieldValidation: 'Strict' })).toEqual([]);
    expect(validatePatchOptions({ fieldManager: 'me', force: true }, { isApply: true })).toEqual([]);
    expect(validateDeleteOptions({ propagationPolicy: 'Foreground' })).toEqual([]);
    expect(validateTableOptions({ includeObject: 'None' })).toEqual([]);
  });

  it('refuses the rest in upstream words', () => {
    expect(texts(validateWriteOptions({ dryRun: ['Some'], fieldValidation: 'Hard' }))).toEqual([
      'dryRun: Unsupported value: ["Some"]: supported values: "All"',
      'fieldValidation: Unsupported value: "Hard": supported values: "", "Ignore", "Strict", "Warn"',
    ]);
    expect(texts(validateWriteOptions({ fieldManager: 'x'.repeat(129) }))).toEqual([
      'fieldManager: Too long: may not be more than 128 bytes',
    ]);
    expect(texts(validatePatchOptions({}, { isApply: true }))).toEqual([
      'fieldManager: Required value: is required for apply patch',
    ]);
    expect(texts(validatePatchOptions({ force: false }, { isApply: false }))).toEqual([
      'force: Forbidden: may not be specified for non-apply patch',
    ]);
    expect(texts(validateDeleteOptions({ propagationPolicy: 'Never', orphanDependents: true }))).toEqual([
      'propagationPolicy: Invalid value: "Never": orphanDependents and deletionPropagation cannot be both set',
      'propagationPolicy: Unsupported value: "Never": supported values: "Foreground", "Background", "Orphan", "nil"',
    ]);
    expect(texts(validateTableOptions({ includeObject: 'All' }))).toEqual([
      `includeObject: Invalid value: "All": must be 'Metadata', 'Object', 'None', or empty`,
    ]);
  });
});

it('checks conditions', () => {
  const good = { type: 'Ready', status: 'True', reason: 'AllGood', lastTransitionTime: '2026-01-01T00:00:00Z' };
  expect(validateConditions([good, { ...good, type: 'example.com/Other' }], 'status.conditions')).toEqual([]);
  const bad = { type: 'Ready', status: 'Maybe', reason: 'not so good', observedGeneration: -1 };
  expect(validateConditions([good, bad], 'c').map((error) => `${error.path} ${error.type}`)).toEqual([
    'c[1].type FieldValueDuplicate',
    'c[1].status FieldValueNotSupported',
    'c[1].observedGeneration FieldValueInvalid',
    'c[1].lastTransitionTime FieldValueRequired',
    'c[1].reason FieldValueInvalid',
  ]);
});
