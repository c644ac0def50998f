/**
 * Gives every Service its cluster address and node ports, each to one service only.
 * https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
 */
import { isIPv4 } from 'node:net';
import serviceResource from '#api/core/service.js';
import type { Service } from '#api/gen/core-v1.js';
import type { ServiceName } from '#api/networking/service-range.js';
import { internalError, invalid } from '#apimachinery/errors.js';
import { type FieldError, invalidValue } from '#apimachinery/field-error.js';
import { generateName } from '#apimachinery/names.js';
import type { KubeObject, ObjectMeta } from '#apimachinery/object.js';
import type { Clock } from '#base/clock.js';
import type { Prng } from '#base/prng.js';
import type { Registry } from '../../registry/registry.js';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.js';
import { isOn } from '../refuse.js';
import { Allocator } from './allocator.js';
import { ClusterAddresses } from './cluster-addresses.js';
import {
  alignClusterIPs,
  dropForeignFields,
  fillFamilies,
  hasClusterAddress,
  hasHealthCheckPort,
  hasNodePorts,
  headless,
  keepFromOld,
} from './families.js';
import { band } from './range.js';

export interface ServiceAddressOptions {
  registry: () => Registry;
  clock: Clock;
  prng: Prng;
  /** CIDR of IPv4. */
  serviceRange?: string;
  nodePorts?: { first: number; last: number };
}

export const defaultServiceRange = '10.96.0.0/12';
export const defaultNodePorts = { first: 30000, last: 32767 };

const pretendedPortsStart = 32768;

type Spec = NonNullable<Service['spec']>;

/** On whose behalf numbers are taken. */
interface Claim {
  request: AdmissionRequest;
  service: Service;
  name: ServiceName;
  /** The name in one text. */
  owner: string;
  /** Ports that a dry run has been given: they are out of range, so that nobody takes them for real ones. */
  pretended: number[];
}

/** Upstream does this in the registry of services; here it is the last plugin to change them. */
export class ServiceAddresses implements AdmissionPlugin {
  readonly name = 'ServiceAddresses';
  readonly mutatesOnce = true;
  readonly #prng: Prng;
  readonly #ports: { first: number; last: number };
  readonly #addresses: ClusterAddresses;
  readonly #nodePorts: Allocator;
  /** What was taken for a write, to be given back when it comes to nothing. */
  readonly #taken = new WeakMap<KubeObject, (() => void)[]>();

