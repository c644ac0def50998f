/** The network configuration list that the runtime hands to the CNI plugins (https://www.cni.dev/docs/spec). */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface PodNetwork {
  /** The node's bridge interface: at most 15 characters. */
  bridge: string;
  /** One per address family, the primary first. */
  podCidrs: string[];
  /** Where host-local keeps which address is whose; must survive a restart of the node's processes, not a reboot. */
  addressDirectory: string;
  /** 0, or left out: the kernel's choice. */
  mtu?: number;
}

/**
 * Masquerading and host ports are not asked for: nftables does both, from one place. Hairpin mode lets a pod reach
 * itself through its own service.
 */
export function networkConfigList(network: PodNetwork): object {
  return {
    cniVersion: '0.4.0',
    name: 't8s',
    plugins: [
      {
        type: 'bridge',
        bridge: network.bridge,
        isGateway: true,
        isDefaultGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ...(network.mtu ? { mtu: network.mtu } : {}),
        ipam: {
          type: 'host-local',
          dataDir: network.addressDirectory,
          ranges: network.podCidrs.map((subnet) => [{ subnet }]),
        },
      },
    ],
  };
}

/** Written aside and renamed: the runtime watches the directory and must never read half a file. */
export async function writeNetworkConfig(configDirectory: string, network: PodNetwork): Promise<void> {
  await mkdir(configDirectory, { recursive: true });
  const file = path.join(configDirectory, '10-t8s.conflist');
  await writeFile(`${file}.new`, `${JSON.stringify(networkConfigList(network), null, 2)}\n`);
  await rename(`${file}.new`, file);
}
