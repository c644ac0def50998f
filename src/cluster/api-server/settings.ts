/**
 * The settings of the API server that kube-apiserver has too, by the names that it gives its flags.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
 */
import { file, flag, type Setting } from '../setting.js';
import { type AdmissionSettings, admissionSettings } from './admission.js';
import { type AuditSettings, auditSettings } from './audit.js';
import { type AuthenticationSettings, authenticationSettings } from './authentication.js';
import { type AuthorizationSettings, authorizationSettings } from './authorization.js';
import { type BrowserSettings, browserSettings } from './browsers.js';
import { type EncryptionSettings, encryptionSettings } from './encryption.js';
import { type GateSettings, gateSettings } from './gates.js';

export interface ApiServerSettings
  extends AdmissionSettings,
    AuditSettings,
    AuthenticationSettings,
    AuthorizationSettings,
    BrowserSettings,
    EncryptionSettings,
    GateSettings {
  egressSelectorConfigFile: string | undefined;
  profiling: boolean;
  enableAggregatorRouting: boolean;
}

export const apiServerSettings: Record<keyof ApiServerSettings, Setting> = {
  ...admissionSettings,
  ...auditSettings,
  ...authenticationSettings,
  ...authorizationSettings,
  ...browserSettings,
  ...encryptionSettings,
  ...gateSettings,
  egressSelectorConfigFile: file(
    'egress-selector-config-file',
    'an EgressSelectorConfiguration, of which there is the direct way only',
  ),
  profiling: flag('profiling', true, 'tell profiles of this process below /debug/pprof/'),
  enableAggregatorRouting: {
    ...flag(
      'enable-aggregator-routing',
      false,
      'reach webhooks and aggregated servers at endpoints of their services, not at cluster IPs (default: true with the simulated runtime, where nothing forwards cluster IPs)',
    ),
    default: undefined,
  },
};
