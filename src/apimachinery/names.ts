/**
 * Which texts may be names, labels and path segments, and why not, in upstream's words. Each check gives the reasons
 * why its argument is refused; none means it is fine. https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
 */
import { below, type Prng } from '#base/prng.js';

export const labelLengthMax = 63;
export const subdomainLengthMax = 253;

const labelForm = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomainForm = `${labelForm}(\\.${labelForm})*`;
const dns1035Form = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualifiedForm = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValueForm = `(${qualifiedForm})?`;
const configMapKeyForm = '[-._a-zA-Z0-9]+';

const labelPattern = whole(labelForm);
const subdomainPattern = whole(subdomainForm);
const dns1035Pattern = whole(dns1035Form);
const wildcardPattern = whole(`\\*\\.${subdomainForm}`);
const qualifiedPattern = whole(qualifiedForm);
/** Of most names: nothing is left to be said of them. */
const goodQualifiedPattern = whole(`(${subdomainForm}/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?`);
const labelValuePattern = whole(labelValueForm);
const configMapKeyPattern = whole(configMapKeyForm);

const alphanumericEnds = 'and must start and end with an alphanumeric character';

/** `a.example.com`: what most objects may be called. */
export function subdomainProblems(value: string, unit?: LengthUnit): string[] {
  const problems = lengthProblems(value, subdomainLengthMax, unit);
  if (!subdomainPattern.test(value)) {
    const rule = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', ${alphanumericEnds}`;
    problems.push(formProblem(rule, subdomainForm, 'example.com'));
  }
  return problems;
}

/** `123-abc`: a DNS-1123 label. */
export function labelProblems(value: string): string[] {
  const problems = lengthProblems(value, labelLengthMax);
  if (labelPattern.test(value)) return problems;
  if (subdomainPattern.test(value)) return [...problems, 'must not contain dots'];
  const rule = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', ${alphanumericEnds}`;
  return [...problems, formProblem(rule, labelForm, 'my-name', '123-abc')];
}

/** `abc-123`: a DNS-1035 label, which starts with a letter. */
export function dns1035LabelProblems(value: string): string[] {
  const problems = lengthProblems(value, labelLengthMax);
  if (!dns1035Pattern.test(value)) {
    const rule =
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
    problems.push(formProblem(rule, dns1035Form, 'my-name', 'abc-123'));
  }
  return problems;
}

/** `*.example.com`. */
export function wildcardSubdomainProblems(value: string): string[] {
  const problems = lengthProblems(value, subdomainLengthMax);
  if (!wildcardPattern.test(value)) {
    const rule =
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
    problems.push(formProblem(rule, `\\*\\.${subdomainForm}`, '*.example.com'));
  }
  return problems;
}

/** `[example.com/]My.name`: keys of labels and annotations, finalizers, resource names. */
export function qualifiedNameProblems(value: string): string[] {
  if (value.length <= subdomainLengthMax && goodQualifiedPattern.test(value)) return [];
  const rule = `must consist of alphanumeric characters, '-', '_' or '.', ${alphanumericEnds}`;
  const form = formProblem(rule, qualifiedForm, 'MyName', 'my.name', '123-abc');
  const parts = value.split('/');
  if (parts.length > 2)
    return [`a valid label key ${form} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const problems: string[] = [];
  const [prefix, name = ''] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (prefix === '') problems.push('prefix part must be non-empty');
  else if (prefix !== undefined)
    problems.push(...subdomainProblems(prefix, 'bytes').map((problem) => `prefix part ${problem}`));
  if (name === '') problems.push('name part must be non-empty');
  else problems.push(...lengthProblems(name, labelLengthMax, 'bytes').map((problem) => `name part ${problem}`));
  if (!qualifiedPattern.test(name)) problems.push(`name part ${form}`);
  return problems;
}

export function labelValueProblems(value: string): string[] {
  const problems = lengthProblems(value, labelLengthMax, 'bytes');
  if (!labelValuePattern.test(value)) {
    const rule = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', ${alphanumericEnds}`;
    problems.push(formProblem(rule, labelValueForm, 'MyValue', 'my_value', '12345'));
  }
  return problems;
}

/** What may stand as one segment of a URL's path: the names of RBAC objects. */
export function pathSegmentProblems(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return pathSegmentPrefixProblems(value);
}

export function pathSegmentPrefixProblems(value: string): string[] {
  return ['/', '%'].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** Keys of ConfigMaps and Secrets, which become file names. */
export function configMapKeyProblems(value: string): string[] {
  const problems = lengthProblems(value, subdomainLengthMax);
  if (!configMapKeyPattern.test(value)) {
    const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    problems.push(formProblem(rule, configMapKeyForm, 'key.name', 'KEY_NAME', 'key-name'));
  }
  if (value === '.' || value === '..') problems.push(`must not be '${value}'`);
  else if (value.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

/** IANA service names: ports of containers. */
export function portNameProblems(value: string): string[] {
  const problems = lengthProblems(value, 15);
  if (!/^[-a-z0-9]+$/.test(value))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) problems.push('must contain at least one letter (a-z)');
  if (value.includes('--')) problems.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

/** Environment variables, by the rule that Kubernetes relaxed in 1.34: printable ASCII without `=`. */
export function envNameProblems(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  if (/^[\x20-\x3c\x3e-\x7e]*$/.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** Checks `generateName` with the check for names: the dash before the suffix is not at the end of the name. */
export function namePrefixProblems(prefix: string, check: (name: string) => string[]): string[] {
  if (check === pathSegmentProblems) return pathSegmentPrefixProblems(prefix);
  const masked = prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix;
  return check(masked);
}

/** No vowels and no digits that look like them, so that no suffix spells a word. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;

export function randomSuffix(prng: Prng, length = suffixLength): string {
  let suffix = '';
  while (suffix.length < length) suffix += suffixAlphabet[below(prng, suffixAlphabet.length)];
  return suffix;
}

/** The name for `generateName`: cut so that it stays a DNS label with its suffix. */
export function generateName(prefix: string, prng: Prng): string {
  return prefix.slice(0, labelLengthMax - suffixLength) + randomSuffix(prng);
}

/** Bytes are counted in any case; upstream's rules for labels, which are its newer ones, also say so. */
type LengthUnit = 'characters' | 'bytes';

export function lengthProblems(value: string, lengthMax: number, unit: LengthUnit = 'characters'): string[] {
  return Buffer.byteLength(value) > lengthMax ? [`must be no more than ${lengthMax} ${unit}`] : [];
}

/** The way in which upstream explains a failed regular expression. */
export function formProblem(rule: string, form: string, ...examples: string[]): string {
  if (examples.length === 0) return `${rule} (regex used for validation is '${form}')`;
  return `${rule} (e.g. ${examples.map((one) => `'${one}', `).join(' or ')}regex used for validation is '${form}')`;
}

function whole(form: string): RegExp {
  return new RegExp(`^(?:${form})$`);
}
