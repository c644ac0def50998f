/** The settings of encryption at rest, by the names of kube-apiserver's flags, and what they ask for. */
import type { Encryption, EncryptionEnvironment } from '#apiserver/registry/encryption/configuration.js';
import { file, flag, type Setting } from '../setting.js';

export interface EncryptionSettings {
  encryptionProviderConfig: string | undefined;
  encryptionProviderConfigAutomaticReload: boolean;
}

export const encryptionSettings: Record<keyof EncryptionSettings, Setting> = {
  encryptionProviderConfig: file(
    'encryption-provider-config',
    'an EncryptionConfiguration: what lies encrypted, and how',
  ),
  encryptionProviderConfigAutomaticReload: flag(
    'encryption-provider-config-automatic-reload',
    false,
    'take over changes of that file',
  ),
};

/** Undefined where nothing is encrypted. Throws ConfigurationError. */
export async function openEncryptionOf(
  { encryptionProviderConfig: path, encryptionProviderConfigAutomaticReload: reload }: EncryptionSettings,
  environment: EncryptionEnvironment,
): Promise<Encryption | undefined> {
  if (!path) return undefined;
  const { openEncryption } = await import('#apiserver/registry/encryption/configuration.js');
  return openEncryption({ path, reload }, environment);
}
