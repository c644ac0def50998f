/** What we call ourselves. */
import { readFileSync } from 'node:fs';
import type { VersionInfo } from '#apiserver/paths.js';

/** The version of Kubernetes whose API we serve. */
export const kubernetesVersion = { major: '1', minor: '36', full: 'v1.36.0' };

/** Ours, from package.json, which stands one folder above both the sources' and the bundle's. */
export const productVersion: string = readProductVersion();

/** As the API server, nodes and `kubectl version` show it: `v1.36.0+t8s.0.1.0`. */
export const gitVersion = `${kubernetesVersion.full}+t8s.${productVersion}`;

/** `/version`, in the shape of k8s.io/apimachinery's version.Info. We are not built by Go, and say what runs us. */
export const versionInfo: VersionInfo = {
  major: kubernetesVersion.major,
  minor: kubernetesVersion.minor,
  gitVersion,
  emulationMajor: kubernetesVersion.major,
  emulationMinor: kubernetesVersion.minor,
  minCompatibilityMajor: kubernetesVersion.major,
  minCompatibilityMinor: String(Number(kubernetesVersion.minor) - 1),
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node${process.versions.node}`,
  compiler: 'v8',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
};

function readProductVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (name === 'typernetes') return version as string;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error('package.json of typernetes is missing: install the package again');
}
