/** Where the kubelet keeps what belongs to pods; the names below the root are upstream's. */
import { join } from 'node:path';
import type { Pod } from '#api/gen/core-v1.js';

export interface KubeletPaths {
  /** Volumes, hosts files and termination messages, as upstream's /var/lib/kubelet. */
  root: string;
  /** Container logs, as upstream's /var/log/pods. */
  podLogs: string;
  /** In every cgroup hierarchy, the cgroup above all pods: `/kubepods`. */
  cgroupRoot: string;
  /** Of the node; pods on its network get the same. */
  resolvConf: string;
  hosts: string;
}

export const defaultPaths: KubeletPaths = {
  root: '/var/lib/kubelet',
  podLogs: '/var/log/pods',
  cgroupRoot: '/kubepods',
  resolvConf: '/etc/resolv.conf',
  hosts: '/etc/hosts',
};

export const podsDirectory = (paths: KubeletPaths) => join(paths.root, 'pods');

export const podDirectory = (paths: KubeletPaths, uid: string) => join(podsDirectory(paths), uid);

export const hostsFilePath = (paths: KubeletPaths, uid: string) => join(podDirectory(paths, uid), 'etc-hosts');

/** `<namespace>_<name>_<uid>` below the pod logs. */
export function podLogDirectory(paths: KubeletPaths, { metadata }: Pod): string {
  return join(paths.podLogs, `${metadata.namespace}_${metadata.name}_${metadata.uid}`);
}

/** Relative to the pod's log directory. */
export const containerLogPath = (name: string, attempt: number) => `${name}/${attempt}.log`;

/** The file that the container sees as its terminationMessagePath. */
export function terminationMessageFile(
  paths: KubeletPaths,
  { uid, name, attempt }: { uid: string; name: string; attempt: number },
): string {
  return join(podDirectory(paths, uid), 'containers', name, String(attempt));
}
