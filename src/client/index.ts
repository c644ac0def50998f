/**
 * The client of any Kubernetes API server, the one that all our own components use. It is the package's export
 * `./client`:
 *
 *     import { readFile } from 'node:fs/promises';
 *     import { connect, pods } from 'typernetes/client';
 *
 *     const { client } = await connect(await readFile(`${process.env.HOME}/.kube/config`, 'utf8'));
 *     const { items } = await client.of(pods).list({ namespace: 'default' });
 *
 * Each built-in resource is exported by its plural (`pods`, `deployments`, `replicasets`); any other is addressed by a
 * ResourceRef of one's own. Types stand in one namespace for each API group and version: `core.Pod`,
 * `apps.Deployment`. Objects that the client gives are frozen: `copy` one to change it.
 */
export type * as apps from '#api/gen/apps-v1.js';
export type * as authentication from '#api/gen/authentication-v1.js';
export type * as authorization from '#api/gen/authorization-v1.js';
export type * as autoscaling from '#api/gen/autoscaling-v2.js';
export type * as batch from '#api/gen/batch-v1.js';
export type * as certificates from '#api/gen/certificates-v1.js';
export type * as coordination from '#api/gen/coordination-v1.js';
export type * as core from '#api/gen/core-v1.js';
export type * as discovery from '#api/gen/discovery-v1.js';
export type * as meta from '#api/gen/meta-v1.js';
export type * as networking from '#api/gen/networking-v1.js';
export type * as policy from '#api/gen/policy-v1.js';
export type * as rbac from '#api/gen/rbac-v1.js';
export type * as scheduling from '#api/gen/scheduling-v1.js';
export type * as storage from '#api/gen/storage-v1.js';
export * from '#api/names.gen.js';
export type { ResourceRef, Verb } from '#api/resource.js';
export { isReason, type Reason, type Status, StatusError } from '#apimachinery/errors.js';
export { controllerOf, formatTime, type KubeList, type KubeObject, type ObjectMeta } from '#apimachinery/object.js';
export { type Clock, SystemClock, type Timer } from '#base/clock.js';
export { copy, equal } from '#base/json.js';
export { type Log, silentLog } from '#base/log.js';
export { type Prng, SystemPrng } from '#base/prng.js';
export { Backoff, type BackoffOptions } from './backoff.js';
export {
  Client,
  type DeleteOptions,
  type ListOptions,
  type PatchOptions,
  type PatchType,
  ResourceClient,
  type Scope,
  type Selection,
  type WatchOptions,
  type WriteOptions,
} from './client.js';
export { type Connected, type ConnectOptions, connect, transportOf } from './connect.js';
export { type Discovered, type DiscoveredResource, discover } from './discovery.js';
export { EventRecorder, type EventRecorderOptions, type EventText } from './events.js';
export { HttpTransport, type HttpTransportOptions } from './http-transport.js';
export {
  type EventHandlers,
  type IndexFunction,
  Informer,
  InformerFactory,
  type InformerOptions,
  type InformerSelection,
  keyOf,
  splitKey,
} from './informer.js';
export { type Access, formatKubeconfig, KubeconfigError, mergeKubeconfig, parseKubeconfig } from './kubeconfig.js';
export { LeaderElector, type LeaderElectorOptions } from './leader-election.js';
export { type ApiRequest, type ApiResponse, type Transport, TransportError, type WatchEvent } from './transport.js';
export { WorkQueue, type WorkQueueOptions } from './workqueue.js';
