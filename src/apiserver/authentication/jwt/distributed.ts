/** Claims that a token only points to (OpenID Connect Core 1.0, section 5.6.2): fetched, verified and put in. */
import type { Clock } from '#base/clock.js';
import { Remote } from '#base/remote.js';
import { rejected } from '../union.js';

type Claims = Record<string, unknown>;

const timeoutMs = 30_000;

interface Source {
  endpoint?: string;
  access_token?: string;
}

/** `verify` gives the claims of a signed token, or throws. Throws StatusError (401). */
export async function expandDistributed(
  claims: Claims,
  { claim, verify, clock }: { claim: string; verify: (token: string) => Promise<Claims>; clock: Clock },
): Promise<void> {
  const names = claims['_claim_names'] as Record<string, string> | undefined;
  const name = names?.[claim];
  if (Object.hasOwn(claims, claim) || name === undefined) return;
  const refuse = (why: string, cause?: unknown) =>
    rejected(`oidc: could not expand distributed claims: ${why}`, { cause });
  const sources = claims['_claim_sources'] as Record<string, Source> | undefined;
  if (!sources) throw refuse('oidc: no claim sources');
  const source = sources[name];
  if (!source) throw refuse(`id token _claim_names contained a source ${name} missing in _claims_sources`);
  if (!source.endpoint) return;
  let token: string;
  const remote = new Remote({ url: source.endpoint, clock, token: source.access_token });
  try {
    const { status, text } = await remote.request({ method: 'GET', timeoutMs });
    if (status !== 200) throw new Error(`HTTP status ${status}`);
    token = text.trim();
  } catch (error) {
    throw refuse(`while getting distributed claim "${claim}": ${(error as Error).message}`, error);
  } finally {
    remote.close();
  }
  const found = await verify(token);
  if (!Object.hasOwn(found, claim))
    throw refuse(`jwt returned by distributed claim endpoint "${source.endpoint}" did not contain claim: ${claim}`);
  claims[claim] = found[claim];
}
