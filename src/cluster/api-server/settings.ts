/**
 * The settings of the API server that kube-apiserver has too, by the names that it gives its flags.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
 */
import type { Setting } from '../setting.js';
import { type AuditSettings, auditSettings } from './audit.js';
import { type AuthenticationSettings, authenticationSettings } from './authentication.js';

export interface ApiServerSettings extends AuditSettings, AuthenticationSettings {}

export const apiServerSettings: Record<keyof ApiServerSettings, Setting> = {
  ...auditSettings,
  ...authenticationSettings,
};
