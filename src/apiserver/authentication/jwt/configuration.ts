/**
 * The issuers of tokens that the API server trusts beside itself: of an AuthenticationConfiguration file, which may
 * change while we run, or of the older flags for one provider.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
 */
import type { AnonymousAuthConfig, AuthenticationConfiguration, JWTAuthenticator } from '#api/gen/apiserver-v1.js';
import type { Clock } from '#base/clock.js';
import { type AlgorithmName, algorithmNames } from '#base/jws.js';
import type { Log } from '#base/log.js';
import { RecentMap } from '#client/recent-map.js';
import { followFile, parseConfiguration, readConfigurationFile, requireValidFile } from '../../configuration-file.js';
import type { Authenticator } from '../authenticator.js';
import { JwtAuthenticator } from './authenticator.js';
import { claimRules } from './claims.js';
import { expressionCompiler } from './expressions.js';
import { Issuer } from './issuer.js';
import { type JwtValidation, validateAuthentication, validateJwt } from './validation.js';

export interface JwtEnvironment extends Pick<JwtValidation, 'disallowedIssuers'> {
  clock: Clock;
  log: Log;
  /** Aborts when the server stops. */
  signal: AbortSignal;
}

export interface Trusted {
  authenticator: Authenticator;
  /** What the file says of callers without credentials; undefined: nothing. */
  anonymous?: AnonymousAuthConfig;
}

/** Issuers of distributed claims that are remembered, for each issuer of tokens. */
const othersMax = 16;

const kind = {
  group: 'apiserver.config.k8s.io',
  kind: 'AuthenticationConfiguration',
  versions: ['v1', 'v1beta1', 'v1alpha1'],
} as const;

/** Throws ConfigurationError. */
export async function openAuthenticationFile(path: string, environment: JwtEnvironment): Promise<Trusted> {
  const read = (bytes: Uint8Array) => {
    const { value } = parseConfiguration<AuthenticationConfiguration>(bytes, { path, ...kind });
    requireValidFile(path, validateAuthentication(value, { ...environment, compile: expressionCompiler }));
    return value;
  };
  const first = await readConfigurationFile(path);
  const { jwt = [], anonymous } = read(first);
  let current = authenticatorsOf(jwt, environment);
  const { clock, log, signal } = environment;
  const apply = (bytes: Uint8Array) => {
    current = authenticatorsOf(read(bytes).jwt ?? [], environment);
  };
  void followFile(path, { apply, clock, log, signal, first });
  return { authenticator: firstOf(() => current), anonymous };
}

/** The flags `--oidc-...`. */
export interface OidcSettings {
  issuerUrl: string;
  clientId: string;
  certificateAuthority?: string;
  usernameClaim: string;
  /** '-' for none; undefined: the issuer and `#`, unless the claim is `email`. */
  usernamePrefix?: string;
  groupsClaim?: string;
  groupsPrefix: string;
  requiredClaims: Readonly<Record<string, string>>;
  signingAlgorithms: readonly string[];
}

/** Throws ConfigurationError. */
export function oidcAuthenticator(settings: OidcSettings, environment: JwtEnvironment): Authenticator {
  const { issuerUrl: url, usernameClaim: claim, usernamePrefix: given, groupsClaim, requiredClaims } = settings;
  const byDefault = claim === 'email' ? '' : `${url}#`;
  const jwt: JWTAuthenticator = {
    issuer: { url, audiences: [settings.clientId], certificateAuthority: settings.certificateAuthority },
    claimMappings: {
      username: { claim, prefix: given === '-' ? '' : (given ?? byDefault) },
      groups: groupsClaim ? { claim: groupsClaim, prefix: settings.groupsPrefix } : {},
      uid: {},
    },
    claimValidationRules: Object.entries(requiredClaims).map(([name, requiredValue]) => ({
      claim: name,
      requiredValue,
    })),
  };
  requireValidFile('--oidc-issuer-url', validateJwt(jwt, '', { ...environment, compile: expressionCompiler }));
  const algorithms = settings.signingAlgorithms.filter((one): one is AlgorithmName =>
    algorithmNames.includes(one as AlgorithmName),
  );
  const authenticators = authenticatorsOf([jwt], { ...environment, algorithms });
  return firstOf(() => authenticators);
}

function authenticatorsOf(
  configurations: readonly JWTAuthenticator[],
  environment: JwtEnvironment & { algorithms?: readonly AlgorithmName[] },
): JwtAuthenticator[] {
  const { clock, log, algorithms = algorithmNames } = environment;
  return configurations.map((configuration) => {
    const { url = '', discoveryURL, certificateAuthority } = configuration.issuer ?? {};
    const shared = { certificateAuthority: certificateAuthority || undefined, algorithms, clock };
    const issuer = new Issuer({ url, discoveryUrl: discoveryURL, ...shared });
    // The first caller need not wait for the keys, where the issuer is there already.
    issuer.refresh().catch(() => log.warn('an issuer of tokens cannot be reached', { url, why: issuer.problem }));
    const others = new RecentMap<string, Issuer>(othersMax);
    const issuerOf = (name: string) => {
      let found = others.get(name);
      if (!found) {
        found = new Issuer({ url: name, ...shared });
        others.set(name, found);
      }
      return found;
    };
    return new JwtAuthenticator({
      configuration,
      rules: claimRules(configuration, expressionCompiler),
      issuer,
      issuerOf,
      clock,
    });
  });
}

function firstOf(current: () => readonly Authenticator[]): Authenticator {
  return {
    name: 'jwt',
    async authenticate(credentials, options) {
      for (const authenticator of current()) {
        const found = await authenticator.authenticate(credentials, options);
        if (found) return found;
      }
      return undefined;
    },
  };
}
