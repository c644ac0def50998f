/**
 * PodSecurity: holds pods to the level that their namespace asks for, and warns of and audits what would not keep to
 * it. https://kubernetes.io/docs/concepts/security/pod-security-admission/
 */
import namespaceResource from '#api/core/namespace.js';
import podResource from '#api/core/pod/index.js';
import type { Container, Namespace, Pod, PodSpec, PodTemplateSpec } from '#api/gen/core-v1.js';
import { internalError, invalid } from '#apimachinery/errors.js';
import type { KubeObject } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import { equal } from '#base/json.js';
import type { Registry } from '../../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { isOn, refuse } from '../refuse.js';
import type { CheckedPod, Violation } from './check.js';
import { detailsOf, evaluate } from './evaluate.js';
import { warningsOfNamespace } from './namespace.js';
import type { PodSecurityObservation } from './observation.js';
import {
  compareLevels,
  defaultPolicy,
  formatLabelled,
  formatLevel,
  isEquivalent,
  isFullyPrivileged,
  type LevelVersion,
  labelPrefix,
  type Mode,
  type Policy,
  policyOf,
  privileged,
} from './policy.js';

/** What a PodSecurityConfiguration says. */
export interface PodSecurityOptions {
  /** For namespaces without labels. */
  defaults: Policy;
  exemptions: { usernames: readonly string[]; namespaces: readonly string[]; runtimeClasses: readonly string[] };
}

export const defaultPodSecurity: PodSecurityOptions = {
  defaults: defaultPolicy,
  exemptions: { usernames: [], namespaces: [], runtimeClasses: [] },
};

interface Dependencies {
  registry: () => Registry;
  clock: Clock;
  podSecurity?: PodSecurityOptions;
  observePodSecurity?: ((observation: PodSecurityObservation) => void) | undefined;
}

interface Decision {
  mode: Mode;
  decision: 'allow' | 'deny';
  policy: LevelVersion;
}

/** Where the template is in what makes pods: these are warned of and audited; only the pods themselves are refused. */
const templates: Readonly<Record<string, (object: KubeObject) => PodTemplateSpec | undefined>> = {
  replicationcontrollers: (object) => (object as Templated).spec?.template,
  podtemplates: (object) => (object as KubeObject & { template?: PodTemplateSpec }).template,
  'replicasets.apps': (object) => (object as Templated).spec?.template,
  'deployments.apps': (object) => (object as Templated).spec?.template,
  'statefulsets.apps': (object) => (object as Templated).spec?.template,
  'daemonsets.apps': (object) => (object as Templated).spec?.template,
  'jobs.batch': (object) => (object as Templated).spec?.template,
  'cronjobs.batch': (object) => (object as KubeObject & CronJobLike).spec?.jobTemplate?.spec?.template,
};
type Templated = KubeObject & { spec?: { template?: PodTemplateSpec } };
interface CronJobLike {
  spec?: { jobTemplate?: Templated };
}

/** By none of these can the spec of a pod be changed. */
const harmlessSubresources = ['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status'];

export function podSecurity({
  registry,
  clock,
  podSecurity: options = defaultPodSecurity,
  observePodSecurity: observe,
}: Dependencies): AdmissionPlugin {
  const exempted = (request: AdmissionRequest) => observe?.({ request, outcome: 'exempt' });
  const decided = (request: AdmissionRequest, { policy, ...decision }: Decision) => {
    const [, version] = formatLevel(policy).split(':') as [string, string];
    observe?.({ request, outcome: { ...decision, level: policy.level, version } });
  };
  const policyFor = async (namespace: string) => {
    const { metadata } = await registry().of<Namespace>(namespaceResource).get({ namespace: '', name: namespace });
    return policyOf(metadata.labels, options.defaults);
  };

  async function judgePod(request: AdmissionRequest): Promise<void> {
    if (isExempt(request, options)) return exempted(request);
    const { policy, errors } = await policyFor(request.namespace).catch((error) => {
      const why = `failed to lookup namespace ${JSON.stringify(request.namespace)}`;
      throw internalError(why, { cause: error });
    });
    if (errors.length === 0 && isFullyPrivileged(policy)) {
      annotate(request, 'enforce-policy', formatLevel(privileged));
      decided(request, { mode: 'enforce', decision: 'allow', policy: privileged });
      return;
    }
    const pod = request.object as Pod;
    if (request.operation === 'UPDATE' && !changesImages(pod.spec, (request.old as Pod).spec)) return;
    judge(request, { pod, policy, errors, enforce: true, options, exempted, decided });
  }

  async function judgeTemplate(request: AdmissionRequest, template: PodTemplateSpec | undefined): Promise<void> {
    if (isExempt(request, options)) return exempted(request);
    const { policy, errors } = await policyFor(request.namespace);
    const isSilent = policy.warn.level === 'privileged' && policy.audit.level === 'privileged';
    if ((errors.length === 0 && isSilent) || !template?.spec) return;
    const pod = { metadata: template.metadata ?? {}, spec: template.spec };
    judge(request, { pod, policy, errors, enforce: false, options, exempted, decided });
  }

  return {
    name: 'PodSecurity',
    handles: ({ operation, resource, subresource }) => {
      if (operation !== 'CREATE' && operation !== 'UPDATE') return false;
      if (resource.group === '' && resource.plural === 'pods') return !harmlessSubresources.includes(subresource);
      if (subresource !== '') return false;
      return (resource.group === '' && resource.plural === 'namespaces') || templateOf(resource) !== undefined;
    },
    async validate(request) {
      if (isOn(request, namespaceResource)) {
        const changed = judgeNamespace(request, options);
        if (!changed) return;
        const { items } = await registry().of<Pod>(podResource).list({ namespace: request.name });
        const checked = items.filter(
          ({ spec }) => !options.exemptions.runtimeClasses.includes(spec.runtimeClassName ?? ''),
        );
        for (const text of await warningsOfNamespace(checked, { name: request.name, enforced: changed, clock }))
          request.warn(text);
      } else if (request.resource.plural === 'pods') await judgePod(request);
      else await judgeTemplate(request, templateOf(request.resource)?.(request.object!));
    },
  };
}

