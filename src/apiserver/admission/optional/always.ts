/**
 * AlwaysAdmit does nothing, AlwaysDeny refuses every write: both are for trying out what stands around them.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#alwaysdeny
 */
import type { AdmissionPlugin } from '../admission.js';
import { refuse } from '../refuse.js';

export const alwaysAdmit: AdmissionPlugin = { name: 'AlwaysAdmit', handles: () => false };

export const alwaysDeny: AdmissionPlugin = {
  name: 'AlwaysDeny',
  handles: () => true,
  validate(request) {
    throw refuse(request, 'admission control is denying all modifications');
  },
};
