/** Pods leave nodes that have failed, and those only; each node has addresses of its own. */
import nodes from '#api/core/node.js';
import pods from '#api/core/pod/index.js';
import * as told from './node-stories.js';
import { weather } from './storm.js';

weather('pods outlive their nodes', { stories: [told.failingNodes], recorded: [pods, nodes], rounds: 30 });
