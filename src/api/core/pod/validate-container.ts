/** Rules of containers: those that all share, and those of init and ephemeral ones. */
import type { Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, PodSpec } from '#api/gen/core-v1.js';
import {
  duplicate,
  forbiddenField,
  invalidValue,
  required,
  tooMany,
  valueNotFound,
} from '#apimachinery/field-error.js';
import { portNameProblems } from '#apimachinery/names.js';
import { endsStep } from '#base/turns.js';
import {
  check,
  checkEnum,
  checkLabel,
  checkOptionalEnum,
  checkPort,
  each,
  type FieldErrors,
  forbidSet,
} from '../../meta/check.js';
import { pullPolicies } from './image.js';
import { isSidecar } from './resources.js';
import { checkEnv, checkEnvFrom } from './validate-env.js';
import { checkDevices, checkMounts } from './validate-mounts.js';
import { checkLifecycle, checkProbes, type ProbeContext } from './validate-probe.js';
import { checkContainerResources } from './validate-resources.js';
import { checkSecurityContext } from './validate-security.js';
import type { VolumesByName } from './validate-volume.js';

/** What a container stands in. */
interface ContainerContext extends ProbeContext {
  volumes: VolumesByName;
  claimNames: readonly string[];
  podRestartPolicy: string | undefined;
  hostUsers: boolean;
}

export function contextOf(spec: PodSpec, volumes: VolumesByName): ContainerContext {
  return {
    gracePeriodSeconds: spec.terminationGracePeriodSeconds,
    volumes,
    claimNames: claimNamesOf(spec),
    podRestartPolicy: spec.restartPolicy,
    hostUsers: spec.hostUsers !== false,
  };
}

export function claimNamesOf(spec: PodSpec): string[] {
  return (spec.resourceClaims ?? []).map(({ name }) => name).filter(Boolean);
}

export function* checkContainers(path: string, spec: PodSpec, context: ContainerContext): FieldErrors {
  const containers = spec.containers ?? [];
  if (containers.length === 0) {
    yield required(path);
    return;
  }
  const names = new Set<string>();
  for (const { path: at, value: container } of each(path, containers)) {
    yield* checkContainer(at, container, context);
    if (names.has(container.name)) yield duplicate(`${at}.name`, container.name);
    names.add(container.name);
    if (container.lifecycle) yield* checkLifecycle(`${at}.lifecycle`, container.lifecycle, context);
    yield* checkProbes(at, container, context);
    yield* checkRestartPolicy(at, container);
    if (endsStep()) yield;
  }
  yield* checkHostPorts(path, containers);
}

export function* checkInitContainers(path: string, spec: PodSpec, context: ContainerContext): FieldErrors {
  const names = new Set((spec.containers ?? []).map(({ name }) => name));
  for (const { path: at, value: container } of each(path, spec.initContainers)) {
    yield* checkContainer(at, container, context);
    if (endsStep()) yield;
    if (container.restartPolicy === undefined) yield* requireRestartPolicy(at, container);
    else yield* checkRestartPolicy(at, container);
    if (names.has(container.name)) yield duplicate(`${at}.name`, container.name);
    else if (container.name) names.add(container.name);
    // They run one by one, so their ports need not differ from each other's.
    yield* checkHostPorts(path, [container]);
    if (isSidecar(container)) {
      if (container.lifecycle) yield* checkLifecycle(`${at}.lifecycle`, container.lifecycle, context);
      yield* checkProbes(at, container, context);
    } else {
      const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
      yield* forbidSet(
        at,
        { lifecycle, livenessProbe, readinessProbe, startupProbe },
        { why: 'may not be set for init containers without restartPolicy=Always' },
      );
      yield* forbidRestartOnResize(`${at}.resizePolicy`, container);
    }
  }
}

/** What runs once to its end would have to begin anew. */
function* forbidRestartOnResize(path: string, { resizePolicy }: Container): FieldErrors {
  const why = "must not be set to 'RestartContainer' for non-sidecar initContainers";
  for (const { path: at, value } of each(path, resizePolicy))
    if (value.restartPolicy === 'RestartContainer') yield invalidValue(`${at}.restartPolicy`, value.restartPolicy, why);
}

