/**
 * PodTopologySpread: keeps the number of like pods even over zones and nodes. Hard constraints filter; soft ones, and
 * the cluster's default ones for pods of a service or controller, score.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
 */

import { matchesNodeSelector } from '#api/core/node-selector.js';
import { anyTolerates } from '#api/core/tolerations.js';
import type { Node, Pod, TopologySpreadConstraint } from '#api/gen/core-v1.js';
import type { PodTopologySpreadArgs } from '#api/gen/kubescheduler-v1.js';
import { type LabelSelector, labelSelectorFrom } from '#apimachinery/selectors.js';
import { equal } from '#base/json.js';
import { type Adjustment, type ClusterChange, definePlugin, type PluginSpec, type Snapshot } from '../framework.js';
import type { NodeInfo } from '../node-info.js';
import type { Tally } from '../tally.js';

export interface Constraint {
  key: string;
  maxSkew: number;
  minDomains: number;
  selector: LabelSelector;
  nodeAffinityPolicy: string;
  nodeTaintsPolicy: string;
}

export interface HardConstraint extends Constraint {
  counts: Map<string, number>;
  least: number;
  matchesSelf: boolean;
}

interface SoftConstraint extends Constraint {
  /** The pods that count. */
  like: Tally;
  counts: Map<string, number>;
  /** Grows with the number of domains, so that a spread over many is not drowned by one over few. */
  weight: number;
}

interface SoftState {
  constraints: SoftConstraint[];
  /** Nodes without all the keys score 0. */
  ignored: Set<string>;
}

const hostname = 'kubernetes.io/hostname';
/** For pods without constraints, of a service or controller, where the profile does not list its own. */
const systemConstraints: readonly TopologySpreadConstraint[] = [
  { topologyKey: hostname, whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 5 },
];

export default definePlugin<HardConstraint[]>({
  ...withArgs({}),
  configure: (args) => withArgs(args as PodTopologySpreadArgs),
});

function withArgs({
  defaultingType,
  defaultConstraints,
}: Omit<PodTopologySpreadArgs, 'apiVersion' | 'kind'>): PluginSpec<HardConstraint[]> {
  const isListed = defaultingType === 'List';
  const defaults = isListed ? (defaultConstraints ?? []) : systemConstraints;
  return {
    name: 'PodTopologySpread',
    weight: 2,
    preFilter: (pod, snapshot) => {
      const constraints = constraintsOf(pod, { when: 'DoNotSchedule', defaults, snapshot });
      if (constraints.length === 0) return 'skip';
      return { state: constraints.map((constraint) => countHard(constraint, { pod, snapshot, all: constraints })) };
    },
    adjust: (state, change) => state.map((constraint) => adjusted(constraint, { ...change, all: state })),
    filter: ({ state }, node) => {
      for (const { key, maxSkew, counts, least, matchesSelf } of state) {
        const domain = node.labels[key];
        if (domain === undefined) {
          return {
            reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
            unresolvable: true,
          };
        }
        const skew = (counts.get(domain) ?? 0) + (matchesSelf ? 1 : 0) - least;
        if (skew > maxSkew) return { reasons: ["node(s) didn't match pod topology spread constraints"] };
      }
      return undefined;
    },
    preScore: (pod, feasible, snapshot) => {
      const constraints = constraintsOf(pod, { when: 'ScheduleAnyway', defaults, snapshot });
      if (constraints.length === 0) return 'skip';
      // A node without the zone label must still score under the system's constraints: most clusters have no zones.
      const strict = isListed || hasConstraints(pod);
      return { state: countSoft(constraints, { pod, feasible, snapshot, strict }) };
    },
    score: ({ state }, node) => {
      const { constraints, ignored } = state as SoftState;
      if (ignored.has(node.name)) return 0;
      let sum = 0;
      for (const { key, counts, weight, maxSkew, like } of constraints) {
        const domain = node.labels[key];
        if (domain === undefined) continue;
        const count = key === hostname ? like.on(node.name) : (counts.get(domain) ?? 0);
        sum += count * weight + (maxSkew - 1);
      }
      return Math.round(sum);
    },
    normalize: (scores) => {
      let min = Number.POSITIVE_INFINITY;
      let max = Number.NEGATIVE_INFINITY;
      for (const score of scores) {
        if (score < min) min = score;
        if (score > max) max = score;
      }
      for (let index = 0; index < scores.length; index++) {
        scores[index] = max === 0 ? 100 : Math.floor((100 * (max + min - scores[index]!)) / max);
      }
    },
    requeueOn: [
      'node added',
      'node labels',
      'node removed',
      'node taints',
      'assigned pod added',
      'assigned pod removed',
      'assigned pod labels',
      'pod updated',
    ],
    hint: (pod, change) => mayHelp(pod, change),
  };
}

