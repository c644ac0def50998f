/**
 * A second round of mutation: when a webhook or policy changes what others have seen, the plugins get to see it once
 * more, and so do the webhooks that asked for it (`reinvocationPolicy: IfNeeded`).
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#reinvocation-policy
 */
import type { KubeObject } from '#apimachinery/object.js';
import { copy, equal } from '#base/json.js';
import type { AdmissionRequest } from './admission.js';

class Rounds {
  round: 0 | 1 = 0;
  isWanted = false;
  readonly plugins = new Map<string, PluginRounds>();
}

/** Of one request, as one plugin sees it. */
export class PluginRounds {
  readonly #rounds: Rounds;
  #lastOutput: KubeObject | undefined;
  /** Would be called again if something changed after them. */
  #callable = new Set<string>();
  readonly #again = new Set<string>();

  constructor(rounds: Rounds) {
    this.#rounds = rounds;
  }

  get round(): 0 | 1 {
    return this.#rounds.round;
  }

  /** Whether the one called `id` has its turn in this round: in the second, only those that were called and asked. */
  hasTurn(id: string): boolean {
    return this.round === 0 || this.#again.has(id);
  }

  /** At the start of a plugin's turn: a change by others since its last one concerns all whom it called. */
  begin(object: KubeObject | undefined): void {
    if (this.round === 1 && !equal(this.#lastOutput, object)) this.#callAgain();
  }

  end(object: KubeObject | undefined): void {
    this.#lastOutput = object && copy(object);
  }

  /** Something changed the object: those called before it are to see it. */
  changed(): void {
    this.#callAgain();
    this.#rounds.isWanted = true;
  }

  remember(id: string): void {
    this.#callable.add(id);
  }

  #callAgain(): void {
    for (const id of this.#callable) this.#again.add(id);
    this.#callable = new Set();
  }
}

/** Only requests that a webhook or policy looks at have rounds. */
const known = new WeakMap<AdmissionRequest, Rounds>();

export function roundsOf(request: AdmissionRequest, plugin: string): PluginRounds {
  let rounds = known.get(request);
  if (!rounds) known.set(request, (rounds = new Rounds()));
  let own = rounds.plugins.get(plugin);
  if (!own) rounds.plugins.set(plugin, (own = new PluginRounds(rounds)));
  return own;
}

/** Whether a second round is wanted; begins it. */
export function beginSecondRound(request: AdmissionRequest): boolean {
  const rounds = known.get(request);
  if (!rounds?.isWanted) return false;
  rounds.round = 1;
  return true;
}
