/** KMS plugins as an EncryptionConfiguration names them; loaded when one does. */
import type { KMSConfiguration } from '#api/gen/apiserver-v1.js';
import { parseMilliseconds } from '#apimachinery/codec/time.js';
import { KmsPlugin, type KmsPluginOptions } from './plugin.js';

export { kmsProvider } from './provider.js';

export const defaultTimeout = '3s';

/** Of a configuration that was found to be right. */
export function pluginOf(
  { name = '', endpoint = '', timeout }: KMSConfiguration,
  environment: Pick<KmsPluginOptions, 'clock' | 'log' | 'signal'>,
): KmsPlugin {
  const timeoutMs = parseMilliseconds(timeout ?? defaultTimeout);
  return new KmsPlugin({ ...environment, name, socketPath: socketPathOf(endpoint), timeoutMs });
}

/** `unix:///run/kms.sock`; upstream also takes `unix:///@name`, for sockets that have no file. */
function socketPathOf(endpoint: string): string {
  const path = new URL(endpoint).pathname;
  return path.startsWith('/@') ? `\0${path.slice(2)}` : path;
}
