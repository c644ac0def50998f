/** Runs one probe of a container, whatever its kind. */
import { connect } from 'node:net';
import type { Pod, Probe } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import { formatDuration } from '../go-text.js';
import { textOf } from '../kubelet-error.js';
import { type Runtime, RuntimeError } from '../runtime/runtime.js';
import { checkHealth } from './grpc-health.js';
import { bracketed, connectText, httpGet, httpTarget, resolvePort } from './http-get.js';
import type { ProbeResult } from './probe-result.js';

export interface ProbeTarget {
  type: 'Startup' | 'Liveness' | 'Readiness';
  pod: Pod;
  container: string;
  containerId: string;
  podIP: string;
  probe: Probe;
}

/** Never throws: what keeps a probe from being made is `unknown`. */
export type Prober = (target: ProbeTarget) => Promise<ProbeResult>;

/** Upstream's agent string carries major and minor version only. */
const userAgent = 'kube-probe/1.36';

export function machineProber({ runtime, clock }: { runtime: Runtime; clock: Clock }): Prober {
  return async (target) => {
    const { exec, httpGet: http, tcpSocket, grpc, timeoutSeconds = 1 } = target.probe;
    const timeoutMs = timeoutSeconds * 1000;
    try {
      if (exec) return await probeExec(runtime, { id: target.containerId, command: exec.command ?? [], timeoutMs });
      if (http) {
        const { statusCode, body } = await httpGet(httpTarget(http, { ...target, host: target.podIP, userAgent }), {
          clock,
          timeoutMs,
        });
        // Where an answer sends elsewhere, nobody follows: the container answers, but what it says is not known.
        if (statusCode >= 300 && statusCode < 400)
          return { result: 'success', output: `Probe terminated redirects, Response body: ${body}`, isWarning: true };
        if (statusCode >= 200 && statusCode < 300) return { result: 'success', output: body };
        return { result: 'failure', output: `HTTP probe failed with statuscode: ${statusCode}` };
      }
      if (tcpSocket) {
        const port = resolvePort(tcpSocket.port, target);
        return await probeTcp({ host: tcpSocket.host || target.podIP, port }, { clock, timeoutMs });
      }
      if (grpc) {
        const address = `${bracketed(target.podIP)}:${grpc.port}`;
        return await checkHealth({ address, service: grpc.service ?? '', userAgent }, { clock, timeoutMs });
      }
      return { result: 'unknown', output: 'missing probe handler' };
    } catch (error) {
      // A connection that fails is an answer; a port that cannot be resolved is none.
      return { result: error instanceof RangeError ? 'unknown' : 'failure', output: textOf(error) };
    }
  };
}

/** For simulated nodes, where there is nothing behind an address: commands run in the runtime, all else succeeds. */
export function simulatedProber(runtime: Runtime): Prober {
  return async ({ probe, containerId }) => {
    if (!probe.exec) return { result: 'success', output: '' };
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
    return await probeExec(runtime, { id: containerId, command: probe.exec.command ?? [], timeoutMs });
  };
}

async function probeExec(
  runtime: Runtime,
  { id, command, timeoutMs }: { id: string; command: readonly string[]; timeoutMs: number },
): Promise<ProbeResult> {
  try {
    const { exitCode, stdout, stderr } = await runtime.exec(id, command, { timeoutMs });
    const output = Buffer.concat([stdout, stderr]).toString('utf8');
    return { result: exitCode === 0 ? 'success' : 'failure', output };
  } catch (error) {
    if (error instanceof RuntimeError && error.reason === 'timeout') {
      const text = `command timed out: "${command.join(' ')}" timed out after ${formatDuration(timeoutMs)}`;
      return { result: 'failure', output: text };
    }
    return { result: 'unknown', output: textOf(error) };
  }
}

function probeTcp(
  { host, port }: { host: string; port: number },
  { clock, timeoutMs }: { clock: Clock; timeoutMs: number },
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (result: ProbeResult) => {
      timer.cancel();
      socket.destroy();
      resolve(result);
    };
    const timer = clock.setTimer(timeoutMs, () =>
      end({ result: 'failure', output: `dial tcp ${bracketed(host)}:${port}: i/o timeout` }),
    );
    socket.once('connect', () => end({ result: 'success', output: '' }));
    socket.once('error', (error) => end({ result: 'failure', output: connectText(error) }));
  });
}