  /** Throws a TypeError for a range that is none. */
  constructor({
    registry,
    clock,
    prng,
    serviceRange = defaultServiceRange,
    nodePorts = defaultNodePorts,
  }: ServiceAddressOptions) {
    this.#prng = prng;
    this.#ports = nodePorts;
    this.#addresses = new ClusterAddresses({ registry, clock, prng, serviceRange });
    const size = nodePorts.last - nodePorts.first + 1;
    this.#nodePorts = new Allocator({
      size,
      staticBand: band(size, { least: 16, divisor: 32, most: 128 }),
      clock,
      prng,
      held: async () => {
        const { items } = await registry().of<Service>(serviceResource).list();
        return items.flatMap(({ metadata, spec = {} }) =>
          portsOf(spec).map((port) => ({ owner: keyOf(nameOf(metadata)), number: port - nodePorts.first })),
        );
      },
    });
  }

  handles(request: AdmissionRequest): boolean {
    return request.operation !== 'CONNECT' && isOn(request, serviceResource);
  }

  /** From here on a number of the service is anybody's, once the service has really gone. */
  validate({ operation, old }: AdmissionRequest): void {
    if (operation !== 'DELETE') return;
    const { spec = {} } = old as Service;
    for (const port of portsOf(spec)) this.#nodePorts.doubt(port - this.#ports.first);
    for (const address of spec.clusterIPs ?? []) this.#addresses.doubt(address);
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    const service = request.object as Service | undefined;
    if (!service?.spec) return;
    const { spec } = service;
    const { metadata } = service;
    // What is noted of an address names its service.
    if (!metadata.name && metadata.generateName) metadata.name = generateName(metadata.generateName, this.#prng);
    const name = nameOf({ ...metadata, namespace: request.namespace });
    const claim: Claim = { request, service, name, owner: keyOf(name), pretended: [] };
    const old = (request.old as Service | undefined)?.spec;
    if (old) {
      keepFromOld(spec, old);
      dropForeignFields(spec, old);
    }
    alignClusterIPs(spec, old);
    try {
      const errors = hasClusterAddress(spec) ? fillFamilies(spec, old) : [];
      if (errors.length > 0) throw refusal(service, errors);
      await this.#giveAddress(claim, spec);
      await this.#giveNodePorts(claim, { spec, old });
    } catch (error) {
      this.abandoned(request);
      throw error;
    }
  }

  abandoned({ object }: AdmissionRequest): void {
    if (!object) return;
    for (const release of this.#taken.get(object) ?? []) release();
    this.#taken.delete(object);
  }

  async #giveAddress({ request, service, name }: Claim, spec: Spec): Promise<void> {
    if (!hasClusterAddress(spec) || spec.clusterIPs?.[0] === headless) return;
    const [wanted] = spec.clusterIPs ?? [];
    if (!wanted) {
      const address = await this.#addresses.draw(name, request);
      if (address === undefined) throw internalError('failed to allocate a serviceIP: range is full');
      this.#remember(request, () => this.#addresses.release(address, name));
      spec.clusterIP = address;
      spec.clusterIPs = [address];
      return;
    }
    // What is no address at all is for validation to say.
    if (!isIPv4(wanted)) return;
    if ((request.old as Service | undefined)?.spec?.clusterIPs?.includes(wanted)) return;
    const outcome = await this.#addresses.take(wanted, name, request);
    if (outcome === 'outside')
      throw addressRefusal(service, wanted, 'the provided network does not match the current range');
    if (outcome === 'refused') throw addressRefusal(service, wanted, 'provided IP is already allocated');
    if (outcome === 'taken') this.#remember(request, () => this.#addresses.release(wanted, name));
  }

  async #giveNodePorts(claim: Claim, { spec, old }: { spec: Spec; old: Spec | undefined }): Promise<void> {
    const kept = new Set(portsOf(old ?? {}));
    // TCP and UDP of one port may share a number, within one service.
    const shared = new Map<number, number>();
    // What other types may not have, validation says.
    const ports = spec.type === 'NodePort' || spec.type === 'LoadBalancer' ? (spec.ports ?? []) : [];
    for (const [index, port] of ports.entries()) {
      const path = `spec.ports[${index}].nodePort`;
      if (port.nodePort) {
        if (!kept.has(port.nodePort)) await this.#takePort(claim, path, port.nodePort);
      } else if (hasNodePorts(spec)) port.nodePort = shared.get(port.port) ?? (await this.#drawPort(claim));
      if (port.nodePort) shared.set(port.port, port.nodePort);
    }
    // A change of it is for validation to refuse.
    if (!hasHealthCheckPort(spec) || hasHealthCheckPort(old)) return;
    const wanted = spec.healthCheckNodePort;
    if (!wanted) spec.healthCheckNodePort = await this.#drawPort(claim);
    else if (!kept.has(wanted)) await this.#takeHealthCheckPort(claim, wanted);
  }

  async #takeHealthCheckPort(claim: Claim, port: number): Promise<void> {
    const problem = await this.#reserve(claim, port);
    if (problem) throw internalError(`failed to allocate requested HealthCheck NodePort ${port}: ${problem}`);
  }

  async #takePort(claim: Claim, path: string, port: number): Promise<void> {
    const problem = await this.#reserve(claim, port);
    if (problem) throw refusal(claim.service, [invalidValue(path, port, problem)]);
  }

  /** Why the port cannot be had. */
  async #reserve({ request, owner }: Claim, port: number): Promise<string | undefined> {
    const { first, last } = this.#ports;
    // Upstream looks for the number among those given, and in a dry run no further.
    if (!request.dryRun && (port < first || port > last))
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    const number = port - first;
    const outcome = await this.#nodePorts.take(number, owner, request);
    if (outcome === 'taken') this.#remember(request, () => this.#nodePorts.release(number, owner));
    return outcome === 'refused' ? 'provided port is already allocated' : undefined;
  }

  async #drawPort({ request, owner, pretended }: Claim): Promise<number> {
    if (request.dryRun) {
      pretended.push(Math.max(pretendedPortsStart, ...pretended) + 1);
      return pretended.at(-1)!;
    }
    const number = await this.#nodePorts.draw(owner, request);
    if (number === undefined) throw internalError('failed to allocate a nodePort: range is full');
    this.#remember(request, () => this.#nodePorts.release(number, owner));
    return this.#ports.first + number;
  }

  #remember({ object, dryRun }: AdmissionRequest, release: () => void): void {
    if (dryRun || !object) return;
    const taken = this.#taken.get(object);
    if (taken) taken.push(release);
    else this.#taken.set(object, [release]);
  }
}

function nameOf({ namespace = '', name = '' }: ObjectMeta): ServiceName {
  return { namespace, name };
}

function keyOf({ namespace, name }: ServiceName): string {
  return `${namespace}/${name}`;
}

function portsOf({ ports = [], healthCheckNodePort }: Spec): number[] {
  return [...ports.flatMap(({ nodePort }) => nodePort || []), ...(healthCheckNodePort ? [healthCheckNodePort] : [])];
}

function refusal({ metadata }: Service, errors: readonly FieldError[]) {
  return invalid({ group: '', kind: 'Service', name: metadata.name }, errors);
}

function addressRefusal(service: Service, address: string, why: string) {
  const error = invalidValue(
    'spec.clusterIPs',
    service.spec?.clusterIPs ?? [],
    `failed to allocate IP ${address}: ${why}`,
  );
  return refusal(service, [error]);
}
