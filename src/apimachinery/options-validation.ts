/**
 * The options of requests, which are checked before the object is looked at. Callers answer errors with a 422 of kind
 * `CreateOptions.meta.k8s.io` and so on. The rules are those of k8s.io/apimachinery's `meta/v1/validation`.
 */
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from './field-error.js';
import { validateFieldManager } from './metadata-validation.js';

export interface WriteOptions {
  dryRun?: readonly string[];
  fieldManager?: string;
  fieldValidation?: string;
}

/** Of a create or an update. */
export function validateWriteOptions({ dryRun, fieldManager, fieldValidation }: WriteOptions): FieldError[] {
  return [
    ...validateFieldManager(fieldManager ?? '', 'fieldManager'),
    ...validateDryRun(dryRun),
    ...validateFieldValidation(fieldValidation ?? ''),
  ];
}

/** An apply must say who applies; `force` is for applies alone. */
export function validatePatchOptions(
  options: WriteOptions & { force?: boolean },
  { isApply }: { isApply: boolean },
): FieldError[] {
  const errors: FieldError[] = [];
  if (isApply && !options.fieldManager) errors.push(required('fieldManager', 'is required for apply patch'));
  if (!isApply && options.force !== undefined)
    errors.push(forbiddenField('force', 'may not be specified for non-apply patch'));
  return [...errors, ...validateWriteOptions(options)];
}

export interface DeletionOptions {
  dryRun?: readonly string[];
  orphanDependents?: boolean;
  propagationPolicy?: string;
}

const propagationPolicies = ['Foreground', 'Background', 'Orphan'];

export function validateDeleteOptions({ dryRun, orphanDependents, propagationPolicy }: DeletionOptions): FieldError[] {
  const path = 'propagationPolicy';
  const errors: FieldError[] = [];
  if (propagationPolicy !== undefined) {
    if (orphanDependents !== undefined)
      errors.push(invalidValue(path, propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'));
    // Upstream names the missing value too.
    if (!propagationPolicies.includes(propagationPolicy))
      errors.push(notSupported(path, propagationPolicy, [...propagationPolicies, 'nil']));
  }
  return [...errors, ...validateDryRun(dryRun)];
}

export function validateTableOptions({ includeObject }: { includeObject?: string }): FieldError[] {
  if (!includeObject || ['Metadata', 'Object', 'None'].includes(includeObject)) return [];
  return [invalidValue('includeObject', includeObject, "must be 'Metadata', 'Object', 'None', or empty")];
}

function validateDryRun(dryRun: readonly string[] | undefined): FieldError[] {
  return dryRun?.some((value) => value !== 'All') ? [notSupported('dryRun', dryRun, ['All'])] : [];
}

function validateFieldValidation(value: string): FieldError[] {
  const allowed = ['', 'Ignore', 'Strict', 'Warn'];
  return allowed.includes(value) ? [] : [notSupported('fieldValidation', value, allowed)];
}
