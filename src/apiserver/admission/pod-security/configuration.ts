/**
 * A PodSecurityConfiguration: what holds for namespaces that say nothing, and who is let be.
 * https://kubernetes.io/docs/tasks/configure-pod-container/enforce-standards-admission-controller/
 */
import type { PodSecurityConfiguration } from '#api/gen/podsecurity-v1.js';
import { duplicate, type FieldError, invalidValue } from '#apimachinery/field-error.js';
import { labelProblems, subdomainProblems } from '#apimachinery/names.js';
import { requireValidFile } from '../../configuration-file.js';
import type { PluginConfiguration } from '../plugin-configuration.js';
import type { PodSecurityOptions } from './index.js';
import { type LevelVersion, type Mode, type Policy, privileged, readLevel, readVersion } from './policy.js';

const kind = {
  group: 'pod-security.admission.config.k8s.io',
  kind: 'PodSecurityConfiguration',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
} as const;

/** Throws ConfigurationError. */
export function readPodSecurity(given: PluginConfiguration | undefined): PodSecurityOptions | undefined {
  if (!given) return undefined;
  const { defaults = {}, exemptions = {} } = given.typed<PodSecurityConfiguration>(kind);
  const errors: FieldError[] = [];
  const modeOf = (mode: Mode): LevelVersion => {
    const level = readLevel(defaults[mode] || 'privileged');
    const version = readVersion(defaults[`${mode}-version`] || 'latest');
    if ('problem' in level) errors.push(invalidValue(`defaults.${mode}`, defaults[mode], level.problem));
    if ('problem' in version)
      errors.push(invalidValue(`defaults.${mode}-version`, defaults[`${mode}-version`], version.problem));
    return { ...privileged, ...('problem' in level ? {} : level), ...('problem' in version ? {} : version) };
  };
  const [enforce, warn, audit] = (['enforce', 'warn', 'audit'] as const).map(modeOf) as [
    LevelVersion,
    LevelVersion,
    LevelVersion,
  ];
  const policy: Policy = { enforce, audit, warn };
  const { namespaces = [], runtimeClasses = [], usernames = [] } = exemptions;
  errors.push(
    ...listErrors('exemptions.namespaces', namespaces, labelProblems),
    ...listErrors('exemptions.runtimeClasses', runtimeClasses, subdomainProblems),
    ...listErrors('exemptions.usernames', usernames, (name) => (name === '' ? ['username must not be empty'] : [])),
  );
  requireValidFile(given.path, errors);
  return { defaults: policy, exemptions: { usernames, namespaces, runtimeClasses } };
}

function listErrors(path: string, values: readonly string[], problemsOf: (value: string) => string[]): FieldError[] {
  return values.flatMap((value, index) => {
    const problems = problemsOf(value);
    if (problems.length > 0) return [invalidValue(`${path}[${index}]`, value, problems.join(', '))];
    return values.indexOf(value) < index ? [duplicate(`${path}[${index}]`, value)] : [];
  });
}
