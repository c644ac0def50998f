/** What a pod, or the template of one, is when its author did not say (kubernetes/kubernetes pkg/apis/core/v1/defaults.go). */
import type {
  Container,
  ContainerPort,
  EnvVar,
  EphemeralContainer,
  HTTPGetAction,
  Lifecycle,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
} from '#api/gen/core-v1.js';
import { Quantity } from '#apimachinery/quantity.js';
import { defaultPullPolicy } from './image.js';
import { aggregateRequests, isHugePages, isPodLevelResource } from './resources.js';
import { defaultVolume } from './volume-defaults.js';

export function defaultPod(pod: Pod): void {
  pod.spec ??= { containers: [] };
  const { spec } = pod;
  defaultPodSpec(spec);
  if (spec.terminationGracePeriodSeconds! < 0) spec.terminationGracePeriodSeconds = 1;
  spec.enableServiceLinks ??= true;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    defaultRequests(container);
    if (spec.hostNetwork) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
  }
  defaultHugePageLimits(spec);
  defaultPodRequests(spec);
}

/** Templates get the defaults of the spec only: those of pods follow when a pod is made of it. */
export function defaultPodTemplate(template: PodTemplateSpec): void {
  template.metadata ??= {};
  template.spec ??= { containers: [] };
  defaultPodSpec(template.spec);
}

export function defaultPodSpec(spec: PodSpec): void {
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= 'default-scheduler';
  // `serviceAccount` is the older name of the field, and served beside the new one.
  spec.serviceAccountName ||= spec.serviceAccount;
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else {
    delete spec.serviceAccountName;
    delete spec.serviceAccount;
  }
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of spec.containers ?? []) defaultContainer(container);
  for (const container of spec.initContainers ?? []) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
  if (spec.resources) roundResources(spec.resources);
  if (spec.overhead) roundUpToMilli(spec.overhead);
}

export function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= defaultPullPolicy(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.ports?.forEach(defaultPort);
  container.env?.forEach(defaultEnv);
  container.resources ??= {};
  roundResources(container.resources);
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe) defaultProbe(probe);
  }
  if (container.lifecycle) defaultLifecycle(container.lifecycle);
}

function defaultPort(port: ContainerPort): void {
  port.protocol ||= 'TCP';
}

function defaultEnv({ valueFrom }: EnvVar): void {
  if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1';
  if (valueFrom?.fileKeyRef) valueFrom.fileKeyRef.optional ??= false;
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.httpGet) defaultHttpGet(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function defaultLifecycle({ postStart, preStop }: Lifecycle): void {
  if (postStart?.httpGet) defaultHttpGet(postStart.httpGet);
  if (preStop?.httpGet) defaultHttpGet(preStop.httpGet);
}

function defaultHttpGet(action: HTTPGetAction): void {
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

/** A limit without a request asks for as much as it limits. */
function defaultRequests({ resources }: Container): void {
  if (!resources?.limits) return;
  resources.requests = { ...resources.limits, ...resources.requests };
}

/** Huge pages are given out whole: where a pod has amounts of its own, those of its containers are its limit. */
function defaultHugePageLimits({ resources, containers, initContainers }: PodSpec): void {
  const { limits, requests } = resources ?? {};
  if (Object.keys({ ...limits, ...requests }).length === 0) return;
  const isWanted = (name: string) =>
    isHugePages(name) && requests?.[name] === undefined && limits?.[name] === undefined;
  const sums = aggregateRequests({ containers, initContainers }, { list: 'limits', isWanted });
  if (sums.size > 0) resources!.limits = { ...limits, ...texts(sums) };
}

/** Where a pod has limits of its own, it asks for what its containers ask for together, else for as much as it limits. */
function defaultPodRequests({ resources, containers, initContainers }: PodSpec): void {
  if (!resources?.limits || Object.keys(resources.limits).length === 0) return;
  const { limits, requests } = resources;
  const isWanted = (name: string) => isPodLevelResource(name) && !isHugePages(name);
  const asked = texts(aggregateRequests({ containers, initContainers }, { list: 'requests', isWanted }));
  const limited = Object.entries(limits).filter(([name]) => isPodLevelResource(name));
  resources.requests = { ...Object.fromEntries(limited), ...asked, ...requests };
}

function texts(amounts: ReadonlyMap<string, Quantity>): Record<string, string> {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, amount.toString()]));
}

export function roundResources({ limits, requests }: ResourceRequirements): void {
  if (limits) roundUpToMilli(limits);
  if (requests) roundUpToMilli(requests);
}

/** Of texts that are finer than a thousandth: a fraction, a small suffix, or an exponent. */
const mayBeFine = /[.nueE]/;

/** Nothing finer than a thousandth is kept. */
export function roundUpToMilli(amounts: Record<string, string>): void {
  for (const [name, amount] of Object.entries(amounts)) {
    if (!mayBeFine.test(amount)) continue;
    const quantity = Quantity.tryParse(amount);
    // An unreadable amount is left for the decoder, which refuses it.
    if (quantity) amounts[name] = quantity.roundUp(-3).toString();
  }
}
