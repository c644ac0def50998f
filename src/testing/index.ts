/**
 * Clusters in tests: the API server with all of its rules, the controllers, the scheduler and simulated nodes with real
 * kubelets, in the process of the test, on a clock that the test moves. It is the package's export `./testing`:
 *
 *     import { startTestCluster } from 'typernetes/testing';
 *     import { deployments, pods } from 'typernetes/client';
 *
 *     const cluster = await startTestCluster();
 *     const client = cluster.client();
 *     await client.of(deployments).create(web);
 *     await cluster.until(async () => (await client.of(deployments).get('web', { namespace: 'default' })).status?.readyReplicas === 3);
 *     await cluster.advance(3_600_000);
 *     await cluster.stop();
 */
export { type Clock, SystemClock, type Timer, VirtualClock } from '#base/clock.js';
export type { Log, LogFields } from '#base/log.js';
export type { SchedulerPlugin, SchedulerSettings } from '#cluster/scheduler-configuration.js';
export {
  type LoggedError,
  startTestCluster,
  TestCluster,
  type TestClusterOptions,
  type TestNode,
  type TestUser,
  type UntilOptions,
} from './cluster.js';
export { type DoneRequest, type FaultPlan, Faults, type FaultsOptions } from './faults.js';
