/** Pods of the network tests, which say their names and ask others for the test. */
import { readFileSync } from 'node:fs';
import type { Cluster } from '../../e2e/cluster.js';
import { healthAppReference } from '../../images/images.js';
import { eventually } from '../../kubectl.js';

const program = readFileSync(new URL('../../images/network-app.mjs', import.meta.url), 'utf8');

export interface Serving {
  labels?: Record<string, string>;
  /** What it serves on; default 8080. */
  http?: readonly number[];
  /** Default 8081. */
  udp?: readonly number[];
  ports?: readonly object[];
  /** More of the container's environment. */
  env?: Record<string, string>;
  /** More of the pod's spec. */
  spec?: object;
}

/** A pod that is ready as soon as it serves its first HTTP port. */
export function servingPod(
  name: string,
  { labels, http = [8080], udp = [8081], ports, env: more = {}, spec }: Serving = {},
): object {
  const env = [
    { name: 'SAYS', value: name },
    { name: 'HTTP_PORTS', value: http.join(',') },
    { name: 'UDP_PORTS', value: udp.join(',') },
    ...Object.entries(more).map(([name, value]) => ({ name, value })),
  ];
  const container = {
    ...{ name: 'main', image: healthAppReference, env, ports },
    command: ['/usr/bin/node', '--input-type=module', '-e', program],
    readinessProbe: { httpGet: { path: '/hostname', port: http[0] }, periodSeconds: 1 },
  };
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels } },
    spec: { terminationGracePeriodSeconds: 0, containers: [container], ...spec },
  };
}

export function service(name: string, spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec };
}

/** The pods' addresses, once all are ready. */
export async function startPods(cluster: Cluster, ...pods: object[]): Promise<string[]> {
  await cluster.apply(...pods);
  const names = pods.map((pod) => (pod as { metadata: { name: string } }).metadata.name);
  await cluster.kubectl(['wait', '--for=condition=Ready', '--timeout=90s', ...names.map((name) => `pod/${name}`)]);
  return Promise.all(names.map(async (name) => (await cluster.json(`get pod ${name}`)).status.podIP as string));
}

/** What the pod at this `host:port` answers; throws with what it said when it could not do it. */
export async function ask(pod: string, route: string, query: Record<string, string> = {}): Promise<string> {
  const url = `http://${pod}/${route}?${new URLSearchParams(query)}`;
  const answer = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(10_000) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text}`);
  return text;
}

/** Throws after a while when the pod at this `host:port` does not come to answer so. */
export function says(pod: string, route: string, query: Record<string, string>, check: (answer: string) => void) {
  return eventually(`${route} of ${JSON.stringify(query)} is as expected`, async () =>
    check(await ask(pod, route, query)),
  );
}
