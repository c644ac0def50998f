/** Workloads end as they should, and break no promise on the way, whatever goes wrong between controllers and API server. */
import daemonSets from '#api/apps/daemonset.js';
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import statefulSets from '#api/apps/statefulset.js';
import pods from '#api/core/pod/index.js';
import replicationControllers from '#api/core/replicationcontroller.js';
import { weather } from './storm.js';
import * as told from './workload-stories.js';

const recorded = [pods, deployments, replicaSets, replicationControllers, statefulSets, daemonSets];
const stories = [
  told.replicaSet,
  told.replicationController,
  told.adoption,
  told.rollout,
  told.deployment,
  told.bereftDeployment,
  told.statefulSet,
  told.troubledStatefulSet,
  told.parallelStatefulSet,
  told.daemonSet(0),
  told.daemonSet(1),
];
weather('workloads keep their promises', { stories, recorded });
