/** Two copies of the controllers, of which the leader is put to sleep past its lease, and wakes while the other leads. */
import daemonSets from '#api/apps/daemonset.js';
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import statefulSets from '#api/apps/statefulset.js';
import pods from '#api/core/pod/index.js';
import replicationControllers from '#api/core/replicationcontroller.js';
import services from '#api/core/service.js';
import { budget, publishing, quota } from './policy-stories.js';
import { weather } from './storm.js';
import * as told from './workload-stories.js';

const recorded = [pods, services, deployments, replicaSets, replicationControllers, statefulSets, daemonSets];
const stories = [
  told.replicaSet,
  told.rollout,
  told.deployment,
  told.statefulSet,
  told.parallelStatefulSet,
  told.daemonSet(1),
  budget,
  quota,
  publishing,
];
weather('one leader after another keeps all promises', { stories, recorded, copies: 2, rounds: 12 });
