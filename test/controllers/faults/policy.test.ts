/** Budgets, quotas, addresses and ports: no fault lets anybody have more than there is. */
import deployments from '#api/apps/deployment.js';
import replicaSets from '#api/apps/replicaset.js';
import pods from '#api/core/pod/index.js';
import services from '#api/core/service.js';
import * as told from './policy-stories.js';
import { weather } from './storm.js';

const stories = [told.budget, told.quota, told.publishing, told.addresses];
weather('limits are kept', { stories, recorded: [pods, services, deployments, replicaSets] });
