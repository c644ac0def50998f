/** The names of a custom resource: plural, kind and the others. */
import type { CustomResourceDefinitionNames } from '#api/gen/apiextensions-v1.js';
import { invalidValue } from '#apimachinery/field-error.js';
import { dns1035LabelProblems } from '#apimachinery/names.js';
import { checkRequired, each, type FieldErrors } from '../meta/check.js';

/** Of a definition, which must have the four. */
export function* validateWantedNames(names: CustomResourceDefinitionNames, path: string): FieldErrors {
  for (const name of ['plural', 'singular', 'kind', 'listKind'] as const)
    yield* checkRequired(`${path}.${name}`, names[name]);
  yield* validateNames(names, path);
}

export function* validateNames(names: CustomResourceDefinitionNames, path: string): FieldErrors {
  const { plural, singular, kind, listKind } = names;
  yield* checkLabel(`${path}.plural`, plural);
  yield* checkLabel(`${path}.singular`, singular);
  yield* checkKind(`${path}.kind`, kind);
  yield* checkKind(`${path}.listKind`, listKind);
  for (const { path: at, value } of each(`${path}.shortNames`, names.shortNames)) yield* checkLabelText(at, value);
  if (kind && kind === listKind)
    yield invalidValue(`${path}.listKind`, listKind, 'kind and listKind may not be the same');
  for (const { path: at, value } of each(`${path}.categories`, names.categories)) yield* checkLabelText(at, value);
}

function* checkLabel(path: string, value: string | undefined): FieldErrors {
  if (value) yield* checkLabelText(path, value);
}

function* checkLabelText(path: string, value: string): FieldErrors {
  const problems = dns1035LabelProblems(value);
  if (problems.length > 0) yield invalidValue(path, value, problems.join(','));
}

function* checkKind(path: string, value: string | undefined): FieldErrors {
  const problems = value ? dns1035LabelProblems(value.toLowerCase()) : [];
  if (problems.length === 0) return;
  yield invalidValue(path, value, `may have mixed case, but should otherwise match: ${problems.join(',')}`);
}
