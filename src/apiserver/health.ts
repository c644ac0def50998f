/**
 * `/healthz`, `/livez` and `/readyz`: named checks, all together or one by one, in upstream's text.
 * https://kubernetes.io/docs/reference/using-api/health-checks/
 */
import type { Log } from '#base/log.js';
import type { Answer } from './call.js';

export interface HealthCheck {
  name: string;
  /** Which endpoints run it. Default: all. */
  endpoints?: readonly HealthEndpoint[];
  /** Throws when the check fails; the reason goes to the log, not to the caller. */
  check: () => Promise<void> | void;
}

export type HealthEndpoint = 'healthz' | 'livez' | 'readyz';

const endpoints: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz'];

/** Undefined for a path that is not about health. */
export async function answerHealth(
  { path, query }: { path: string; query: URLSearchParams },
  { checks, log }: { checks: readonly HealthCheck[]; log: Log },
): Promise<Answer | undefined> {
  const [, endpoint, name, more] = path.split('/');
  if (more !== undefined || !endpoints.includes(endpoint as HealthEndpoint)) return undefined;
  const own = checks.filter((check) => !check.endpoints || check.endpoints.includes(endpoint as HealthEndpoint));
  if (name) {
    const one = own.find((check) => check.name === name);
    return one && answerOne(one, log);
  }
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  let failed = 0;
  for (const check of own) {
    if (excluded.delete(check.name)) lines.push(`[+]${check.name} excluded: ok`);
    else if (await passes(check, log)) lines.push(`[+]${check.name} ok`);
    else {
      failed++;
      lines.push(`[-]${check.name} failed: reason withheld`);
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((one) => JSON.stringify(one)).join(', ');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  if (failed > 0) return plain(500, `${lines.join('\n')}\n${endpoint} check failed\n`);
  if (!query.has('verbose')) return plain(200, 'ok');
  return plain(200, `${lines.join('\n')}\n${endpoint} check passed\n`);
}

async function answerOne(check: HealthCheck, log: Log): Promise<Answer> {
  return (await passes(check, log)) ? plain(200, 'ok') : plain(500, 'internal server error: reason withheld\n');
}

async function passes({ name, check }: HealthCheck, log: Log): Promise<boolean> {
  try {
    await check();
    return true;
  } catch (error) {
    log.warn('health check failed', { check: name, err: error });
    return false;
  }
}

function plain(code: number, body: string): Answer {
  return {
    type: 'bytes',
    code,
    contentType: 'text/plain; charset=utf-8',
    body,
    headers: { 'x-content-type-options': 'nosniff' },
  };
}
