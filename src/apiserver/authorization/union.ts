/** Authorizers in a row, and what the API server answers when none allows. */
import { forbidden, StatusError } from '#apimachinery/errors.js';
import { quote } from '#base/go-text.js';
import type { Attributes, Authorizer, Decision } from './authorizer.js';

export const privilegedGroup = 'system:masters';

/** Members of system:masters may do anything, whatever roles say: the way back in when those are broken. */
export const privilegedGroupAuthorizer: Authorizer = {
  authorize({ user }) {
    return user.groups.includes(privilegedGroup)
      ? { decision: 'allow', reason: '' }
      : { decision: 'no opinion', reason: '' };
  },
};

/** Asks in order; the first to allow or deny decides. Reasons of those without an opinion are kept, one a line. */
export class UnionAuthorizer implements Authorizer {
  readonly #authorizers: readonly Authorizer[];

  constructor(authorizers: readonly Authorizer[]) {
    this.#authorizers = authorizers;
  }

  authorize(attributes: Attributes): Decision | Promise<Decision> {
    return this.#ask(attributes, { from: 0, reasons: [], errors: [] });
  }

  /** Stays synchronous as long as the authorizers do: nearly every request is decided without a promise. */
  #ask(attributes: Attributes, { from, ...so }: Heard & { from: number }): Decision | Promise<Decision> {
    let heard: Heard = so;
    for (let index = from; index < this.#authorizers.length; index++) {
      const answer = this.#authorizers[index]!.authorize(attributes);
      if (answer instanceof Promise)
        return answer.then((decision) => {
          if (decision.decision !== 'no opinion') return decision;
          return this.#ask(attributes, { from: index + 1, ...withAnswer(heard, decision) });
        });
      if (answer.decision !== 'no opinion') return answer;
      heard = withAnswer(heard, answer);
    }
    const [first, ...more] = heard.errors;
    const error = more.length > 0 ? new AggregateError(heard.errors, aggregateText(heard.errors)) : first;
    return { decision: 'no opinion', reason: heard.reasons.join('\n'), ...(error && { error }) };
  }
}

/** Of those without an opinion. */
interface Heard {
  reasons: readonly string[];
  errors: readonly Error[];
}

function withAnswer({ reasons, errors }: Heard, { reason, error }: Decision): Heard {
  return { reasons: reason ? [...reasons, reason] : reasons, errors: error ? [...errors, error] : errors };
}

function aggregateText(errors: readonly Error[]): string {
  return `[${errors.map(({ message }) => message).join(', ')}]`;
}

/** The 403 for a request that nobody allowed, in upstream's words, which people and tools read. */
export function forbiddenError(attributes: Attributes, reason: string): StatusError {
  const { user, verb, resource, path } = attributes;
  const who = `User ${quote(user.name)} cannot ${verb}`;
  if (!resource) {
    const message = `forbidden: ${withDetail(`${who} path ${quote(path ?? '')}`, reason)}`;
    return new StatusError({ reason: 'Forbidden', message, details: {} });
  }
  const { group, subresource, namespace, name } = resource;
  const target = subresource ? `${resource.resource}/${subresource}` : resource.resource;
  const where = namespace ? `in the namespace ${quote(namespace)}` : 'at the cluster scope';
  const what = `${who} resource ${quote(target)} in API group ${quote(group)} ${where}`;
  return forbidden({ group, resource: resource.resource, name: name || undefined }, withDetail(what, reason));
}

/** What was asked for is the caller's own text, which must not look like a page of HTML. */
function withDetail(text: string, reason: string): string {
  const harmless = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return reason ? `${harmless}: ${reason}` : harmless;
}
