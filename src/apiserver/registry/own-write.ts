/** A write by the server itself, beside any request: nobody is asked, and nobody is told. */
import { componentUsers } from '../authentication/component-users.js';
import type { Write } from './registry.js';

export const ownWrite: Write = {
  user: componentUsers.apiServer,
  dryRun: false,
  subresource: '',
  manager: 'kube-apiserver',
  admission: 'done',
  options: {},
  warn() {},
  annotate() {},
};