function templateOf({ group, plural }: { group: string; plural: string }) {
  const id = group ? `${plural}.${group}` : plural;
  return Object.hasOwn(templates, id) ? templates[id] : undefined;
}

function annotate(request: AdmissionRequest, key: string, value: string): void {
  request.annotate(`${labelPrefix}${key}`, value);
}

function isExempt(request: AdmissionRequest, { exemptions }: PodSecurityOptions): boolean {
  let why: string | undefined;
  if (exemptions.namespaces.includes(request.namespace)) why = 'namespace';
  else if (exemptions.usernames.includes(request.user.name)) why = 'user';
  if (why) annotate(request, 'exempt', why);
  return why !== undefined;
}

/** Refuses labels that cannot be read; gives the level to hold existing pods against, when that has become stricter. */
function judgeNamespace(request: AdmissionRequest, options: PodSecurityOptions): LevelVersion | undefined {
  const { metadata } = request.object as Namespace;
  const { labels = {} } = metadata;
  const { policy, errors } = policyOf(labels, options.defaults);
  const old = request.old && policyOf(request.old.metadata.labels, options.defaults);
  if (errors.length > 0 && !(old && equal(errors, old.errors)))
    throw invalid({ group: '', kind: 'Namespace', name: request.name }, errors);
  const { enforce } = policy;
  const wasSame = old && old.policy.enforce.level === enforce.level && old.policy.enforce.version === enforce.version;
  if (wasSame || (old && enforce.level === 'privileged')) return undefined;
  if (
    old &&
    old.policy.enforce.version === enforce.version &&
    compareLevels(enforce.level, old.policy.enforce.level) <= 0
  )
    return undefined;
  if (options.exemptions.namespaces.includes(request.name)) {
    if (isFullyPrivileged(policy) || isEquivalent(policy, options.defaults)) return undefined;
    const shown = formatLabelled(policy, labels);
    const name = JSON.stringify(request.name);
    request.warn(`namespace ${name} is exempt from Pod Security, and the policy (${shown}) will be ignored`);
    return undefined;
  }
  return old && enforce;
}

function judge(
  request: AdmissionRequest,
  given: {
    pod: CheckedPod;
    policy: Policy;
    errors: readonly { message: string }[];
    enforce: boolean;
    options: PodSecurityOptions;
    exempted: (request: AdmissionRequest) => void;
    decided: (request: AdmissionRequest, decision: Decision) => void;
  },
): void {
  const { pod, policy, errors, options, decided } = given;
  if (options.exemptions.runtimeClasses.includes(pod.spec.runtimeClassName ?? '')) {
    annotate(request, 'exempt', 'runtimeClass');
    given.exempted(request);
    return;
  }
  const texts = errors.map(({ message }) => message);
  const all = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  if (texts.length > 0) annotate(request, 'error', `Failed to parse policy: ${all}`);
  const found = new Map<string, Violation[]>();
  const violationsOf = (wanted: LevelVersion) => {
    const key = formatLevel(wanted);
    let violations = found.get(key);
    if (!violations) found.set(key, (violations = evaluate(wanted, pod)));
    return violations.length > 0 ? `violate PodSecurity "${key}": ${detailsOf(violations)}` : undefined;
  };
  if (given.enforce) annotate(request, 'enforce-policy', formatLevel(policy.enforce));
  const enforced = given.enforce ? violationsOf(policy.enforce) : undefined;
  if (given.enforce) {
    decided(request, { mode: 'enforce', decision: enforced ? 'deny' : 'allow', policy: policy.enforce });
  }
  const audited = violationsOf(policy.audit);
  if (audited) {
    annotate(request, 'audit-violations', `would ${audited}`);
    decided(request, { mode: 'audit', decision: 'deny', policy: policy.audit });
  }
  if (enforced) throw refuse(request, enforced.replace('violate', 'violates'));
  const warned = violationsOf(policy.warn);
  if (!warned) return;
  request.warn(`would ${warned}`);
  decided(request, { mode: 'warn', decision: 'deny', policy: policy.warn });
}

/** Of what may change in a pod, only images (and containers that are added) bear on its security. */
function changesImages(spec: PodSpec, old: PodSpec): boolean {
  const differs = (now: readonly Container[] = [], before: readonly Container[] = []) =>
    now.length !== before.length || now.some(({ image }, index) => image !== before[index]!.image);
  if (differs(spec.containers, old.containers) || differs(spec.initContainers, old.initContainers)) return true;
  return (spec.ephemeralContainers ?? []).some(
    ({ name, image }) => old.ephemeralContainers?.find((one) => one.name === name)?.image !== image,
  );
}
