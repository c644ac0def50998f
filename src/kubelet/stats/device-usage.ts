/** What a cgroup read from and wrote to block devices. */
import { readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { optional } from './kernel-file.js';
import type { DeviceUsage } from './usage.js';

type Told = Map<string, Omit<DeviceUsage, 'device'>>;

/** Lines `8:0 Read 4096`, one file for bytes and one for operations, of all that is below. */
export async function devicesOfVersion1(directory: string | undefined): Promise<{ devices?: DeviceUsage[] }> {
  const [bytes, counts] = await Promise.all([
    optional(directory, 'blkio.throttle.io_service_bytes_recursive'),
    optional(directory, 'blkio.throttle.io_serviced_recursive'),
  ]);
  const told: Told = new Map();
  const read = (text: string | undefined, unit: 'bytes' | 'count') => {
    for (const [, number, way, value] of (text ?? '').matchAll(/^(\d+:\d+) (Read|Write) (\d+)$/gm))
      entry(told, number!)[way === 'Read' ? 'reads' : 'writes'][unit] = Number(value);
  };
  read(bytes, 'bytes');
  read(counts, 'count');
  return named(told);
}

/** Lines `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 ...`. */
export async function devicesOfVersion2(directory: string): Promise<{ devices?: DeviceUsage[] }> {
  const told: Told = new Map();
  for (const line of ((await optional(directory, 'io.stat')) ?? '').split('\n')) {
    const [number = '', ...pairs] = line.trim().split(' ');
    if (!/^\d+:\d+$/.test(number)) continue;
    const values = new Map(pairs.map((pair) => pair.split('=', 2) as [string, string]));
    const of = (key: string) => Number(values.get(key) ?? 0);
    told.set(number, {
      reads: { bytes: of('rbytes'), count: of('rios') },
      writes: { bytes: of('wbytes'), count: of('wios') },
    });
  }
  return named(told);
}

function entry(told: Told, number: string): Omit<DeviceUsage, 'device'> {
  let found = told.get(number);
  if (!found) told.set(number, (found = { reads: { bytes: 0, count: 0 }, writes: { bytes: 0, count: 0 } }));
  return found;
}

async function named(told: Told): Promise<{ devices?: DeviceUsage[] }> {
  if (told.size === 0) return {};
  const devices = [...told].map(async ([number, usage]) => ({ device: await deviceName(number), ...usage }));
  return { devices: await Promise.all(devices) };
}

/** The numbers themselves, for one that the kernel does not name. */
export async function deviceName(number: string): Promise<string> {
  const link = await readlink(`/sys/dev/block/${number}`).catch(() => undefined);
  return link ? `/dev/${basename(link)}` : number;
}
