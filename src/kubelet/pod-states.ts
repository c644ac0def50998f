/** The last known state of every sandbox and container, by pod; fed by our own calls, by events and by slow relists. */
import { emptyPodState, type PodState, podUidLabel } from './pod-state.js';
import type { ContainerState, SandboxState } from './runtime/runtime.js';

type Entry = { uid: string; version: number } & (
  | { kind: 'sandbox'; state: SandboxState }
  | { kind: 'container'; state: ContainerState }
);

export class PodStates {
  readonly #entries = new Map<string, Entry>();
  readonly #idsOfPod = new Map<string, Set<string>>();
  readonly #assembled = new Map<string, PodState>();
  #version = 0;

  of(uid: string): PodState {
    const known = this.#assembled.get(uid);
    if (known) return known;
    const ids = this.#idsOfPod.get(uid);
    if (!ids) return emptyPodState;
    const sandboxes: SandboxState[] = [];
    const containers: ContainerState[] = [];
    for (const id of ids) {
      const entry = this.#entries.get(id)!;
      if (entry.kind === 'sandbox') sandboxes.push(entry.state);
      else containers.push(entry.state);
    }
    const state = { sandboxes: sandboxes.sort(newestFirst), containers: containers.sort(newestFirst) };
    this.#assembled.set(uid, state);
    return state;
  }

  /** Uids of all pods that the runtime holds something of. */
  uids(): string[] {
    return [...this.#idsOfPod.keys()];
  }

  find(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** A point in time to give to `replaceAll`. */
  get version(): number {
    return this.#version;
  }

  setSandbox(state: SandboxState): void {
    this.#set({ kind: 'sandbox', uid: state.uid, state, version: ++this.#version });
  }

  setContainer(state: ContainerState): void {
    const uid = state.labels[podUidLabel] ?? '';
    this.#set({ kind: 'container', uid, state, version: ++this.#version });
  }

  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    this.#assembled.delete(entry.uid);
    const ids = this.#idsOfPod.get(entry.uid)!;
    ids.delete(id);
    if (ids.size === 0) this.#idsOfPod.delete(entry.uid);
  }

  /**
   * Takes over a full list that was asked for at `since`; what is known more recently stays. Gives the uids of the pods
   * whose state changed.
   */
  replaceAll(list: { sandboxes: SandboxState[]; containers: ContainerState[] }, since: number): Set<string> {
    const changed = new Set<string>();
    const seen = new Set<string>();
    const take = (id: string, { uid, set, state }: { uid: string; set: () => void; state: Comparable }) => {
      seen.add(id);
      const known = this.#entries.get(id);
      if (known && (known.version > since || sameState(known.state, state))) return;
      set();
      changed.add(uid);
    };
    for (const state of list.sandboxes) {
      take(state.id, { uid: state.uid, state, set: () => this.setSandbox(state) });
    }
    for (const state of list.containers) {
      take(state.id, { uid: state.labels[podUidLabel] ?? '', state, set: () => this.setContainer(state) });
    }
    for (const [id, { uid, version }] of this.#entries) {
      if (seen.has(id) || version > since) continue;
      this.remove(id);
      changed.add(uid);
    }
    return changed;
  }

  #set(entry: Entry): void {
    const { id } = entry.state;
    this.#entries.set(id, entry);
    this.#assembled.delete(entry.uid);
    let ids = this.#idsOfPod.get(entry.uid);
    if (!ids) this.#idsOfPod.set(entry.uid, (ids = new Set()));
    ids.add(id);
  }
}

type Comparable = SandboxState | ContainerState;

function sameState(a: Comparable, b: Comparable): boolean {
  if ('ready' in a && 'ready' in b) return a.ready === b.ready && a.ips.join() === b.ips.join();
  if ('state' in a && 'state' in b) return a.state === b.state && a.finishedAtMs === b.finishedAtMs;
  return false;
}

function newestFirst(a: Comparable, b: Comparable): number {
  return b.createdAtMs - a.createdAtMs || b.attempt - a.attempt;
}
