/** The servers outside that the API server asks (webhooks), as kubeconfig files name them. */
import { dirname } from 'node:path';
import type { Clock } from '#base/clock.js';
import { Remote } from '#base/remote.js';
import { parseKubeconfig } from '#client/kubeconfig.js';
import { readConfigurationFile } from './configuration-file.js';

/** Throws ConfigurationError, or KubeconfigError. */
export async function openRemote(path: string, { clock }: { clock: Clock }): Promise<Remote> {
  const text = (await readConfigurationFile(path)).toString();
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

/** Asked again when it does not answer or fails, each time after half as long again (upstream's webhook back-off). */
const attemptsMax = 5;
const backoffByDefaultMs = 500;
const backoffFactor = 1.5;

/** Posts an object and gives the one that comes back. Throws Error when there is none in the end. */
export async function askRemote<T>(
  remote: Remote,
  body: object,
  clock: Clock,
  { timeoutMs = 30_000, firstBackoffMs = backoffByDefaultMs }: { timeoutMs?: number; firstBackoffMs?: number } = {},
): Promise<T> {
  let backoffMs = firstBackoffMs;
  for (let attempt = 1; ; attempt++) {
    let failure: unknown;
    try {
      const { status, text } = await remote.request({ method: 'POST', body, timeoutMs });
      if (status >= 200 && status < 300) return JSON.parse(text) as T;
      failure = new Error(`the webhook answered with HTTP status ${status}: ${text.slice(0, 200)}`);
      if (status < 500 && status !== 429) throw failure;
    } catch (error) {
      if (error === failure || error instanceof SyntaxError) throw error;
      failure = error;
    }
    if (attempt === attemptsMax) throw failure;
    await clock.sleep(backoffMs);
    backoffMs *= backoffFactor;
  }
}
