/** The ways of telling who is asking that most clusters do without: loaded together, and only when one is set up. */
export { oidcAuthenticator, openAuthenticationFile } from './jwt/configuration.js';
export { openTokenFile } from './token-file.js';
export { openTokenWebhook } from './token-webhook.js';
export { audienceAgnostic, remembering } from './tokens.js';

/** How long the user behind a signed token is remembered (upstream's token success cache). */
export const jwtMemory = { successMs: 10_000, failureMs: 0 };
