/** Whether an AuthenticationConfiguration holds together, in upstream's words. */
import type {
  AuthenticationConfiguration,
  ClaimMappings,
  ClaimValidationRule,
  ExtraMapping,
  Issuer,
  JWTAuthenticator,
  PrefixedClaimOrExpression,
  UserValidationRule,
} from '#api/gen/apiserver-v1.js';
import { domainPrefixedPathErrors } from '#apimachinery/domain-path.js';
import { duplicate, type FieldError, invalidValue, required, tooMany } from '#apimachinery/field-error.js';
import type { ExpressionCompiler } from './claims.js';

export interface JwtValidation {
  compile: ExpressionCompiler;
  /** Issuers of service accounts' tokens, which nobody else may be. */
  disallowedIssuers: readonly string[];
}

const authenticatorsMax = 64;

export function validateAuthentication(
  { jwt = [], anonymous }: AuthenticationConfiguration,
  options: JwtValidation,
): FieldError[] {
  if (jwt.length > authenticatorsMax) return [tooMany('jwt', jwt.length, authenticatorsMax)];
  const errors = jwt.flatMap((one, index) => validateJwt(one, `jwt[${index}]`, options));
  const urls = jwt.map(({ issuer }) => issuer?.url ?? '');
  const discoveryUrls = jwt.map(({ issuer }) => issuer?.discoveryURL ?? '');
  for (const index of repeated(urls)) errors.push(duplicate(`jwt[${index}].issuer.url`, urls[index]));
  for (const index of repeated(discoveryUrls))
    if (discoveryUrls[index]) errors.push(duplicate(`jwt[${index}].issuer.discoveryURL`, discoveryUrls[index]));
  if (anonymous && !anonymous.enabled && anonymous.conditions?.length) {
    const detail = 'enabled should be set to true when conditions are defined';
    errors.push(invalidValue('anonymous.conditions', anonymous.conditions, detail));
  }
  return errors;
}

export function validateJwt(jwt: JWTAuthenticator, path: string, options: JwtValidation): FieldError[] {
  const { issuer = {}, claimValidationRules = [], claimMappings, userValidationRules = [] } = jwt;
  const below = path ? `${path}.` : '';
  return [
    ...validateIssuer(issuer, `${below}issuer`, options.disallowedIssuers),
    ...validateClaimRules(claimValidationRules, `${below}claimValidationRules`, options.compile),
    ...validateMappings(claimMappings ?? ({} as ClaimMappings), `${below}claimMappings`, options.compile),
    ...validateEmail(jwt, `${below}claimMappings.username.expression`),
    ...validateUserRules(userValidationRules, `${below}userValidationRules`, options.compile),
  ];
}

function validateIssuer(issuer: Issuer, path: string, disallowed: readonly string[]): FieldError[] {
  const { url = '', discoveryURL, audiences = [], audienceMatchPolicy: policy, certificateAuthority } = issuer;
  const errors = url ? validateUrl(url, `${path}.url`, disallowed) : [required(`${path}.url`)];
  if (discoveryURL) {
    const plain = (text: string) => text.replace(/\/+$/, '');
    if (url && plain(url) === plain(discoveryURL))
      errors.push(invalidValue(`${path}.discoveryURL`, discoveryURL, 'discoveryURL must be different from URL'));
    errors.push(...validateUrl(discoveryURL, `${path}.discoveryURL`, []));
  }
  errors.push(...validateAudiences(audiences, `${path}.audiences`));
  if (audiences.length > 1 && policy !== 'MatchAny') {
    const detail = 'audienceMatchPolicy must be MatchAny for multiple audiences';
    errors.push(invalidValue(`${path}.audienceMatchPolicy`, policy ?? '', detail));
  }
  if (audiences.length === 1 && policy && policy !== 'MatchAny') {
    const detail = 'audienceMatchPolicy must be empty or MatchAny for single audience';
    errors.push(invalidValue(`${path}.audienceMatchPolicy`, policy, detail));
  }
  if (certificateAuthority && !certificateAuthority.includes('-----BEGIN CERTIFICATE-----')) {
    const detail = 'data does not contain any valid RSA or ECDSA certificates';
    errors.push(invalidValue(`${path}.certificateAuthority`, '<omitted>', detail));
  }
  if (issuer.egressSelectorType) {
    const detail = 'egress selector must be either controlplane or cluster';
    if (issuer.egressSelectorType !== 'controlplane' && issuer.egressSelectorType !== 'cluster')
      errors.push(invalidValue(`${path}.egressSelectorType`, issuer.egressSelectorType, detail));
  }
  return errors;
}

function validateUrl(text: string, path: string, disallowed: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  const refuse = (detail: string) => errors.push(invalidValue(path, text, detail));
  if (disallowed.includes(text))
    refuse(`URL must not overlap with disallowed issuers: [${[...disallowed].sort().join(' ')}]`);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    refuse(text.includes('://') ? `parse ${JSON.stringify(text)}: invalid URL` : 'URL scheme must be https');
    return errors;
  }
  if (url.protocol !== 'https:') refuse('URL scheme must be https');
  if (url.username || url.password) refuse('URL must not contain a username or password');
  if (url.search) refuse('URL must not contain a query');
  if (url.hash) refuse('URL must not contain a fragment');
  return errors;
}

function validateAudiences(audiences: readonly string[], path: string): FieldError[] {
  if (audiences.length === 0) return [required(path, `at least one ${path} is required`)];
  const again = new Set(repeated(audiences));
  return audiences.flatMap((audience, index) => [
    ...(audience ? [] : [required(`${path}[${index}]`)]),
    ...(again.has(index) ? [duplicate(`${path}[${index}]`, audience)] : []),
  ]);
}

