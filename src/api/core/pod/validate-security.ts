/** Rules of the security contexts of pods and containers. */
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  WindowsSecurityContextOptions,
} from '#api/gen/core-v1.js';
import { duplicate, forbiddenField, invalidValue, notSupported, required, tooLong } from '#apimachinery/field-error.js';
import { subdomainProblems } from '#apimachinery/names.js';
import { check, checkOptionalEnum, checkRange, each, type FieldErrors, idRange } from '../../meta/check.js';
import { goFields } from '../../meta/go-fields.js';
import { allContainers } from './validate-os.js';
import { checkDescendingPath } from './validate-paths.js';

export function* checkSecurityContext(
  path: string,
  context: SecurityContext | undefined,
  { hostUsers }: { hostUsers: boolean },
): FieldErrors {
  if (!context) return;
  yield* checkRange(`${path}.runAsUser`, context.runAsUser, idRange);
  yield* checkRange(`${path}.runAsGroup`, context.runAsGroup, idRange);
  const { procMount, capabilities, privileged } = context;
  if (procMount !== undefined) {
    yield* checkOptionalEnum(`${path}.procMount`, procMount, ['Default', 'Unmasked']);
    if (hostUsers && procMount === 'Unmasked')
      yield invalidValue(`${path}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`');
  }
  yield* checkSeccomp(`${path}.seccompProfile`, context.seccompProfile);
  if (context.allowPrivilegeEscalation === false) {
    const base = 'cannot set `allowPrivilegeEscalation` to false and';
    if (privileged) yield invalidValue(path, goContext(context), `${base} \`privileged\` to true`);
    if (capabilities?.add?.includes('CAP_SYS_ADMIN'))
      yield invalidValue(path, goContext(context), `${base} \`capabilities.Add\` CAP_SYS_ADMIN`);
  }
  yield* checkWindowsOptions(`${path}.windowsOptions`, context.windowsOptions);
  yield* checkAppArmor(`${path}.appArmorProfile`, context.appArmorProfile);
}

/** As upstream's own type shows itself, whose fields have Go's names. */
function goContext(context: SecurityContext) {
  const { capabilities, seLinuxOptions, windowsOptions, seccompProfile, appArmorProfile } = context;
  const nested = (value: object | undefined) => (value ? goFields(value) : null);
  return {
    Capabilities: capabilities ? { Add: capabilities.add ?? null, Drop: capabilities.drop ?? null } : null,
    Privileged: context.privileged ?? null,
    SELinuxOptions: seLinuxOptions ? goFields({ user: '', role: '', type: '', level: '', ...seLinuxOptions }) : null,
    WindowsOptions: nested(windowsOptions),
    RunAsUser: context.runAsUser ?? null,
    RunAsGroup: context.runAsGroup ?? null,
    RunAsNonRoot: context.runAsNonRoot ?? null,
    ReadOnlyRootFilesystem: context.readOnlyRootFilesystem ?? null,
    AllowPrivilegeEscalation: context.allowPrivilegeEscalation ?? null,
    ProcMount: context.procMount ?? null,
    SeccompProfile: nested(seccompProfile),
    AppArmorProfile: nested(appArmorProfile),
  };
}

export function* checkPodSecurityContext(path: string, spec: PodSpec): FieldErrors {
  const { securityContext: context } = spec;
  if (!context) return;
  yield* checkRange(`${path}.fsGroup`, context.fsGroup, idRange);
  yield* checkRange(`${path}.runAsUser`, context.runAsUser, idRange);
  yield* checkRange(`${path}.runAsGroup`, context.runAsGroup, idRange);
  for (const group of each(`${path}.supplementalGroups`, context.supplementalGroups))
    yield* checkRange(group.path, group.value, idRange);
  // The field is the spec's; its error stands here as upstream's internal form has it here.
  if (spec.shareProcessNamespace && spec.hostPID)
    yield invalidValue(
      `${path}.shareProcessNamespace`,
      true,
      'ShareProcessNamespace and HostPID cannot both be enabled',
    );
  yield* checkSysctls(`${path}.sysctls`, context, spec);
  const policies = ['Always', 'OnRootMismatch'];
  yield* checkOptionalEnum(`${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, policies);
  yield* checkSeccomp(`${path}.seccompProfile`, context.seccompProfile);
  yield* checkWindowsOptions(`${path}.windowsOptions`, context.windowsOptions);
  yield* checkAppArmor(`${path}.appArmorProfile`, context.appArmorProfile);
  const groupPolicies = ['Merge', 'Strict'];
  yield* checkOptionalEnum(`${path}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, groupPolicies);
  // The other way is of SELinuxMount, which is off.
  yield* checkOptionalEnum(`${path}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['Recursive']);
}

const onlyLocal = 'can only be set when seccomp type is Localhost';
const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function* checkSeccomp(path: string, profile: SeccompProfile | undefined): FieldErrors {
  if (!profile) return;
  const { type, localhostProfile } = profile;
  if (!type) yield required(`${path}.type`, 'type is required when seccompProfile is set');
  else if (!profileTypes.includes(type)) yield notSupported(`${path}.type`, type, profileTypes);
  const at = `${path}.localhostProfile`;
  if (type === 'Localhost') {
    if (localhostProfile === undefined) yield required(at, 'must be set when seccomp type is Localhost');
    else yield* checkDescendingPath(at, localhostProfile);
  } else if (localhostProfile !== undefined) {
    yield invalidValue(at, { Type: type ?? '', LocalhostProfile: localhostProfile }, onlyLocal);
  }
}

/** Longest path of Linux, less the zero at its end. */
const profilePathBytesMax = 4095;

function* checkAppArmor(path: string, profile: AppArmorProfile | undefined): FieldErrors {
  if (!profile) return;
  const { type, localhostProfile } = profile;
  const at = `${path}.localhostProfile`;
  if (type === 'Localhost') {
    const needed = 'must be set when AppArmor type is Localhost';
    if (localhostProfile === undefined || localhostProfile === '') yield required(at, needed);
    else if (localhostProfile.trim() !== localhostProfile)
      yield invalidValue(at, localhostProfile, 'must not be padded with whitespace');
    if (Buffer.byteLength(localhostProfile ?? '') > profilePathBytesMax) yield tooLong(at, profilePathBytesMax);
  } else if (!type) yield required(`${path}.type`, 'type is required when appArmorProfile is set');
  else if (!profileTypes.includes(type)) yield notSupported(`${path}.type`, type, profileTypes);
  else if (localhostProfile !== undefined)
    yield invalidValue(at, localhostProfile, 'can only be set when AppArmor type is Localhost');
}

const sysctlSegment = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const sysctlForm = `^(${sysctlSegment}[\\./])*${sysctlSegment}$`;
const sysctlPattern = new RegExp(sysctlForm);
const sysctlLengthMax = 253;

function* checkSysctls(path: string, { sysctls }: PodSecurityContext, spec: PodSpec): FieldErrors {
  const names = new Set<string>();
  for (const { path: at, value } of each(path, sysctls)) {
    const { name } = value;
    if (!name) yield required(`${at}.name`);
    else if (name.length > sysctlLengthMax || !sysctlPattern.test(name)) {
      const why = `must have at most ${sysctlLengthMax} characters and match regex ${sysctlForm}`;
      yield invalidValue(`${at}.name`, name, why);
    } else if (names.has(name)) yield duplicate(`${at}.name`, name);
    names.add(name);
    const dotted = (name ?? '').replaceAll('/', '.');
    if (spec.hostNetwork && dotted.startsWith('net.'))
      yield invalidValue(`${at}.name`, name, "may not be specified when 'hostNetwork' is true");
    if (spec.hostIPC && /^(kernel\.(sem|shm|msg)|fs\.mqueue\.)/.test(dotted))
      yield invalidValue(`${at}.name`, name, "may not be specified when 'hostIPC' is true");
  }
}

export function* checkHostUsers(path: string, spec: PodSpec): FieldErrors {
  const { hostUsers, hostNetwork, hostPID, hostIPC } = spec;
  if (hostUsers !== false) return;
  const why = 'when `hostUsers` is false';
  if (hostNetwork) yield forbiddenField(`${path}.hostNetwork`, why);
  // Upstream writes these two with a capital.
  if (hostPID) yield forbiddenField(`${path}.HostPID`, why);
  if (hostIPC) yield forbiddenField(`${path}.HostIPC`, why);
  for (const { path: at, value } of allContainers(path, spec))
    if (value.volumeDevices?.length) yield forbiddenField(`${at}.volumeDevices`, why);
}

const credentialSpecKibMax = 64;

function* checkWindowsOptions(path: string, options: WindowsSecurityContextOptions | undefined): FieldErrors {
  if (!options) return;
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  if (gmsaCredentialSpecName !== undefined)
    yield* check(`${path}.gmsaCredentialSpecName`, gmsaCredentialSpecName, subdomainProblems);
  if (gmsaCredentialSpec === '')
    yield invalidValue(`${path}.gmsaCredentialSpec`, '', 'gmsaCredentialSpec cannot be an empty string');
  else if (Buffer.byteLength(gmsaCredentialSpec ?? '') > credentialSpecKibMax * 1024) {
    const why = `gmsaCredentialSpec size must be under ${credentialSpecKibMax} KiB`;
    yield invalidValue(`${path}.gmsaCredentialSpec`, gmsaCredentialSpec, why);
  }
  if (runAsUserName !== undefined) yield* check(`${path}.runAsUserName`, runAsUserName, windowsUserProblems);
}

const netBiosPattern = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const windowsDomainPattern =
  /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

/** `[DOMAIN\]user`. */
function windowsUserProblems(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\x00-\x1f\x7f]/.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const user = parts.at(-1)!;
  const domain = parts.length === 2 ? parts[0] : undefined;
  const problems: string[] = [];
  if ((domain ?? '').length >= 256) problems.push("runAsUserName's Domain length must be under 256 characters");
  if (domain !== undefined && !netBiosPattern.test(domain) && !windowsDomainPattern.test(domain))
    problems.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  if (user === '') problems.push("runAsUserName's User cannot be empty");
  else if (user.length > 104) problems.push("runAsUserName's User length must not be longer than 104 characters");
  if (/^[. ]+$/.test(user)) problems.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user))
    problems.push(`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`);
  return problems;
}
