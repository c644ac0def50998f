/** Formats by name. https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-format-library */
import {
  dns1035LabelProblems,
  labelProblems,
  labelValueProblems,
  namePrefixProblems,
  qualifiedNameProblems,
  subdomainProblems,
} from '../../names.js';
import { type FunctionDeclaration, type Library, member, overload } from '../declarations.js';
import { checkRequestUri, UrlError } from '../net/url.js';
import { formatted } from '../schema/formats.js';
import { listType, optionalType, stringType, structType } from '../types.js';
import { ArrayList, CelError, Opaque, Optional, type Value } from '../values.js';

const formatType = structType('kubernetes.NamedFormat');

class Format extends Opaque {
  override readonly type = formatType;
  readonly name: string;
  /** What is wrong with a text. */
  readonly problems: (text: string) => string[];
  /** How long upstream's regular expression is, which is what a check costs by. */
  readonly patternSize: number;

  constructor(name: string, problems: (text: string) => string[], patternSize: number) {
    super();
    this.name = name;
    this.problems = problems;
    this.patternSize = patternSize;
  }

  override equals(other: Value): boolean {
    return other instanceof Format && other.name === this.name;
  }
}

type Check = (text: string) => string[];

const prefixOf =
  (check: Check): Check =>
  (text) =>
    namePrefixProblems(text, check);

function uriProblems(text: string): string[] {
  try {
    checkRequestUri(text);
    return [];
  } catch (error) {
    if (error instanceof UrlError) return [error.message];
    throw error;
  }
}

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const uuidProblems: Check = (text) => (uuid.test(text) ? [] : ['does not match the UUID format']);

const ofOpenApi =
  (format: string, problem: string): Check =>
  (text) =>
    formatted(text, format) instanceof CelError ? [problem] : [];

const formats: ReadonlyMap<string, Format> = new Map(
  (
    [
      ['dns1123Label', 'DNS1123Label', labelProblems, 30],
      ['dns1123Subdomain', 'DNS1123Subdomain', subdomainProblems, 60],
      ['dns1035Label', 'DNS1035Label', dns1035LabelProblems, 30],
      ['qualifiedName', 'QualifiedName', qualifiedNameProblems, 60],
      ['dns1123LabelPrefix', 'DNS1123LabelPrefix', prefixOf(labelProblems), 30],
      ['dns1123SubdomainPrefix', 'DNS1123SubdomainPrefix', prefixOf(subdomainProblems), 60],
      ['dns1035LabelPrefix', 'DNS1035LabelPrefix', prefixOf(dns1035LabelProblems), 30],
      ['labelValue', 'LabelValue', labelValueProblems, 40],
      ['uri', 'URI', uriProblems, 1103],
      ['uuid', 'uuid', uuidProblems, 71],
      ['byte', 'byte', ofOpenApi('byte', 'invalid base64'), 84],
      ['date', 'date', ofOpenApi('date', 'invalid date'), 71],
      ['datetime', 'datetime', ofOpenApi('date-time', 'invalid datetime'), 71],
    ] as const
  ).map(([key, name, problems, patternSize]) => [key, new Format(name, problems, patternSize)]),
);

const constants: FunctionDeclaration[] = [...formats].map(([key, format]) => ({
  name: `format.${key}`,
  overloads: [overload(`format.${key}`, [], formatType, () => format)],
}));

function validate(format: Value, text: Value): Value {
  const problems = (format as Format).problems(text as string);
  return problems.length === 0 ? Optional.none : Optional.of(new ArrayList(problems));
}

export const formatLibrary: Library = {
  functions: [
    ...constants,
    {
      name: 'validate',
      overloads: [member('format-validate', [formatType, stringType], optionalType(listType(stringType)), validate)],
    },
    {
      name: 'format.named',
      overloads: [
        overload('format-named', [stringType], optionalType(formatType), (name) => {
          const format = formats.get(name as string);
          return format ? Optional.of(format) : Optional.none;
        }),
      ],
    },
  ],
};
