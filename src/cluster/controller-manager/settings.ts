/**
 * The settings of the controllers, by the names that kube-controller-manager gives its flags.
 * https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
 */
import { type ControllerSettings, defaultSettings as defaults } from '#controllers/settings.js';
import { flag, type Setting, wholeNumber } from '../setting.js';

/** Those that the cluster knows by other settings are no flags of their own. */
export type ControllerFlags = Omit<ControllerSettings, 'clusterCidr' | 'serviceCidr' | 'nodeCidrs'>;

export const controllerSettings: Record<keyof ControllerFlags, Setting> = {
  allocateNodeCidrs: flag(
    'allocate-node-cidrs',
    defaults.allocateNodeCidrs,
    'give each node a range of the pod addresses',
  ),
  nodeCidrMaskSize: {
    flag: '--node-cidr-mask-size <bits>',
    env: 'T8S_NODE_CIDR_MASK_SIZE',
    help: "the length of a node's range of pod addresses",
    parse: wholeNumber({ name: 'node-cidr-mask-size', min: 8, max: 30 }),
    default: defaults.nodeCidrMaskSize,
  },
};
