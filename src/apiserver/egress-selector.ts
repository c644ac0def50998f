/**
 * An EgressSelectorConfiguration: by which way the server reaches nodes, webhooks and the store. There is the direct one
 * only; what asks for a proxy is refused rather than passed over.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/setup-konnectivity/
 */
import { duplicate, type FieldError, invalidValue, notSupported } from '#apimachinery/field-error.js';
import { ConfigurationError, readConfigurationFile, readDocument, requireValidFile } from './configuration-file.js';

interface EgressSelection {
  name?: unknown;
  connection?: { proxyProtocol?: unknown; transport?: unknown };
}

const versions = ['apiserver.k8s.io/v1beta1', 'apiserver.k8s.io/v1alpha1'];
const protocols = ['Direct', 'GRPC', 'HTTPConnect'];
const names = ['cluster', 'controlplane', 'etcd'];
const at = 'service.connection';

/** Throws ConfigurationError. */
export async function requireDirectEgress(path: string): Promise<void> {
  const value = readDocument(await readConfigurationFile(path), path).value as {
    apiVersion?: unknown;
    kind?: unknown;
    egressSelections?: unknown;
  } | null;
  if (value?.kind !== 'EgressSelectorConfiguration' || !versions.includes(String(value.apiVersion)))
    throw new ConfigurationError(`${path}: no EgressSelectorConfiguration of ${versions.join(', ')}`);
  const { egressSelections: selections = [] } = value;
  if (!Array.isArray(selections)) throw new ConfigurationError(`${path}: egressSelections must be a list`);
  requireValidFile(path, validateEgress(selections.map((one) => (one ?? {}) as EgressSelection)));
}

export function validateEgress(selections: readonly EgressSelection[]): FieldError[] {
  const seen = new Set<string>();
  return [
    ...selections.flatMap(({ name, connection = {} }) => validateConnection(String(name ?? ''), connection)),
    ...selections.flatMap(({ name }, index) => {
      const found = String(name ?? '').toLowerCase();
      if (seen.has(found)) return [duplicate(`${at}[${index}]`, found)];
      seen.add(found);
      return names.includes(found) ? [] : [notSupported(at, found, names)];
    }),
  ];
}

function validateConnection(
  name: string,
  { proxyProtocol, transport }: NonNullable<EgressSelection['connection']>,
): FieldError[] {
  const protocol = String(proxyProtocol ?? '');
  if (!protocols.includes(protocol)) return [notSupported(`${at}.protocol`, protocol, protocols)];
  if (protocol !== 'Direct') {
    const detail = `this server connects directly only: there is no proxy (konnectivity) for egress ${JSON.stringify(name)}`;
    return [invalidValue(`${at}.protocol`, protocol, detail)];
  }
  if (transport === undefined || transport === null) return [];
  return [invalidValue(`${at}.transport`, 'direct', 'config must be absent for direct connect')];
}