function validateClaimRules(
  rules: readonly ClaimValidationRule[],
  path: string,
  compile: ExpressionCompiler,
): FieldError[] {
  const claims = new Set(repeated(rules.map(({ claim = '' }) => claim)));
  const expressions = new Set(repeated(rules.map(({ expression = '' }) => expression)));
  return rules.flatMap(({ claim, requiredValue, expression, message }, index) => {
    const at = `${path}[${index}]`;
    if (claim && expression) return [invalidValue(at, claim, "claim and expression can't both be set")];
    if (claim)
      return [
        ...(message ? [invalidValue(`${at}.message`, message, 'may not be specified when claim is set')] : []),
        ...(claims.has(index) ? [duplicate(`${at}.claim`, claim)] : []),
      ];
    if (!expression) return [required(at, 'claim or expression is required')];
    const wrong = requiredValue
      ? [invalidValue(`${at}.requiredValue`, requiredValue, 'may not be specified when expression is set')]
      : [];
    if (expressions.has(index)) return [...wrong, duplicate(`${at}.expression`, expression)];
    return [...wrong, ...problems(() => compile.claimsRule(expression), `${at}.expression`, expression)];
  });
}

function validateMappings(mappings: ClaimMappings, path: string, compile: ExpressionCompiler): FieldError[] {
  const { username = {}, groups = {}, uid = {}, extra = [] } = mappings;
  const errors = [
    ...validateMapping(username, `${path}.username`, { compile, isRequired: true }),
    ...validateMapping(groups, `${path}.groups`, { compile, isRequired: false }),
  ];
  if (uid.claim && uid.expression)
    errors.push(invalidValue(`${path}.uid`, '', "claim and expression can't both be set"));
  else if (uid.expression)
    errors.push(...problems(() => compile.claims(uid.expression!), `${path}.uid.expression`, uid.expression));
  const again = new Set(repeated(extra.map(({ key = '' }) => key)));
  extra.forEach((mapping, index) => {
    errors.push(...validateExtra(mapping, `${path}.extra[${index}]`, { compile, isAgain: again.has(index) }));
  });
  return errors;
}

function validateMapping(
  { claim, prefix, expression }: PrefixedClaimOrExpression,
  path: string,
  { compile, isRequired }: { compile: ExpressionCompiler; isRequired: boolean },
): FieldError[] {
  if (claim && expression) return [invalidValue(path, '', "claim and expression can't both be set")];
  if (expression)
    return [
      ...(prefix === undefined
        ? []
        : [invalidValue(`${path}.prefix`, prefix, 'may not be specified when expression is set')]),
      ...problems(() => compile.claims(expression), `${path}.expression`, expression),
    ];
  if (!claim) return isRequired ? [required(path, 'claim or expression is required')] : [];
  const detail = 'prefix is required when claim is set. It can be set to an empty string to disable prefixing';
  return prefix === undefined ? [required(`${path}.prefix`, detail)] : [];
}

function validateExtra(
  { key = '', valueExpression }: ExtraMapping,
  path: string,
  { compile, isAgain }: { compile: ExpressionCompiler; isAgain: boolean },
): FieldError[] {
  const errors = domainPrefixedPathErrors(`${path}.key`, key);
  if (key !== key.toLowerCase()) errors.push(invalidValue(`${path}.key`, key, 'must be lowercase'));
  if (/^(?:.*\.)?(?:kubernetes|k8s)\.io$/.test(key.split('/')[0]!)) {
    const detail = 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use';
    errors.push(invalidValue(`${path}.key`, key, detail));
  }
  if (isAgain) return [...errors, duplicate(`${path}.key`, key)];
  if (!valueExpression) return [...errors, required(`${path}.valueExpression`)];
  return [...errors, ...problems(() => compile.claims(valueExpression), `${path}.valueExpression`, valueExpression)];
}

/** Who lets people in by their mail address must look whether they have proved it. */
function validateEmail({ claimMappings, claimValidationRules = [] }: JWTAuthenticator, path: string): FieldError[] {
  const { username, extra = [] } = claimMappings ?? ({} as ClaimMappings);
  const names = (text: string | undefined, field: string) =>
    new RegExp(`\\bclaims\\s*\\.\\s*\\??\\s*${field}\\b`).test(text ?? '');
  if (!names(username?.expression, 'email')) return [];
  const where = [
    username?.expression,
    ...extra.map(({ valueExpression }) => valueExpression),
    ...claimValidationRules.map(({ expression }) => expression),
  ];
  if (where.some((text) => names(text, 'email_verified'))) return [];
  const detail =
    'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression';
  return [invalidValue(path, username!.expression, detail)];
}

function validateUserRules(
  rules: readonly UserValidationRule[],
  path: string,
  compile: ExpressionCompiler,
): FieldError[] {
  const again = new Set(repeated(rules.map(({ expression = '' }) => expression)));
  return rules.flatMap(({ expression }, index) => {
    const at = `${path}[${index}].expression`;
    if (!expression) return [required(at)];
    if (again.has(index)) return [duplicate(at, expression)];
    return problems(() => compile.user(expression), at, expression);
  });
}

function problems(compile: () => unknown, path: string, expression: string): FieldError[] {
  try {
    compile();
    return [];
  } catch (error) {
    return [invalidValue(path, expression, (error as Error).message)];
  }
}

/** The places of values that stand before already; '' is none. */
function repeated(values: readonly string[]): number[] {
  return values.flatMap((value, index) => (value && values.indexOf(value) < index ? [index] : []));
}
