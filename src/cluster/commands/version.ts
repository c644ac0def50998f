/** `t8s version` */
import { gitVersion, kubernetesVersion, productVersion } from '../version.js';

export function version(): void {
  process.stdout.write(
    `t8s ${productVersion}\nserves Kubernetes ${kubernetesVersion.full} as ${gitVersion}\nNode ${process.versions.node}\n`,
  );
}
