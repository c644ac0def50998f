import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/gen/core-v1.js';
import type { ImageInfo } from './runtime/runtime.js';
import { containerSecurity, sandboxSecurity } from './security.js';

const image = { id: 'i', tags: [], digests: [], sizeBytes: 0 };

function podWith(
  securityContext: Pod['spec']['securityContext'],
  own: Pod['spec']['containers'][0]['securityContext'] = {},
): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default', uid: 'u' },
    spec: { securityContext, containers: [{ name: 'c', securityContext: own }] },
  } as Pod;
}

const secure = (pod: Pod, given: Partial<ImageInfo> = {}) =>
  containerSecurity(pod, pod.spec.containers[0]!, { ...image, ...given });

describe('runAsNonRoot', () => {
  const where = '(pod: "p_default(u)", container: c)';

  test.each<[string, Pod, Partial<ImageInfo>, string]>([
    [
      'the image runs as root',
      podWith({ runAsNonRoot: true }),
      {},
      'container has runAsNonRoot and image will run as root',
    ],
    [
      'the image says root',
      podWith({}, { runAsNonRoot: true }),
      { uid: 0 },
      'container has runAsNonRoot and image will run as root',
    ],
    [
      'the image names somebody',
      podWith({ runAsNonRoot: true }),
      { username: 'app' },
      'container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root',
    ],
    [
      'the pod says root',
      podWith({ runAsNonRoot: true, runAsUser: 0 }),
      { uid: 5 },
      "container's runAsUser breaks non-root policy",
    ],
    [
      'the container says root',
      podWith({ runAsNonRoot: true, runAsUser: 7 }, { runAsUser: 0 }),
      {},
      "container's runAsUser breaks non-root policy",
    ],
  ])('refuses where %s', (_, pod, given, message) => {
    expect(() => secure(pod, given)).toThrow(expect.objectContaining({ message: `${message} ${where}` }));
  });

  test.each<[string, Pod, Partial<ImageInfo>, number | undefined]>([
    ['the image runs as somebody', podWith({ runAsNonRoot: true }), { uid: 5 }, 5],
    ['the pod says who', podWith({ runAsNonRoot: true, runAsUser: 7 }), {}, 7],
    ['the container asks for less', podWith({ runAsNonRoot: true }, { runAsNonRoot: false }), {}, undefined],
    ['nobody asks', podWith({}), { uid: 0 }, 0],
  ])('starts where %s', (_, pod, given, runAsUser) => {
    expect(secure(pod, given).runAsUser).toBe(runAsUser);
  });
});

test('what the container says goes before what the pod says', () => {
  const shared = { runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4, 3] };
  const own = { runAsUser: 5, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };
  expect(secure(podWith(shared, own), { username: 'app' })).toEqual({
    privileged: false,
    runAsUser: 5,
    runAsUserName: undefined,
    runAsGroup: 2,
    supplementalGroups: [3, 4],
    seccomp: 'Unconfined',
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: true,
    addCapabilities: [],
    dropCapabilities: ['ALL'],
    procMount: 'Default',
  });
});

test('the sandbox is as privileged as the most privileged container', () => {
  expect(sandboxSecurity(podWith({ seccompProfile: { type: 'RuntimeDefault' } }, { privileged: true }))).toMatchObject({
    privileged: true,
    seccomp: 'RuntimeDefault',
  });
  expect(sandboxSecurity(podWith(undefined)).privileged).toBe(false);
});
