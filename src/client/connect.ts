/** From what a kubeconfig says to a client that speaks to that cluster. */
import { type Clock, SystemClock } from '#base/clock.js';
import { Client } from './client.js';
import { HttpTransport } from './http-transport.js';
import { type Access, parseKubeconfig } from './kubeconfig.js';

export interface ConnectOptions {
  /** Of a kubeconfig with several. Default: its current one. */
  context?: string;
  /** Where the kubeconfig lies, for credentials that it names by relative path. Default: the working directory. */
  directory?: string;
  /** Measures timeouts and waits between tries. Default: the machine's. */
  clock?: Clock;
  /** `my-operator/1.2`; the part before the slash is the manager of the fields it writes, where no other is named. */
  userAgent?: string;
}

/** A client and the connections below it. */
export interface Connected {
  client: Client;
  transport: HttpTransport;
}

/** Opens no connection until the first request. Throws KubeconfigError when the text cannot be used. */
export async function connect(kubeconfig: string, options: ConnectOptions = {}): Promise<Connected> {
  const transport = transportOf(await parseKubeconfig(kubeconfig, options), options);
  return { client: new Client(transport), transport };
}

export function transportOf(
  access: Access,
  { clock = new SystemClock(), userAgent }: ConnectOptions = {},
): HttpTransport {
  return new HttpTransport({
    server: access.server,
    ca: access.certificateAuthority,
    cert: access.clientCertificate,
    key: access.clientKey,
    token: access.token,
    tlsServerName: access.tlsServerName,
    insecureSkipTlsVerify: access.insecureSkipTlsVerify,
    clock,
    userAgent,
  });
}
