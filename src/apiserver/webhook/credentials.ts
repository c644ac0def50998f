/**
 * How webhooks are signed in to: the users of a kubeconfig, which are named after the servers they are for.
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#authenticate-apiservers
 */
import { type Credentials, readKubeconfigUsers } from '#client/kubeconfig.js';

export type WebhookCredentials = (server: { host: string; port: number }) => Credentials | undefined;

const httpsPort = 443;

/** Throws KubeconfigError. */
export async function readCredentials(path: string): Promise<WebhookCredentials> {
  const { users, current } = await readKubeconfigUsers(path);
  return credentialsByName(users, current);
}

/** By host and port, then by ever shorter ends of them; the port of HTTPS may be left out of a name. `*` is for all others. */
export function credentialsByName(
  users: ReadonlyMap<string, Credentials>,
  current: Credentials | undefined,
): WebhookCredentials {
  return ({ host, port }) => {
    const names = [...namesFor(`${host}:${port}`), ...(port === httpsPort ? namesFor(host) : []), '*'];
    const name = names.find((one) => users.has(one));
    return name === undefined ? current : users.get(name);
  };
}

function namesFor(target: string): string[] {
  const steps = target.split('.');
  return [target, ...steps.slice(1).map((_, index) => `*.${steps.slice(index + 1).join('.')}`)];
}
