/** The node's own part of the pod network: a bridge that pods plug into, and a kernel that forwards. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import type { Log } from '#base/log.js';
import { gatewayOf, prefixLength } from './cidr.js';

const run = promisify(execFile);

export interface NodeNetworkOptions {
  /** The bridge's name, at most 15 characters. */
  bridge: string;
  /** The addresses of this node's pods; the first is the bridge's. */
  podCidr: string;
  /** Routed to the bridge, so that services are reached even on a machine without a default route. */
  serviceCidr: string;
  log: Log;
}

/** The machine did not let us; the message says what was tried and why it failed. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
}

const forwarding = '/proc/sys/net/ipv4/ip_forward';
/** Answers between pods of one bridge must pass the rules that rewrote the question. */
const bridgeCalls = '/proc/sys/net/bridge/bridge-nf-call-iptables';

/** Makes the bridge, or takes over the one that is there. Gives the bridge's address. Throws NetworkError. */
export async function setUpNodeNetwork({ bridge, podCidr, serviceCidr, log }: NodeNetworkOptions): Promise<string> {
  const gateway = gatewayOf(podCidr);
  assertFree(gateway, { bridge, podCidr });
  await setKernel(forwarding, '1');
  if (!existsSync(bridgeCalls)) await loadBridgeFilter(log);
  if (existsSync(bridgeCalls)) await setKernel(bridgeCalls, '1');
  if (!existsSync(`/sys/class/net/${bridge}`)) await ip('link', 'add', bridge, 'type', 'bridge');
  await ip('addr', 'replace', `${gateway}/${prefixLength(podCidr)}`, 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
  // What a pod serves on a port of this machine is there under 127.0.0.1 too; rules keep strangers off that address.
  await setKernel(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`, '1');
  await ip('route', 'replace', serviceCidr, 'dev', bridge, 'src', gateway);
  return gateway;
}

/** Two clusters that share pod addresses would answer for each other's pods. */
function assertFree(gateway: string, { bridge, podCidr }: { bridge: string; podCidr: string }): void {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (name === bridge || !addresses?.some(({ address }) => address === gateway)) continue;
    throw new NetworkError(
      `the pod addresses ${podCidr} are in use on ${name}: choose others with --pod-cidr, and --service-cidr`,
    );
  }
}

/** Takes the bridge away with its routes. The kernel's settings stay: others may count on them by now. */
export async function tearDownNodeNetwork({ bridge }: { bridge: string }): Promise<void> {
  if (existsSync(`/sys/class/net/${bridge}`)) await ip('link', 'delete', bridge);
}

async function setKernel(path: string, value: string): Promise<void> {
  try {
    if ((await readFile(path, 'utf8')).trim() !== value) await writeFile(path, value);
  } catch (cause) {
    throw new NetworkError(`${path} cannot be set to ${value}: ${(cause as Error).message}`, { cause });
  }
}

async function loadBridgeFilter(log: Log): Promise<void> {
  try {
    await run('modprobe', ['br_netfilter']);
  } catch (err) {
    log.warn('br_netfilter is not there: pods of one node may not reach each other through a service', { err });
  }
}

async function ip(...words: string[]): Promise<void> {
  try {
    await run('ip', words);
  } catch (cause) {
    const line = String((cause as { stderr?: string }).stderr || cause).split('\n')[0]!;
    throw new NetworkError(`ip ${words.join(' ')}: ${line}`, { cause });
  }
}