/** Whether a pod like those that are spread came, went or changed, or a node with all the domains. */
function mayHelp(pod: Pod, { event, pod: other, oldPod, node, oldNode }: ClusterChange): boolean {
  // What is spread by default is not told here.
  if (!hasConstraints(pod)) return true;
  const constraints = pod.spec.topologySpreadConstraints!.filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule',
  );
  if (node) {
    const has = (one: Node) => constraints.every(({ topologyKey }) => one.metadata.labels?.[topologyKey] !== undefined);
    if (!oldNode) return has(node);
    if (has(node) !== has(oldNode)) return true;
    const differs = ({ topologyKey }: TopologySpreadConstraint) =>
      node.metadata.labels?.[topologyKey] !== oldNode.metadata.labels?.[topologyKey];
    return has(node) && (constraints.some(differs) || !equal(node.spec.taints, oldNode.spec.taints));
  }
  if (!other || event === 'pod updated') return true;
  if (other.metadata.namespace !== pod.metadata.namespace) return false;
  return constraints.some((constraint) => {
    const selector = selectorOf(constraint, pod);
    return selector.matches(other.metadata.labels) !== (oldPod ? selector.matches(oldPod.metadata.labels) : false);
  });
}

function hasConstraints({ spec }: Pod): boolean {
  return (spec.topologySpreadConstraints?.length ?? 0) > 0;
}

/** Those of the pod, or else the defaults, about pods that its services and its controller select too. */
function constraintsOf(
  pod: Pod,
  { when, defaults, snapshot }: { when: string; defaults: readonly TopologySpreadConstraint[]; snapshot: Snapshot },
): Constraint[] {
  const given = hasConstraints(pod) ? pod.spec.topologySpreadConstraints! : defaults;
  const wanted = given.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when);
  if (wanted.length === 0) return [];
  if (hasConstraints(pod)) return wanted.map((constraint) => constraintFrom(constraint, selectorOf(constraint, pod)));
  const selector = snapshot.defaultSelector(pod);
  return selector && !selector.isEverything ? wanted.map((constraint) => constraintFrom(constraint, selector)) : [];
}

function constraintFrom(constraint: TopologySpreadConstraint, selector: LabelSelector): Constraint {
  return {
    key: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    selector,
    nodeAffinityPolicy: constraint.nodeAffinityPolicy ?? 'Honor',
    nodeTaintsPolicy: constraint.nodeTaintsPolicy ?? 'Ignore',
  };
}

/** matchLabelKeys add the pod's own values of those labels. */
function selectorOf({ labelSelector, matchLabelKeys }: TopologySpreadConstraint, pod: Pod): LabelSelector {
  const labels = pod.metadata.labels ?? {};
  const own = (matchLabelKeys ?? []).filter((key) => key in labels).map((key) => [key, labels[key]!] as const);
  if (own.length === 0 || !labelSelector) return labelSelectorFrom(labelSelector);
  return labelSelectorFrom({
    ...labelSelector,
    matchLabels: { ...labelSelector.matchLabels, ...Object.fromEntries(own) },
  });
}

function countHard(
  constraint: Constraint,
  { pod, snapshot, all }: { pod: Pod; snapshot: Snapshot; all: readonly Constraint[] },
): HardConstraint {
  const { key, selector } = constraint;
  const like = snapshot.index.living(pod.metadata.namespace ?? '', selector);
  const counts = new Map<string, number>();
  const domains = countsAnywhere(pod, constraint) ? wholeDomains(snapshot.nodes, key, all) : undefined;
  if (domains) {
    const found = like.inDomains(key, (name) => snapshot.node(name));
    for (const domain of domains) counts.set(domain, found.get(domain) ?? 0);
  } else {
    for (const node of snapshot.nodes) {
      if (!hasAll(node, all) || !isCounted(node, { pod, constraint })) continue;
      const domain = node.labels[key]!;
      counts.set(domain, (counts.get(domain) ?? 0) + like.on(node.name));
    }
  }
  const matchesSelf = constraint.selector.matches(pod.metadata.labels);
  return { ...constraint, counts, least: leastOf(counts, constraint), matchesSelf };
}

