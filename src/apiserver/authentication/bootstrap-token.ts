/**
 * Bootstrap tokens: `id.secret`, kept as secrets of kube-system, by which machines that have nothing else yet join.
 * https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
 */
import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import { freeze } from '#base/json.js';
import type { Authenticator } from './authenticator.js';
import { rejected } from './union.js';

const defaultGroup = 'system:bootstrappers';
const groupForm = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export interface BootstrapTokenOptions {
  clock: Clock;
  /** Of kube-system. */
  secret(name: string): Promise<Secret | undefined>;
}

export function bootstrapTokens({ clock, secret: find }: BootstrapTokenOptions): Authenticator {
  return {
    name: 'bootstrap token',
    async authenticate({ bearerToken }) {
      const match = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(bearerToken ?? '');
      if (!match) return undefined;
      const [, id, given] = match as unknown as [string, string, string];
      const secret = await find(`bootstrap-token-${id}`);
      if (!secret || secret.metadata.deletionTimestamp || secret.type !== 'bootstrap.kubernetes.io/token')
        return undefined;
      const value = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
      if (!sameText(value('token-secret'), given) || value('token-id') !== id) return undefined;
      const expires = value('expiration');
      if (expires && !(Date.parse(expires) > clock.now())) return undefined;
      if (value('usage-bootstrap-authentication') !== 'true') return undefined;
      const extra = value('auth-extra-groups').split(',').filter(Boolean);
      const wrong = extra.find((group) => !groupForm.test(group));
      if (wrong) {
        const why = `bootstrap group ${JSON.stringify(wrong)} is invalid (must match ${groupForm.source})`;
        throw rejected(why);
      }
      const groups = [...new Set([defaultGroup, ...extra])].sort();
      return { user: freeze({ name: `system:bootstrap:${id}`, groups }) };
    },
  };
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
