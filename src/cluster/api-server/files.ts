/** What the settings of the API server name in files, opened before it starts; what is not set is not loaded. */
import type { FeatureGates } from '#apimachinery/features/gates.js';
import type { AdmissionChoice } from '#apiserver/admission/plugins.js';
import type { OpenAuditor } from '#apiserver/audit/open.js';
import type { RowSource } from '#apiserver/authorization/row.js';
import type { BrowserRules } from '#apiserver/http/browsers.js';
import type { Encryption } from '#apiserver/registry/encryption/configuration.js';
import { openAdmissionOf } from './admission.js';
import { openAudit } from './audit.js';
import { type Authentication, type AuthenticationEnvironment, openAuthentication } from './authentication.js';
import { openAuthorization } from './authorization.js';
import { openBrowserRules } from './browsers.js';
import { openEncryptionOf } from './encryption.js';
import { gatesOf, tellUnmoved } from './gates.js';
import type { ApiServerSettings } from './settings.js';

export interface ApiServerFiles {
  admission?: AdmissionChoice;
  audit?: OpenAuditor;
  authentication: Authentication;
  authorizers?: RowSource;
  browsers?: BrowserRules;
  encryption?: Encryption;
  gates: FeatureGates;
}

/** Throws ConfigurationError or KubeconfigError for a file that cannot be used, and ConfigError for a setting. */
export async function openApiServerFiles(
  settings: ApiServerSettings,
  environment: AuthenticationEnvironment,
): Promise<ApiServerFiles> {
  const gates = gatesOf(settings);
  tellUnmoved(gates, environment.log);
  const { egressSelectorConfigFile: egress } = settings;
  if (egress) await (await import('#apiserver/egress-selector.js')).requireDirectEgress(egress);
  return {
    gates,
    admission: await openAdmissionOf(settings, environment),
    audit: await openAudit(settings, environment),
    authentication: await openAuthentication(withoutUnknown(settings, environment), environment),
    authorizers: await openAuthorization(settings, environment),
    browsers: await openBrowserRules(settings),
    encryption: await openEncryptionOf(settings, environment),
  };
}

/** Where everything is allowed, nobody is let in without saying who it is, even if that was asked for: as upstream. */
function withoutUnknown<T extends ApiServerSettings>(settings: T, { log }: AuthenticationEnvironment): T {
  if (!settings.anonymousAuth || !settings.authorizationMode.includes('AlwaysAllow')) return settings;
  log.warn('callers without credentials are not let in, because --authorization-mode has AlwaysAllow');
  return { ...settings, anonymousAuth: false };
}
