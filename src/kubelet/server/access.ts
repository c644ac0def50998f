/**
 * Who may ask the kubelet for what: client certificates of the cluster's authority, or bearer tokens that the API server
 * knows (TokenReview); and each request is the API server's to allow (SubjectAccessReview).
 * https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import tokenReviews from '#api/authentication/tokenreview.js';
import subjectAccessReviews from '#api/authorization/subjectaccessreview.js';
import type { UserInfo as ReviewedUser } from '#api/gen/authentication-v1.js';
import type { SubjectAccessReviewSpec } from '#api/gen/authorization-v1.js';
import type { Clock } from '#base/clock.js';
import type { Log } from '#base/log.js';
import type { Client } from '#client/client.js';
import { ExpiringMap } from '#client/expiring-map.js';

/** What the API server is asked. */
export interface Reviews {
  /** Whose token it is; undefined for nobody's. */
  user(token: string): Promise<ReviewedUser | undefined>;
  isAllowed(spec: SubjectAccessReviewSpec): Promise<boolean>;
}

export function reviewsBy(client: Client): Reviews {
  return {
    async user(token) {
      const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec: { token } };
      const { status } = await client.of(tokenReviews).create(review);
      if (status?.error && !status.authenticated) throw new Error(status.error);
      return status?.authenticated ? (status.user ?? {}) : undefined;
    },
    async isAllowed(spec) {
      const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', metadata: {}, spec };
      return (await client.of(subjectAccessReviews).create(review)).status?.allowed === true;
    },
  };
}

export interface Refusal {
  code: number;
  text: string;
}

/** How long answers hold, as in upstream's KubeletConfiguration by default. */
const tokenMs = 2 * 60_000;
const allowedMs = 5 * 60_000;
const forbiddenMs = 30_000;
const answersMax = 8192;

export class KubeletAccess {
  readonly #options: { reviews: Reviews; clock: Clock; log: Log };
  readonly #users: Answers<ReviewedUser | undefined>;
  readonly #verdicts: Answers<boolean>;

  constructor(options: { reviews: Reviews; clock: Clock; log: Log }) {
    this.#options = options;
    this.#users = new Answers(options.clock, () => tokenMs);
    this.#verdicts = new Answers(options.clock, (allowed) => (allowed ? allowedMs : forbiddenMs));
  }

  /** undefined: go on. */
  async refusal(request: IncomingMessage, nodeName: string): Promise<Refusal | undefined> {
    const { reviews, log } = this.#options;
    let user: ReviewedUser | undefined;
    try {
      user = certifiedUser(request.socket as TLSSocket) ?? (await this.#tokenUser(request));
    } catch (err) {
      log.warn('a token could not be reviewed', { err });
    }
    if (!user) return { code: 401, text: 'Unauthorized' };
    const verb = verbs[request.method ?? ''] ?? '';
    const path = (request.url ?? '/').split('?', 1)[0]!;
    const subresources = subresourcesOf(path);
    const { username: name = '', uid, groups, extra } = user;
    for (const subresource of subresources) {
      const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name: nodeName };
      const spec = { user: name, uid, groups, extra, resourceAttributes };
      try {
        if (await this.#verdicts.of(JSON.stringify(spec), () => reviews.isAllowed(spec))) return undefined;
      } catch (err) {
        log.warn('an access could not be reviewed', { err });
        const what = `user=${name}, verb=${verb}, resource=nodes, subresource=${subresource}`;
        return { code: 500, text: `Authorization error (${what})` };
      }
    }
    const what = `user=${name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}]`;
    return { code: 403, text: `Forbidden (${what})\n` };
  }

  async #tokenUser({ headers }: IncomingMessage): Promise<ReviewedUser | undefined> {
    const token = bearerToken(headers.authorization);
    if (!token) return undefined;
    // The token itself is kept nowhere.
    const key = createHash('sha256').update(token).digest('base64');
    return this.#users.of(key, () => this.#options.reviews.user(token));
  }
}

/** Answers that are asked for once while they hold, also by many at the same time. */
class Answers<T> {
  readonly #lifeMs: (answer: T) => number;
  readonly #known: ExpiringMap<string, { answer: T }>;
  readonly #asking = new Map<string, Promise<T>>();

  constructor(clock: Clock, lifeMs: (answer: T) => number) {
    this.#lifeMs = lifeMs;
    this.#known = new ExpiringMap({ clock, entriesMax: answersMax });
  }

  async of(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#known.get(key);
    if (known) return known.answer;
    let asking = this.#asking.get(key);
    if (!asking) {
      asking = ask().finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    const answer = await asking;
    this.#known.set(key, { answer }, this.#lifeMs(answer));
    return answer;
  }
}

/** A certificate that the cluster's authority did not sign is none; there may still be a token. */
function certifiedUser(socket: TLSSocket): ReviewedUser | undefined {
  if (!socket.authorized) return undefined;
  const { CN, O } = socket.getPeerCertificate().subject as { CN?: string | string[]; O?: string | string[] };
  return { username: [CN ?? []].flat()[0] ?? '', groups: [...[O ?? []].flat(), 'system:authenticated'] };
}

function bearerToken(header = ''): string | undefined {
  const [scheme = '', token = ''] = header.trim().split(' ', 3);
  return scheme.toLowerCase() === 'bearer' ? token : undefined;
}

const verbs: Record<string, string> = {
  POST: 'create',
  GET: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** By the first part of the path: what may be asked for alone, before nodes/proxy, which is everything. */
const fineGrained: Record<string, string> = {
  pods: 'pods',
  runningpods: 'pods',
  healthz: 'healthz',
  configz: 'configz',
};
/** Parts of their own: nodes/proxy does not give them. */
const apart: Record<string, string> = {
  stats: 'stats',
  metrics: 'metrics',
  logs: 'log',
  checkpoint: 'checkpoint',
  statusz: 'statusz',
  flagz: 'configz',
};

/** Any one of them is enough. */
export function subresourcesOf(path: string): string[] {
  const first = path.split('/')[1] ?? '';
  const own = Object.hasOwn(apart, first) ? apart[first] : undefined;
  if (own) return [own];
  return Object.hasOwn(fineGrained, first) ? [fineGrained[first]!, 'proxy'] : ['proxy'];
}
