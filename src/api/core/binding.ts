/** Binding: the assignment of a pod to a node; only ever posted. */
import type { Binding } from '#api/gen/core-v1.js';
import { defineResource } from '../resource.js';
import { validateBinding } from './pod/subresources.js';

export default defineResource<Binding>({
  group: '',
  versions: ['v1'],
  kind: 'Binding',
  namespaced: true,
  verbs: ['create'],
  validate: validateBinding,
});
