/** Rules of probes and lifecycle hooks: exactly one handler, and numbers that make sense. */
import type { ExecAction, HTTPGetAction, Lifecycle, Probe, SleepAction, TCPSocketAction } from '#api/gen/core-v1.js';
import { forbiddenField, invalidValue, notSupported, required } from '#apimachinery/field-error.js';
import { checkNonNegative, checkPort, checkPortOrName, type FieldErrors } from '../../meta/check.js';

interface Handlers {
  exec?: ExecAction;
  httpGet?: HTTPGetAction;
  tcpSocket?: TCPSocketAction;
  grpc?: { port: number };
  sleep?: SleepAction;
}

/** What a container's probes and hooks stand in. */
export interface ProbeContext {
  /** terminationGracePeriodSeconds of the pod. */
  gracePeriodSeconds: number | undefined;
}

export function* checkProbes(
  path: string,
  {
    livenessProbe,
    readinessProbe,
    startupProbe,
  }: { livenessProbe?: Probe; readinessProbe?: Probe; startupProbe?: Probe },
  context: ProbeContext,
): FieldErrors {
  if (livenessProbe) yield* checkRestartingProbe(`${path}.livenessProbe`, livenessProbe, context);
  if (readinessProbe) {
    yield* checkProbe(`${path}.readinessProbe`, readinessProbe, context);
    const { terminationGracePeriodSeconds: seconds } = readinessProbe;
    if (seconds !== undefined) {
      const at = `${path}.readinessProbe.terminationGracePeriodSeconds`;
      yield invalidValue(at, seconds, 'must not be set for readinessProbes');
    }
  }
  if (startupProbe) yield* checkRestartingProbe(`${path}.startupProbe`, startupProbe, context);
}

/** Liveness and startup: one success ends the doubt. */
function* checkRestartingProbe(path: string, probe: Probe, context: ProbeContext): FieldErrors {
  yield* checkProbe(path, probe, context);
  if (probe.successThreshold !== 1)
    yield invalidValue(`${path}.successThreshold`, probe.successThreshold ?? 0, 'must be 1');
}

function* checkProbe(path: string, probe: Probe, context: ProbeContext): FieldErrors {
  yield* checkHandler(path, probe, context);
  for (const field of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    yield* checkNonNegative(`${path}.${field}`, probe[field]);
  const { terminationGracePeriodSeconds: seconds } = probe;
  if (seconds !== undefined && seconds <= 0)
    yield invalidValue(`${path}.terminationGracePeriodSeconds`, seconds, 'must be greater than 0');
}

export function* checkLifecycle(path: string, lifecycle: Lifecycle, context: ProbeContext): FieldErrors {
  if (lifecycle.postStart) yield* checkHandler(`${path}.postStart`, lifecycle.postStart, context);
  if (lifecycle.preStop) yield* checkHandler(`${path}.preStop`, lifecycle.preStop, context);
}

function* checkHandler(path: string, handlers: Handlers, context: ProbeContext): FieldErrors {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handlers;
  const set: [string, () => FieldErrors][] = [];
  if (exec) set.push(['exec', () => checkExec(`${path}.exec`, exec)]);
  if (httpGet) set.push(['httpGet', () => checkHttpGet(`${path}.httpGet`, httpGet)]);
  if (tcpSocket) set.push(['tcpSocket', () => checkPortOrName(`${path}.tcpSocket.port`, tcpSocket.port)]);
  if (grpc) set.push(['grpc', () => checkPort(`${path}.grpc.port`, grpc.port)]);
  if (sleep) set.push(['sleep', () => checkSleep(`${path}.sleep`, sleep, context)]);
  for (const [index, [name, checkOne]] of set.entries()) {
    if (index === 0) yield* checkOne();
    else yield forbiddenField(`${path}.${name}`, 'may not specify more than 1 handler type');
  }
  if (set.length === 0) yield required(path, 'must specify a handler type');
}

function* checkExec(path: string, { command }: ExecAction): FieldErrors {
  if (!command?.length) yield required(`${path}.command`);
}

function* checkHttpGet(path: string, { path: urlPath, port, scheme, httpHeaders }: HTTPGetAction): FieldErrors {
  if (!urlPath) yield required(`${path}.path`);
  yield* checkPortOrName(`${path}.port`, port);
  if (scheme !== 'HTTP' && scheme !== 'HTTPS') yield notSupported(`${path}.scheme`, scheme ?? '', ['HTTP', 'HTTPS']);
  for (const { name } of httpHeaders ?? []) {
    if (/^[-A-Za-z0-9]+$/.test(name)) continue;
    const why =
      "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
    yield invalidValue(`${path}.httpHeaders`, name, why);
  }
}

function* checkSleep(path: string, { seconds }: SleepAction, { gracePeriodSeconds }: ProbeContext): FieldErrors {
  if (gracePeriodSeconds === undefined || (seconds >= 0 && seconds <= gracePeriodSeconds)) return;
  const why = `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriodSeconds})`;
  yield invalidValue(path, seconds, why);
}
