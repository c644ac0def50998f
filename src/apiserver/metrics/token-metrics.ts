/** How tokens of service accounts are used, under upstream's names: old kinds of them should be gone before they are refused. */
import type { MetricRegistry, Value } from '#base/metrics.js';

export interface TokenUse {
  /** Of a token that names its end. `isStale`: it should have been fetched anew. */
  bound(isStale: boolean): void;
  /** Of a token of a secret. `isAutomatic`: the account names the secret as one of its own. */
  legacy(use: { isAutomatic: boolean; isInvalid: boolean }): void;
}

export function tokenMetrics(registry: MetricRegistry): TokenUse {
  const counter = (name: string, help: string): Value =>
    registry.counter({ name: `serviceaccount_${name}_total`, help: `[ALPHA] ${help}` }).with();
  const valid = counter('valid_tokens', 'Uses of tokens of service accounts.');
  const stale = counter('stale_tokens', 'Uses of tokens that should have been fetched anew.');
  const legacy = counter('legacy_tokens', 'Uses of tokens of secrets.');
  const automatic = counter('legacy_auto_token_uses', 'Uses of tokens of secrets that were made for accounts.');
  const manual = counter('legacy_manual_token_uses', 'Uses of tokens of secrets that somebody made.');
  const invalid = counter('invalid_legacy_auto_token_uses', 'Uses of tokens of secrets that were marked invalid.');
  return {
    bound: (isStale) => (isStale ? stale : valid).add(),
    legacy({ isAutomatic, isInvalid }) {
      if (isInvalid) {
        invalid.add();
        return;
      }
      legacy.add();
      (isAutomatic ? automatic : manual).add();
    },
  };
}
