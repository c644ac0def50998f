/** postStart and preStop: a command, a request or a sleep, in upstream's words when they fail. */
import type { LifecycleHandler, Pod } from '#api/gen/core-v1.js';
import type { Clock } from '#base/clock.js';
import { KubeletError, textOf } from './kubelet-error.js';
import { httpGet, httpTarget } from './probes/http-get.js';
import type { Runtime } from './runtime/runtime.js';

export interface HookInput {
  pod: Pod;
  container: string;
  containerId: string;
  podIP: string;
  handler: LifecycleHandler;
  /** How long a command or a request may take. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** For lifecycle requests, upstream's user agent. */
const userAgent = 'kube-lifecycle/1.36';

export class LifecycleHooks {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  /** Simulated nodes have no network to send requests over. */
  readonly #hasNetwork: boolean;

  constructor({ runtime, clock, hasNetwork }: { runtime: Runtime; clock: Clock; hasNetwork: boolean }) {
    this.#runtime = runtime;
    this.#clock = clock;
    this.#hasNetwork = hasNetwork;
  }

  /** Throws KubeletError 'hook' when the hook fails. */
  async run(input: HookInput): Promise<void> {
    const { exec, httpGet: http, sleep } = input.handler;
    try {
      if (exec) await this.#exec(input, exec.command ?? []);
      else if (http && this.#hasNetwork) {
        const target = httpTarget(http, { ...input, host: input.podIP, userAgent });
        // Any answer will do, whatever its status: the hook asked to be heard.
        await httpGet(target, { clock: this.#clock, timeoutMs: input.timeoutMs });
      } else if (sleep) await this.#clock.sleep(sleep.seconds * 1000, input.signal);
    } catch (error) {
      throw error instanceof KubeletError ? error : new KubeletError('hook', textOf(error), { cause: error });
    }
  }

  async #exec({ containerId, container, timeoutMs }: HookInput, command: string[]): Promise<void> {
    const { exitCode, stdout, stderr } = await this.#runtime.exec(containerId, command, { timeoutMs });
    if (exitCode === 0) return;
    const output = Buffer.concat([stdout, stderr]).toString('utf8');
    const what = `Exec lifecycle hook (${JSON.stringify(command)}) for Container "${container}" failed`;
    throw new KubeletError(
      'hook',
      `${what} - error: command exited with ${exitCode}, message: ${JSON.stringify(output)}`,
    );
  }
}
