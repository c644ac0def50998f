/** The extenders of a KubeSchedulerConfiguration: what they may say, and the files that they name. */
import { readFileSync } from 'node:fs';
import { isExtendedResource } from '#api/core/pod/resources.js';
import type { Extender, ExtenderTLSConfig, KubeSchedulerConfiguration } from '#api/gen/kubescheduler-v1.js';
import { each, type FieldErrors } from '#api/meta/check.js';
import { parseMilliseconds } from '#apimachinery/codec/time.js';
import { type FieldError, invalidField, invalidValue } from '#apimachinery/field-error.js';
import { qualifiedNameProblems } from '#apimachinery/names.js';
import type { RemoteOptions } from '#base/remote.js';

export interface ExtenderSettings {
  /** Without a slash at its end. */
  url: string;
  /** Absent: it is not asked for that. */
  verbs: { filter?: string; prioritize?: string; preempt?: string; bind?: string };
  weight: number;
  timeoutMs: number;
  nodeCacheCapable: boolean;
  /** None: it is asked about all pods. */
  managedResources: ReadonlySet<string>;
  ignorable: boolean;
  tls: Pick<RemoteOptions, 'ca' | 'cert' | 'key' | 'tlsServerName' | 'insecureSkipTlsVerify'>;
}

const timeoutDefaultMs = 5000;

export function* checkExtenders({ extenders }: KubeSchedulerConfiguration): FieldErrors {
  const managed = new Set<string>();
  for (const { path, value } of each('extenders', extenders)) {
    const { urlPrefix = '', prioritizeVerb, weight = 0, managedResources } = value;
    if (!/^https?:\/\//.test(urlPrefix) || !URL.canParse(urlPrefix))
      yield invalidValue(`${path}.urlPrefix`, urlPrefix, 'must be a URL of http or https');
    if (prioritizeVerb && weight <= 0)
      yield invalidValue(`${path}.weight`, weight, 'must have a positive weight applied to it');
    for (const { path: at, value: resource } of each(`${path}.managedResources`, managedResources)) {
      const { name = '' } = resource;
      yield* checkName(`${at}.name`, name);
      if (managed.has(name)) yield invalidValue(`${at}.name`, name, 'duplicate extender managed resource name');
      managed.add(name);
    }
  }
  const binders = (extenders ?? []).filter(({ bindVerb }) => bindVerb).length;
  if (binders > 1) {
    const found = `found ${binders} extenders implementing bind`;
    yield invalidValue('extenders', found, 'only one extender can implement bind');
  }
}

function* checkName(path: string, name: string): FieldErrors {
  const problems = qualifiedNameProblems(name);
  for (const problem of problems) yield invalidValue(path, name, problem);
  if (problems.length === 0 && !isExtendedResource(name))
    yield invalidValue(path, name, 'is an invalid extended resource name');
}

/** What NodeResourcesFit leaves to them. */
export function resourcesIgnoredFor({ extenders = [] }: KubeSchedulerConfiguration): string[] {
  return extenders.flatMap(({ managedResources = [] }) =>
    managedResources.flatMap(({ name = '', ignoredByScheduler }) => (ignoredByScheduler ? name : [])),
  );
}

/** Reads the files that they name. */
export function extenderSettings({ extenders = [] }: KubeSchedulerConfiguration): ExtenderSettings[] | FieldError[] {
  const errors: FieldError[] = [];
  const settings = extenders.map((extender, index) => {
    const tls = tlsOf(extender, { path: `extenders[${index}].tlsConfig`, errors });
    const { urlPrefix = '', weight = 0, nodeCacheCapable = false, managedResources = [], ignorable = false } = extender;
    const { filterVerb: filter, prioritizeVerb: prioritize, preemptVerb: preempt, bindVerb: bind } = extender;
    return {
      url: urlPrefix.replace(/\/+$/, ''),
      verbs: { filter, prioritize, preempt, bind },
      weight,
      timeoutMs: parseMilliseconds(extender.httpTimeout || '0s') || timeoutDefaultMs,
      nodeCacheCapable,
      managedResources: new Set(managedResources.map(({ name = '' }) => name)),
      ignorable,
      tls,
    };
  });
  return errors.length > 0 ? errors : settings;
}

/** Without an authority to hold it against, a server's certificate goes unverified where `enableHTTPS` says so. */
function tlsOf(
  { enableHTTPS, tlsConfig = {} }: Extender,
  { path, errors }: { path: string; errors: FieldError[] },
): ExtenderSettings['tls'] {
  const { insecure, serverName } = tlsConfig;
  const text = (field: 'ca' | 'cert' | 'key') => pemOf(tlsConfig, { field, path, errors });
  const [ca, cert, key] = [text('ca'), text('cert'), text('key')];
  if (insecure && ca)
    errors.push(invalidField(path, 'specifying a root certificates file with the insecure flag is not allowed'));
  if ((cert === undefined) !== (key === undefined))
    errors.push(invalidField(path, 'a client certificate and its key are specified together'));
  return {
    ca,
    cert,
    key,
    tlsServerName: serverName || undefined,
    insecureSkipTlsVerify: insecure || (enableHTTPS === true && ca === undefined),
  };
}

/** Data take the place of a file. */
function pemOf(
  tls: ExtenderTLSConfig,
  { field, path, errors }: { field: 'ca' | 'cert' | 'key'; path: string; errors: FieldError[] },
): string | undefined {
  const data = tls[`${field}Data`];
  if (data) return Buffer.from(data, 'base64').toString();
  const file = tls[`${field}File`];
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    errors.push(invalidValue(`${path}.${field}File`, file, (error as Error).message));
    return undefined;
  }
}
