/**
 * `/healthz`, `/livez` and `/readyz`: named checks, all together or one by one, in upstream's text.
 * https://kubernetes.io/docs/reference/using-api/health-checks/
 */
import type { Log } from '#base/log.js';
import { type Answer, plainText } from './call.js';

export interface HealthCheck {
  name: string;
  /** Which endpoints run it. Default: all. */
  endpoints?: readonly HealthEndpoint[];
  /** Throws when the check fails; the reason goes to the log, not to the caller. */
  check: () => Promise<void> | void;
}

export type HealthEndpoint = 'healthz' | 'livez' | 'readyz';

const endpoints: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz'];

export interface HealthOptions {
  checks: readonly HealthCheck[];
  log: Log;
  /** Told of every check that ran. */
  told?: (name: string, endpoint: HealthEndpoint, passed: boolean) => void;
}

/** Where the checks are asked for one by one, as the index at `/` tells it. */
export function healthPaths(checks: readonly HealthCheck[]): string[] {
  return checks.flatMap(({ name, endpoints: own = endpoints }) => own.map((endpoint) => `/${endpoint}/${name}`));
}

/** Undefined for a path that is not about health. */
export async function answerHealth(
  { path, query }: { path: string; query: URLSearchParams },
  options: HealthOptions,
): Promise<Answer | undefined> {
  const [, endpoint, ...rest] = path.split('/');
  if (!isEndpoint(endpoint)) return undefined;
  const own = options.checks.filter((check) => !check.endpoints || check.endpoints.includes(endpoint));
  // The names of some checks have slashes.
  const name = rest.join('/');
  if (rest.length > 0 && name === '') return undefined;
  if (name) {
    const one = own.find((check) => check.name === name);
    return one && answerOne(one);
  }
  const { lines, failed } = await runAll(own, { ...options, endpoint, excluded: new Set(query.getAll('exclude')) });
  if (failed > 0) return plainText(500, `${lines.join('\n')}\n${endpoint} check failed\n`);
  if (!query.has('verbose')) return plainText(200, 'ok');
  return plainText(200, `${lines.join('\n')}\n${endpoint} check passed\n`);
}

async function runAll(
  checks: readonly HealthCheck[],
  { excluded, endpoint, log, told }: HealthOptions & { excluded: ReadonlySet<string>; endpoint: HealthEndpoint },
): Promise<{ lines: string[]; failed: number }> {
  const lines: string[] = [];
  let failed = 0;
  for (const check of checks) {
    if (excluded.has(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const reason = await failureOf(check);
    told?.(check.name, endpoint, reason === undefined);
    if (reason === undefined) lines.push(`[+]${check.name} ok`);
    else {
      failed++;
      lines.push(`[-]${check.name} failed: reason withheld`);
      log.warn('health check failed', { check: check.name, err: reason });
    }
  }
  const unknown = [...excluded].filter((name) => !checks.some((check) => check.name === name)).sort();
  if (unknown.length > 0) {
    const names = unknown.map((one) => JSON.stringify(one)).join(',');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  return { lines, failed };
}

/** The path of one check is not public, and tells why. */
async function answerOne(check: HealthCheck): Promise<Answer> {
  const reason = await failureOf(check);
  // Upstream's http.Error is what says `nosniff`, and it is for failures.
  if (reason === undefined) return { type: 'bytes', code: 200, contentType: 'text/plain; charset=utf-8', body: 'ok' };
  return plainText(500, `internal server error: ${reason instanceof Error ? reason.message : String(reason)}\n`);
}

async function failureOf({ check }: HealthCheck): Promise<unknown> {
  try {
    await check();
    return undefined;
  } catch (error) {
    return error ?? new Error('the check failed');
  }
}

function isEndpoint(name: string | undefined): name is HealthEndpoint {
  return (endpoints as readonly (string | undefined)[]).includes(name);
}
