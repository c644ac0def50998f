/** Keys such as `acme.io/foo`: a domain, and a path below it (k8s.io/apimachinery's `IsDomainPrefixedPath`). */
import { type FieldError, invalidValue, required } from './field-error.js';
import { subdomainProblems } from './names.js';

const pathForm = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";

export function domainPrefixedPathErrors(path: string, value: string): FieldError[] {
  if (value === '') return [required(path)];
  const slash = value.indexOf('/');
  const [host, rest] = slash < 0 ? ['', ''] : [value.slice(0, slash), value.slice(slash + 1)];
  if (!host || !rest) return [invalidValue(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const problems = subdomainProblems(host);
  if (problems.length > 0) return problems.map((problem) => invalidValue(path, host, problem));
  if (new RegExp(`^${pathForm}$`).test(rest)) return [];
  return [invalidValue(path, rest, `Invalid path (regex used for validation is '${pathForm}')`)];
}
