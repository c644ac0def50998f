/** What authenticators of bearer tokens share: an answer that is remembered for a while, and audiences. */
import { createHash } from 'node:crypto';
import { isReason, type StatusError } from '#apimachinery/errors.js';
import type { Clock } from '#base/clock.js';
import { ExpiringMap } from '#client/expiring-map.js';
import type { Authenticated, Authenticator } from './authenticator.js';

/** Answers remembered by one authenticator. */
const answersMax = 4096;

interface Remembered {
  answer?: Authenticated;
  refusal?: StatusError;
}

export interface RememberOptions {
  clock: Clock;
  successMs: number;
  /** 0: refusals are not remembered. */
  failureMs: number;
}

/** Asks once for a token within the time. Tokens are kept by their digest, and so are not found in a dump of memory. */
export function remembering(
  authenticator: Authenticator,
  { clock, successMs, failureMs }: RememberOptions,
): Authenticator {
  const remembered = new ExpiringMap<string, Remembered>({ clock, entriesMax: answersMax });
  return {
    name: authenticator.name,
    async authenticate(credentials, options) {
      const { bearerToken } = credentials;
      if (!bearerToken) return undefined;
      const audiences = (options?.audiences ?? []).join(' ');
      const id = createHash('sha256').update(`${audiences}\n${bearerToken}`).digest('base64');
      const known = remembered.get(id);
      if (known) {
        if (known.refusal) throw known.refusal;
        return known.answer;
      }
      try {
        const answer = await authenticator.authenticate(credentials, options);
        remembered.set(id, { answer }, answer ? successMs : failureMs);
        return answer;
      } catch (error) {
        if (isReason(error, 'Unauthorized')) remembered.set(id, { refusal: error }, failureMs);
        throw error;
      }
    },
  };
}

/** For tokens that say nothing of audiences: they are good for those of the API server, and no others. */
export function audienceAgnostic(authenticator: Authenticator, own: readonly string[]): Authenticator {
  return {
    name: authenticator.name,
    async authenticate(credentials, options = {}) {
      const { audiences: wanted } = options;
      if (!wanted?.length) return authenticator.authenticate(credentials);
      const audiences = wanted.filter((audience) => own.includes(audience));
      if (audiences.length === 0) return undefined;
      const found = await authenticator.authenticate(credentials);
      return found && { ...found, audiences };
    },
  };
}
