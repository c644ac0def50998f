/** What follows once a pod has a node: Permit, PreBind, Bind and PostBind, and in which words it is told that one failed. */
import type { Pod } from '#api/gen/core-v1.js';
import { isReason, StatusError } from '#apimachinery/errors.js';
import type { Log } from '#base/log.js';
import { TransportError } from '#client/transport.js';
import { explain } from './diagnosis.js';
import type { Extender } from './extenders/extender.js';
import { type Effects, SchedulerError } from './framework.js';
import type { Profile } from './profile.js';

export interface Placed {
  pod: Pod;
  nodeName: string;
  profile: Profile;
}

export interface BindingFailure {
  /** As the pod's event and condition tell it. */
  message: string;
  /** Rejected, or an error that the next attempt may mend. */
  reason: 'Unschedulable' | 'SchedulerError';
  rejectedBy: ReadonlySet<string>;
}

export class BindingCycle {
  readonly #effects: Effects;
  readonly #extenders: readonly Extender[];
  readonly #log: Log;

  constructor({ effects, extenders, log }: { effects: Effects; extenders: readonly Extender[]; log: Log }) {
    this.#effects = effects;
    this.#extenders = extenders;
    this.#log = log;
  }

  /** undefined when there is nothing to do or to wait for before the pod is bound, as for most. */
  prepare(placed: Placed): Promise<BindingFailure | undefined> | undefined {
    const { pod, profile } = placed;
    const permission = profile.permitting.length > 0 ? this.#permission(placed) : new Map<string, number>();
    if (!(permission instanceof Map)) return Promise.resolve(permission);
    const preparing = profile.preBinding.filter(({ preBindPreFlight: concerns }) => concerns?.(pod) ?? true);
    if (permission.size === 0 && preparing.length === 0) return undefined;
    return this.#prepare(placed, { waits: permission, preparing });
  }

  async #prepare(
    { pod, nodeName }: Placed,
    { waits, preparing }: { waits: ReadonlyMap<string, number>; preparing: Profile['preBinding'] },
  ): Promise<BindingFailure | undefined> {
    await this.#nominate(pod, nodeName);
    const dismissal = waits.size > 0 ? await this.#effects.waiting.wait(pod, waits) : undefined;
    if (dismissal) return rejection(dismissal.plugin, dismissal.message);
    for (const { name, preBind } of preparing) {
      const failure = await this.#attempt(`running PreBind plugin "${name}": `, () =>
        preBind!({ pod, nodeName }, this.#effects),
      );
      if (failure) return failure;
    }
    return undefined;
  }

  /** Others, such as autoscalers, may want to know. The pod is bound all the same where it cannot be said. */
  async #nominate(pod: Pod, nodeName: string): Promise<void> {
    try {
      await this.#effects.pods.nominate(pod, nodeName);
    } catch (error) {
      if (!(error instanceof StatusError || error instanceof TransportError)) throw error;
      this.#log.warn('the node of a pod could not be told', { pod: pod.metadata.name, err: error });
    }
  }

  /** How long the pod must wait, by plugin. */
  #permission({ pod, nodeName, profile }: Placed): Map<string, number> | BindingFailure {
    const waits = new Map<string, number>();
    for (const { name, permit } of profile.permitting) {
      const answer = permit!({ pod, nodeName }, this.#effects);
      if (answer === 'allow') continue;
      if ('rejected' in answer) return rejection(name, answer.rejected);
      waits.set(name, answer.waitMs);
    }
    return waits;
  }

  /** An extender that binds takes the place of the plugins that do. */
  async #bindByExtender({ pod, nodeName }: Placed): Promise<'bound' | 'skip'> {
    for (const extender of this.#extenders) {
      if (!extender.settings.verbs.bind || !extender.isInterested(pod)) continue;
      try {
        await extender.bind(pod, nodeName);
        return 'bound';
      } catch (error) {
        if (!(error instanceof SchedulerError) || !extender.settings.ignorable) throw error;
        this.#log.warn('an extender is ignored', { extender: extender.settings.url, err: error });
      }
    }
    return 'skip';
  }

  /** 'gone': the informer will tell what became of a pod that is deleted, or was bound by another. */
  async bind(placed: Placed): Promise<BindingFailure | 'gone' | undefined> {
    const { pod, nodeName, profile } = placed;
    if (this.#extenders.length > 0) {
      let outcome: 'bound' | 'skip' = 'skip';
      const failure = await this.#attempt('', async () => {
        outcome = await this.#bindByExtender(placed);
      });
      if (failure) return failure;
      if ((outcome as string) === 'bound') return this.#tellBound(placed);
    }
    for (const { name, bind } of profile.binding) {
      let outcome: 'bound' | 'skip' | 'gone' | undefined;
      const failure = await this.#attempt(`running Bind plugin "${name}": `, async () => {
        try {
          outcome = await bind!({ pod, nodeName }, this.#effects);
        } catch (error) {
          if (isReason(error, 'NotFound', 'Conflict')) outcome = 'gone';
          // Its place must not be given to another before it is known whether it has it.
          else if (isWithoutAnswer(error) && (await this.#effects.pods.isBound(pod, nodeName))) outcome = 'bound';
          else throw error;
        }
      });
      if (failure || outcome === 'gone') return failure ?? 'gone';
      if (outcome === 'bound') return this.#tellBound(placed);
    }
    return { message: 'no plugin binds the pod', reason: 'SchedulerError', rejectedBy: new Set() };
  }

  #tellBound({ pod, nodeName, profile }: Placed): undefined {
    for (const { name, postBind } of profile.postBinding) {
      try {
        postBind!({ pod, nodeName });
      } catch (error) {
        this.#log.error('a PostBind plugin failed', { plugin: name, err: error });
      }
    }
  }

  /** Bugs are thrown on. */
  async #attempt(doing: string, work: () => Promise<void>): Promise<BindingFailure | undefined> {
    try {
      await work();
      return undefined;
    } catch (error) {
      if (!(error instanceof SchedulerError || error instanceof StatusError || error instanceof TransportError))
        throw error;
      return { message: `${doing}${error.message}`, reason: 'SchedulerError', rejectedBy: new Set() };
    }
  }
}

function isWithoutAnswer(error: unknown): boolean {
  return error instanceof TransportError || isReason(error, 'Timeout');
}

/** Told as of the one node that the pod had. */
function rejection(plugin: string, message: string): BindingFailure {
  const told = explain({ total: 1, rejections: [{ reasons: [message] }] });
  return { message: told, reason: 'Unschedulable', rejectedBy: new Set([plugin]) };
}
