/**
 * What a namespace's labels ask of its pods: a level and a version for each of enforce, audit and warn.
 * https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces
 */
import { type FieldError, invalidValue } from '#apimachinery/field-error.js';

const levels = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof levels)[number];

/** The x of v1.x; Infinity is `latest`, which is newer than all. */
export type MinorVersion = number;

export interface LevelVersion {
  level: Level;
  version: MinorVersion;
}

const modes = ['enforce', 'audit', 'warn'] as const;
export type Mode = (typeof modes)[number];
export type Policy = Record<Mode, LevelVersion>;

export const labelPrefix = 'pod-security.kubernetes.io/';
const versionPattern = /^v1\.(0|[1-9][0-9]*)$/;

export const privileged: LevelVersion = { level: 'privileged', version: Number.POSITIVE_INFINITY };
export const defaultPolicy: Policy = { enforce: privileged, audit: privileged, warn: privileged };

export function formatLevel({ level, version }: LevelVersion): string {
  return `${level}:${version === Number.POSITIVE_INFINITY ? 'latest' : `v1.${version}`}`;
}

/** Negative when `a` asks less than `b`. */
export function compareLevels(a: Level, b: Level): number {
  return levels.indexOf(a) - levels.indexOf(b);
}

export function isFullyPrivileged(policy: Policy): boolean {
  return modes.every((mode) => policy[mode].level === 'privileged');
}

/** Equal in effect: versions of privileged do not matter. */
export function isEquivalent(a: Policy, b: Policy): boolean {
  return modes.every(
    (mode) =>
      a[mode].level === b[mode].level && (a[mode].level === 'privileged' || a[mode].version === b[mode].version),
  );
}

/**
 * There is always a policy: what cannot be read enforces the most, and warns of and audits nothing. A namespace that
 * says what to enforce and nothing of warnings warns of the same.
 */
export function policyOf(
  labels: Record<string, string> | undefined,
  defaults: Policy,
): { policy: Policy; errors: FieldError[] } {
  if (!labels || Object.keys(labels).length === 0) return { policy: defaults, errors: [] };
  const errors: FieldError[] = [];
  const policy = { ...defaults };
  for (const mode of modes) policy[mode] = readMode(labels, { mode, byDefault: defaults[mode], errors });
  const enforced = labels[`${labelPrefix}enforce`];
  const isRead = enforced !== undefined && (levels as readonly string[]).includes(enforced);
  const warnsByDefault = labels[`${labelPrefix}warn`] === undefined;
  if (warnsByDefault && isRead && compareLevels(policy.enforce.level, policy.warn.level) > 0) {
    const version = labels[`${labelPrefix}warn-version`] === undefined ? policy.enforce.version : policy.warn.version;
    policy.warn = { level: policy.enforce.level, version };
  }
  return { policy, errors };
}

function readMode(
  labels: Record<string, string>,
  { mode, byDefault, errors }: { mode: Mode; byDefault: LevelVersion; errors: FieldError[] },
): LevelVersion {
  let { level, version } = byDefault;
  const refuse = (label: string, why: string) =>
    errors.push(invalidValue(`metadata.labels[${label}]`, labels[label], why));
  const levelLabel = `${labelPrefix}${mode}`;
  const givenLevel = labels[levelLabel];
  if (givenLevel !== undefined) {
    const read = readLevel(givenLevel);
    if ('problem' in read) {
      refuse(levelLabel, read.problem);
      level = mode === 'enforce' ? 'restricted' : 'privileged';
    } else level = read.level;
  }
  const versionLabel = `${levelLabel}-version`;
  const givenVersion = labels[versionLabel];
  if (givenVersion !== undefined) {
    const read = readVersion(givenVersion);
    if ('problem' in read) refuse(versionLabel, read.problem);
    version = 'problem' in read ? Number.POSITIVE_INFINITY : read.version;
  }
  return { level, version };
}

interface Unreadable {
  problem: string;
}

export function readLevel(text: string): { level: Level } | Unreadable {
  const level = levels.find((one) => one === text);
  return level ? { level } : { problem: `must be one of ${levels.join(', ')}` };
}

export function readVersion(text: string): { version: MinorVersion } | Unreadable {
  if (text === 'latest') return { version: Number.POSITIVE_INFINITY };
  const minor = versionPattern.exec(text)?.[1];
  if (minor === undefined || !Number.isSafeInteger(Number(minor))) return { problem: 'must be "latest" or "v1.x"' };
  return { version: Number(minor) };
}

/** The modes of a policy that are not privileged and that the labels name, in short form. */
export function formatLabelled(policy: Policy, labels: Record<string, string>): string {
  const isNamed = (mode: Mode) =>
    labels[`${labelPrefix}${mode}`] !== undefined || labels[`${labelPrefix}${mode}-version`] !== undefined;
  return modes
    .filter((mode) => policy[mode].level !== 'privileged' && isNamed(mode))
    .map((mode) => `${mode}=${formatLevel(policy[mode])}`)
    .join(', ');
}
