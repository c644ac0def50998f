/** What containers find of their service account, on real containers. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { Cluster } from '../../e2e/cluster.js';
import { busyboxImage, busyboxReference } from '../../images/images.js';
import { conformance } from './label.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ subnet: 92, images: [await busyboxImage()] });
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.showLogs();
});
afterAll(() => cluster?.purge());

const token = /^[\w-]+\.[\w-]+\.[\w-]+$/;

async function userOf(bearer: string, audiences?: string[]) {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: bearer, audiences } };
  const answered = await cluster.kubectl('create -f - -o json', { input: JSON.stringify(review) });
  return JSON.parse(answered).status;
}

function podOf(name: string, spec: object, container: object) {
  const main = { name: 'main', image: busyboxReference, ...container };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 1, containers: [main], ...spec },
  };
}

conformance('[sig-auth] ServiceAccounts should mount an API token into pods [Conformance]', async () => {
  await cluster.kubectl('create serviceaccount mounted');
  const waiting = { command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 1; done'] };
  await cluster.apply(podOf('mounted', { serviceAccountName: 'mounted' }, waiting));
  await cluster.kubectl('wait --for=condition=Ready pod/mounted --timeout=60s');
  const read = (file: string) =>
    cluster.kubectl(`exec mounted -- cat /var/run/secrets/kubernetes.io/serviceaccount/${file}`);
  const bearer = await read('token');
  expect(bearer).toMatch(token);
  const { uid } = (await cluster.json('get serviceaccount mounted')).metadata;
  const { authenticated, user } = await userOf(bearer);
  expect([authenticated, user.username, user.uid]).toEqual([true, 'system:serviceaccount:default:mounted', uid]);
  expect(user.groups).toEqual(expect.arrayContaining(['system:serviceaccounts', 'system:serviceaccounts:default']));
  expect(await read('namespace')).toBe('default');
  expect(await read('ca.crt')).toBe((await cluster.json('get configmap kube-root-ca.crt')).data['ca.crt']);
});

conformance('[sig-auth] ServiceAccounts should mount projected service account token [Conformance]', async () => {
  const source = { serviceAccountToken: { path: 'test', audience: 'projected', expirationSeconds: 1200 } };
  const volumes = [{ name: 'token', projected: { sources: [source] } }];
  const command = ['cat', '/test-volume/test'];
  const volumeMounts = [{ name: 'token', mountPath: '/test-volume' }];
  await cluster.apply(podOf('projected', { restartPolicy: 'Never', volumes }, { command, volumeMounts }));
  await cluster.kubectl('wait --for=jsonpath={.status.phase}=Succeeded pod/projected --timeout=60s');
  const bearer = await cluster.kubectl('logs projected');
  expect(bearer).toMatch(token);
  // Made for that audience alone.
  expect(await userOf(bearer, ['projected'])).toMatchObject({ authenticated: true, audiences: ['projected'] });
  expect((await userOf(bearer)).authenticated ?? false).toBe(false);
});