/** By what the constraint looks at, no node is left out for this pod. */
function countsAnywhere({ spec }: Pod, { nodeAffinityPolicy, nodeTaintsPolicy }: Constraint): boolean {
  if (nodeTaintsPolicy === 'Honor') return false;
  if (nodeAffinityPolicy !== 'Honor') return true;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required && Object.keys(spec.nodeSelector ?? {}).length === 0;
}

/** The domains of a key, where the nodes that have it have the other keys too, so that all their pods count. */
function wholeDomains(
  nodes: readonly NodeInfo[],
  key: string,
  all: readonly Constraint[],
): ReadonlySet<string> | undefined {
  let layout = layouts.get(nodes);
  if (!layout) layouts.set(nodes, (layout = new Map()));
  const id = JSON.stringify([key, all.map((one) => one.key)]);
  let domains = layout.get(id);
  if (domains === undefined) {
    const having = nodes.filter(({ labels }) => labels[key] !== undefined);
    const isWhole = having.every((node) => hasAll(node, all));
    domains = isWhole ? new Set(having.map(({ labels }) => labels[key]!)) : 'divided';
    if (layout.size >= layoutsMax) layout.clear();
    layout.set(id, domains);
  }
  return domains === 'divided' ? undefined : domains;
}

/** The list of nodes is another as soon as a node's labels are. */
const layouts = new WeakMap<readonly NodeInfo[], Map<string, ReadonlySet<string> | 'divided'>>();
const layoutsMax = 64;

/** With fewer domains than asked for, the least is that of the missing ones. */
function leastOf(counts: ReadonlyMap<string, number>, { minDomains }: Constraint): number {
  if (counts.size < minDomains || counts.size === 0) return 0;
  let least = Number.POSITIVE_INFINITY;
  for (const count of counts.values()) if (count < least) least = count;
  return least;
}

/** As if the other pod came to the node, or left it. */
function adjusted(
  constraint: HardConstraint,
  { pod, other, node, by, all }: Adjustment & { all: readonly Constraint[] },
): HardConstraint {
  const isLike =
    other.metadata.namespace === pod.metadata.namespace &&
    !other.metadata.deletionTimestamp &&
    constraint.selector.matches(other.metadata.labels);
  const domain = node.labels[constraint.key];
  if (!isLike || domain === undefined || !hasAll(node, all) || !isCounted(node, { pod, constraint })) return constraint;
  const counts = new Map(constraint.counts);
  counts.set(domain, (counts.get(domain) ?? 0) + by);
  return { ...constraint, counts, least: leastOf(counts, constraint) };
}

function hasAll({ labels }: NodeInfo, constraints: readonly Constraint[]): boolean {
  return constraints.every(({ key }) => labels[key] !== undefined);
}

function countSoft(
  constraints: Constraint[],
  scope: { pod: Pod; feasible: readonly NodeInfo[]; snapshot: Snapshot; strict: boolean },
): SoftState {
  const { pod, feasible, snapshot, strict } = scope;
  const hasKeys = (node: NodeInfo) => !strict || hasAll(node, constraints);
  const ignored = new Set(feasible.filter((node) => !hasKeys(node)).map(({ name }) => name));
  const counted = constraints.map((constraint) => {
    const { key, selector } = constraint;
    const counts = new Map<string, number>();
    const like = snapshot.index.living(pod.metadata.namespace ?? '', selector);
    if (key === hostname) return { ...constraint, like, counts, weight: Math.log(feasible.length - ignored.size + 2) };
    for (const { labels, name } of feasible)
      if (labels[key] !== undefined && !ignored.has(name)) counts.set(labels[key], 0);
    for (const node of snapshot.nodes) {
      const domain = node.labels[key];
      if (domain === undefined || !counts.has(domain) || !hasKeys(node) || !isCounted(node, { pod, constraint }))
        continue;
      counts.set(domain, counts.get(domain)! + like.on(node.name));
    }
    return { ...constraint, like, counts, weight: Math.log(counts.size + 2) };
  });
  return { constraints: counted, ignored };
}

/** Whether the node's pods count, by the constraint's policies. */
function isCounted(
  { node, labels, taints }: NodeInfo,
  { pod, constraint }: { pod: Pod; constraint: Constraint },
): boolean {
  if (constraint.nodeAffinityPolicy === 'Honor') {
    const { nodeSelector = {}, affinity } = pod.spec;
    for (const key in nodeSelector) if (labels[key] !== nodeSelector[key]) return false;
    const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    if (terms && !matchesNodeSelector(terms, node)) return false;
  }
  if (constraint.nodeTaintsPolicy !== 'Honor') return true;
  return taints.every((taint) => taint.effect === 'PreferNoSchedule' || anyTolerates(pod.spec.tolerations, taint));
}