export function* checkEphemeralContainers(path: string, spec: PodSpec, context: ContainerContext): FieldErrors {
  if (!spec.ephemeralContainers?.length) return;
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  const names = new Set(others);
  for (const { path: at, value: container } of each(path, spec.ephemeralContainers)) {
    yield* checkContainer(at, container, context);
    yield* checkImageSpace(at, container);
    if (names.has(container.name)) yield duplicate(`${at}.name`, container.name);
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.has(target)) yield valueNotFound(`${at}.targetContainerName`, target);
    yield* checkDebuggerOnly(at, container);
  }
}

/** Nothing that a pod relies on may depend on a container that is there for looking around. */
function* checkDebuggerOnly(path: string, container: EphemeralContainer): FieldErrors {
  const why = 'cannot be set for an Ephemeral Container';
  const { ports, lifecycle, livenessProbe, readinessProbe, startupProbe, resizePolicy, restartPolicy } = container;
  const resources = Object.keys(container.resources ?? {}).length > 0 ? container.resources : undefined;
  const fields = {
    ports,
    resources,
    resizePolicy,
    restartPolicy,
    livenessProbe,
    readinessProbe,
    startupProbe,
    lifecycle,
  };
  yield* forbidSet(path, { ...fields, restartPolicyRules: container.restartPolicyRules }, { why });
  for (const { path: at, value: mount } of each(`${path}.volumeMounts`, container.volumeMounts))
    yield* forbidSet(at, { subPath: mount.subPath, subPathExpr: mount.subPathExpr }, { why });
}

const messagePolicies = ['File', 'FallbackToLogsOnError'];

function* checkContainer(
  path: string,
  container: Container | EphemeralContainer,
  context: ContainerContext,
): FieldErrors {
  if (!container.name) yield required(`${path}.name`);
  else yield* checkLabel(`${path}.name`, container.name);
  if (!container.image) yield required(`${path}.image`);
  yield* checkEnum(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, messagePolicies);
  const { ports, env, envFrom, volumeMounts, volumeDevices, resources, resizePolicy, securityContext } = container;
  // Most containers of a pod that has thousands have little: a rule that has nothing to look at is not begun.
  if (ports) yield* checkPorts(`${path}.ports`, ports);
  if (env) yield* checkEnv(`${path}.env`, env);
  if (envFrom) yield* checkEnvFrom(`${path}.envFrom`, envFrom);
  if (volumeMounts) yield* checkMounts(`${path}.volumeMounts`, container, context.volumes);
  if (volumeDevices) yield* checkDevices(`${path}.volumeDevices`, container, context.volumes);
  yield* checkEnum(`${path}.imagePullPolicy`, container.imagePullPolicy, pullPolicies);
  if (resources) yield* checkContainerResources(`${path}.resources`, resources, context);
  if (resizePolicy) yield* checkResizePolicies(`${path}.resizePolicy`, resizePolicy, context);
  if (securityContext) yield* checkSecurityContext(`${path}.securityContext`, securityContext, context);
}

const protocols = ['SCTP', 'TCP', 'UDP'];

function* checkPorts(path: string, ports: readonly ContainerPort[] | undefined): FieldErrors {
  const names = new Set<string>();
  for (const { path: at, value: port } of each(path, ports)) {
    if (port.name) {
      const problems = portNameProblems(port.name);
      yield* check(`${at}.name`, port.name, () => problems);
      if (problems.length === 0 && names.has(port.name)) yield duplicate(`${at}.name`, port.name);
      names.add(port.name);
    }
    if (!port.containerPort) yield required(`${at}.containerPort`);
    else yield* checkPort(`${at}.containerPort`, port.containerPort);
    if (port.hostPort) yield* checkPort(`${at}.hostPort`, port.hostPort);
    yield* checkEnum(`${at}.protocol`, port.protocol, protocols);
    if (endsStep()) yield;
  }
}

