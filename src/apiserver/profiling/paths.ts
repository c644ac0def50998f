/**
 * `/debug/pprof/`: profiles of this process where upstream's server has its own, for whoever may ask for the path. Of those
 * of Go's runtime that have no meaning here it says so. And `/debug/flags/v`, by which the log tells more. (--profiling; https://pkg.go.dev/net/http/pprof)
 */
import type { Clock } from '#base/clock.js';
import { loading } from '#base/loading.js';
import { type Answer, type Call, noSniff, plainText } from '../call.js';
import type { PathHandler } from '../path-handler.js';

const root = '/debug/pprof';
const secondsMax = 600;
const ofGo = ['block', 'goroutine', 'mutex', 'symbol', 'threadcreate', 'trace'];
const fromGo = { 'x-go-pprof': '1' };

interface Kind {
  description: string;
  seconds: number;
}

const kinds: Readonly<Record<string, Kind>> = {
  allocs: { description: 'the same as heap', seconds: 5 },
  heap: { description: 'what was made in memory in so many seconds, and is still there', seconds: 5 },
  profile: { description: 'where processor time goes in so many seconds', seconds: 30 },
};

export interface ProfilingPaths {
  clock: Clock;
  /** How much is told in the log, from 0 as Kubernetes counts; left out: it cannot be changed. */
  setVerbosity?: ((level: number) => void) | undefined;
}

export function profilingPaths({ clock, setVerbosity }: ProfilingPaths): PathHandler {
  let isBusy = false;

  async function profile(kind: string, seconds: number, signal: AbortSignal): Promise<Answer> {
    if (isBusy) return failure(500, 'Could not enable profiling: profiling already in use');
    isBusy = true;
    try {
      const { profileCpu, profileHeap } = await loading(import('./profiler.js'));
      const { encodeProfile } = await loading(import('./pprof-format.js'));
      const taken = await (kind === 'profile' ? profileCpu : profileHeap)({ clock, seconds, signal });
      const headers = { 'content-disposition': `attachment; filename="${kind}"`, ...noSniff };
      const body = encodeProfile(taken);
      return { type: 'bytes', code: 200, contentType: 'application/octet-stream', body, headers };
    } finally {
      isBusy = false;
    }
  }

  return (call, { path, query }) => {
    if (path === '/debug/flags/v' && setVerbosity) return putVerbosity(call, setVerbosity);
    if (path === root) return { ...html(302, `<a href="${root}/">Found</a>.\n`), headers: { location: `${root}/` } };
    if (!path.startsWith(`${root}/`)) return undefined;
    const name = path.slice(root.length + 1);
    if (name === '') return html(200, index());
    if (name === 'cmdline') return plainText(200, process.argv.join('\u0000'));
    if (ofGo.includes(name)) return failure(404, `This server has no ${name} profile: it is no Go program`);
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (!kind) return failure(404, 'Unknown profile');
    const asked = query.get('seconds');
    const seconds = asked ? Number(asked) : kind.seconds;
    if (!(seconds > 0 && seconds <= secondsMax)) return failure(400, 'invalid value for "seconds"');
    return profile(name, seconds, call.signal);
  };
}

/** In upstream's words. */
async function putVerbosity(call: Call, setVerbosity: (level: number) => void): Promise<Answer> {
  const answer = (code: number, body: string): Answer => {
    return { type: 'bytes', code, contentType: 'text/plain', body, headers: noSniff };
  };
  if (call.method !== 'PUT') return answer(406, 'unsupported http method');
  const body = await call.readBody();
  const text = 'bytes' in body ? Buffer.from(body.bytes).toString().trim() : String(body.value);
  if (!/^\d{1,9}$/.test(text)) return answer(400, `failed set klog.logging.verbosity ${text}: invalid syntax`);
  setVerbosity(Number(text));
  return answer(200, `successfully set klog.logging.verbosity to ${text}`);
}

function failure(code: number, message: string): Answer {
  return plainText(code, `${message}\n`, fromGo);
}

function html(code: number, body: string): Extract<Answer, { type: 'bytes' }> {
  return { type: 'bytes', code, contentType: 'text/html; charset=utf-8', body };
}

function index(): string {
  const rows = Object.entries({ cmdline: { description: 'the command of this process' }, ...kinds }).map(
    ([name, { description }]) => `<li><a href="${name}">${name}</a>: ${description}</li>`,
  );
  return `<html><head><title>${root}/</title></head><body>\n<p>${root}/</p>\n<ul>\n${rows.join('\n')}\n</ul>\n</body></html>\n`;
}
