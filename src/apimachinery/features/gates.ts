/**
 * Feature gates: which are enabled, as `--feature-gates` says and by default.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
 */
import { innerGates, switchableGates } from './switchable.js';
import { gateNeeds, gateRows, type Stage } from './table.js';

/** One whose state makes a difference here. */
export type Gate = (typeof switchableGates)[number];

interface Spec {
  stage: Stage;
  enabled: boolean;
  locked: boolean;
}

/** What `--feature-gates` says cannot be. The message is one line. */
export class FeatureGateError extends Error {
  override readonly name = 'FeatureGateError';
}

const all = { AllAlpha: 'ALPHA', AllBeta: 'BETA' } as const;

export interface GateState {
  name: string;
  stage: Stage;
  enabled: boolean;
}

export class FeatureGates {
  /** The state of those that were set. */
  readonly #set: ReadonlyMap<string, boolean>;
  /** Gates that AllAlpha or AllBeta mean, but that can only be as they are by default. */
  readonly unmoved: readonly string[];

  private constructor(set: ReadonlyMap<string, boolean>, unmoved: readonly string[]) {
    this.#set = set;
    this.unmoved = unmoved;
  }

  /** All at their default. */
  static readonly standard = new FeatureGates(new Map(), []);

  /** From the flag's text: `A=true,B=false`. Throws FeatureGateError. */
  static parse(text: string): FeatureGates {
    const asked = askedFor(text);
    if (asked.size === 0) return FeatureGates.standard;
    const { set, unmoved, problems } = settle(asked);
    if (problems.length === 0) problems.push(...missingNeeds(set));
    if (problems.length > 0)
      throw new FeatureGateError(problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`);
    return new FeatureGates(set, unmoved);
  }

  /** Any that the table has. */
  enabled(name: Gate | (string & {})): boolean {
    return this.#set.get(name) ?? specs().get(name)?.enabled ?? false;
  }

  /** All that there are, for metrics. */
  *states(): Iterable<GateState> {
    for (const [name, { stage, enabled }] of specs()) yield { name, stage, enabled: this.#set.get(name) ?? enabled };
    for (const [name, stage] of Object.entries(all)) yield { name, stage, enabled: this.#set.get(name) ?? false };
  }
}

let known: Map<string, Spec> | undefined;

/** Made when somebody first asks. */
function specs(): ReadonlyMap<string, Spec> {
  if (known) return known;
  known = new Map();
  for (const { stage, enabled, locked = false, names } of gateRows)
    for (const name of names.trim().split(/\s+/)) known.set(name, { stage, enabled, locked });
  return known;
}

/** `kube:A=true` is the same as `A=true`, but not beside it: as upstream. */
function askedFor(text: string): Map<string, boolean> {
  const asked = new Map<string, boolean>();
  const components = new Set<string>();
  for (const pair of text.split(',')) {
    if (pair === '') continue;
    const colon = pair.indexOf(':');
    components.add(colon < 0 ? '' : pair.slice(0, colon).trim());
    const [name = '', ...more] = pair.slice(colon + 1).split('=');
    if (more.length === 0) throw new FeatureGateError(`missing bool value for ${name.trim()}`);
    asked.set(name.trim(), boolOf(name.trim(), more.join('=').trim()));
  }
  for (const one of components)
    if (one !== '' && one !== 'kube') throw new FeatureGateError(`component not registered: ${one}`);
  if (components.size > 1)
    throw new FeatureGateError(
      'set kube feature gates with default empty prefix or kube: prefix consistently, do not mix use',
    );
  return asked;
}

const yes = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const no = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

function boolOf(name: string, text: string): boolean {
  if (yes.includes(text)) return true;
  if (no.includes(text)) return false;
  const reason = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw new FeatureGateError(`invalid value of ${name}=${text}, err: ${reason}`);
}

function settle(asked: ReadonlyMap<string, boolean>) {
  const set = new Map<string, boolean>();
  const unmoved: string[] = [];
  const problems: string[] = [];
  const movable = new Set<string>([...switchableGates, ...innerGates.trim().split(/\s+/)]);
  for (const [name, enabled] of asked) {
    if (name in all) continue;
    const spec = specs().get(name);
    if (!spec) problems.push(`unrecognized feature gate: ${name}`);
    else if (spec.locked && enabled !== spec.enabled)
      problems.push(`cannot set feature gate ${name} to ${enabled}, feature is locked to ${spec.enabled}`);
    else if (enabled !== spec.enabled && !movable.has(name) && !(enabled === false && isMoot(name, asked)))
      problems.push(`cannot set feature gate ${name} to ${enabled}, it can only be ${spec.enabled} in Typernetes`);
    else set.set(name, enabled);
  }
  for (const [name, stage] of Object.entries(all)) {
    const enabled = asked.get(name);
    if (enabled === undefined) continue;
    set.set(name, enabled);
    for (const [one, spec] of specs()) {
      if (spec.stage !== stage || spec.locked || spec.enabled === enabled || asked.has(one)) continue;
      if (movable.has(one) || (!enabled && isMoot(one, set, movable))) set.set(one, enabled);
      else unmoved.push(one);
    }
  }
  return { set, unmoved, problems };
}

/** One that needs what is off anyway has nothing left to switch, and may be said to be off as well. */
function isMoot(name: string, set: ReadonlyMap<string, boolean>, goingOff?: ReadonlySet<string>): boolean {
  return (gateNeeds[name] ?? []).some((need) => (set.get(need) ?? !goingOff?.has(need)) === false);
}

function missingNeeds(set: ReadonlyMap<string, boolean>): string[] {
  const isOn = (name: string) => set.get(name) ?? specs().get(name)?.enabled ?? false;
  return Object.entries(gateNeeds).flatMap(([name, needs]) => {
    const off = isOn(name) ? needs.filter((need) => !isOn(need)) : [];
    return off.length > 0 ? [`${name} is enabled, but depends on features that are disabled: [${off.join(' ')}]`] : [];
  });
}