function* checkHostPorts(path: string, containers: readonly Container[]): FieldErrors {
  const taken = new Set<string>();
  for (const { path: at, value: container } of each(path, containers)) {
    if (endsStep()) yield;
    for (const { path: portAt, value: port } of each(`${at}.ports`, container.ports)) {
      if (endsStep()) yield;
      if (!port.hostPort) continue;
      const key = `${port.protocol ?? ''}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (taken.has(key)) yield duplicate(`${portAt}.hostPort`, key);
      taken.add(key);
    }
  }
}

const containerRestartPolicies = ['Always', 'Never', 'OnFailure'];
const restartRulesMax = 20;
const exitCodesMax = 255;

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#individual-container-restart-policy-and-rules */
function* checkRestartPolicy(path: string, container: Container): FieldErrors {
  const { restartPolicy, restartPolicyRules: rules = [] } = container;
  yield* requireRestartPolicy(path, container);
  yield* checkOptionalEnum(`${path}.restartPolicy`, restartPolicy, containerRestartPolicies);
  const at = `${path}.restartPolicyRules`;
  if (rules.length > restartRulesMax) yield tooMany(at, rules.length, restartRulesMax);
  for (const { path: ruleAt, value: rule } of each(at, rules)) {
    yield* checkOptionalEnum(`${ruleAt}.action`, rule.action ?? '', ['Restart', 'RestartAllContainers']);
    if (!rule.exitCodes) {
      yield required(`${ruleAt}.exitCodes`, 'must be specified');
      continue;
    }
    const { operator = '', values = [] } = rule.exitCodes;
    yield* checkOptionalEnum(`${ruleAt}.exitCodes.operator`, operator, ['In', 'NotIn']);
    if (values.length > exitCodesMax) yield tooMany(`${ruleAt}.exitCodes.values`, values.length, exitCodesMax);
  }
}

function* requireRestartPolicy(
  path: string,
  { restartPolicy, restartPolicyRules }: Pick<Container, 'restartPolicy' | 'restartPolicyRules'>,
): FieldErrors {
  if (restartPolicy === undefined && restartPolicyRules?.length)
    yield required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
}

function* checkResizePolicies(
  path: string,
  policies: readonly ContainerResizePolicy[] | undefined,
  { podRestartPolicy }: ContainerContext,
): FieldErrors {
  const seen = new Set<string>();
  for (const { path: at, value: policy } of each(path, policies)) {
    const { resourceName, restartPolicy } = policy;
    if (seen.has(resourceName)) yield duplicate(at, resourceName);
    seen.add(resourceName);
    yield* checkEnum(path, resourceName, ['cpu', 'memory']);
    yield* checkEnum(path, restartPolicy, ['NotRequired', 'RestartContainer']);
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired')
      yield invalidValue(path, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
  }
}

/** Of pods only: some people's templates mean something by a blank image. */
export function* checkImageSpace(path: string, { image = '' }: { image?: string }): FieldErrors {
  if (image.trim() !== image)
    yield invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace');
}

export function* checkHostNetworkPorts(
  path: string,
  { hostNetwork, containers }: PodSpec,
  { isPod }: { isPod: boolean },
): FieldErrors {
  if (!hostNetwork) return;
  for (const { path: at, value: container } of each(`${path}.containers`, containers)) {
    for (const { path: portAt, value: port } of each(`${at}.ports`, container.ports)) {
      const hostPort = port.hostPort ?? 0;
      // In a template it may be left out: defaults fill it when a pod is made.
      if ((isPod || hostPort !== 0) && hostPort !== port.containerPort)
        yield invalidValue(`${portAt}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true');
    }
  }
}

export function* forbidEphemeral(path: string, spec: PodSpec, { why }: { why: string }): FieldErrors {
  if (spec.ephemeralContainers?.length) yield forbiddenField(`${path}.ephemeralContainers`, why);
}
