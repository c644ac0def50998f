/** The servers outside that the API server asks (webhooks), as kubeconfig files name them. */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '#base/clock.js';
import { Remote } from '#base/remote.js';
import { parseKubeconfig } from '#client/kubeconfig.js';
import { ConfigurationError } from './configuration-file.js';

/** Throws ConfigurationError, or KubeconfigError. */
export async function openRemote(path: string, { clock }: { clock: Clock }): Promise<Remote> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ConfigurationError(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  const access = await parseKubeconfig(text, { directory: dirname(path) });
  return new Remote({
    url: access.server,
    clock,
    ca: access.certificateAuthority,
    cert: access.clientCertificate,
    key: access.clientKey,
    tlsServerName: access.tlsServerName,
    insecureSkipTlsVerify: access.insecureSkipTlsVerify,
    token: access.token,
  });
}
