/** kubectl on the cluster of the file's tests, each in its own namespace. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { parse, stringify } from 'yaml';
import { Kubectl, provide } from '../kubectl.js';
import { conformance as inScene, type Scene } from './conformance.js';

export interface KubectlScene extends Scene {
  /** Its default namespace is the scene's. */
  kubectl: Kubectl;
  /** For files that kubectl is to read, or to make. */
  directory: string;
}

let directory: string;

beforeAll(async () => {
  await provide('kubectl', 'kubernetes-client');
  directory = await mkdtemp(join(tmpdir(), 't8s-kubectl-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** Throws RangeError when the name is not official. */
export function conformance(name: string, run: (scene: KubectlScene) => Promise<void>): void {
  inScene(name, async (scene) => {
    const kubeconfig = join(directory, scene.namespace);
    await writeFile(kubeconfig, inNamespace(scene.cluster.kubeconfig!, scene.namespace));
    const kubectl = new Kubectl(kubeconfig);
    try {
      await run({ ...scene, kubectl, directory });
    } finally {
      kubectl.killAll();
    }
  });
}

function inNamespace(kubeconfig: string, namespace: string): string {
  const config = parse(kubeconfig);
  for (const { context } of config.contexts) context.namespace = namespace;
  return stringify(config);
}
