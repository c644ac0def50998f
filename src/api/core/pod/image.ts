/** What a container image's name says (github.com/distribution/reference). */

const hostname =
  '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])';
const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const reference = new RegExp(
  `^(?:${hostname}(?::[0-9]+)?/)?${component}(?:/${component})*` +
    '(?::(?<tag>\\w[\\w.-]{0,127}))?(?<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$',
);

export const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

/** A moving tag is pulled each time. A name that cannot be read counts as fixed. */
export function defaultPullPolicy(image: string): 'Always' | 'IfNotPresent' {
  const match = reference.exec(image);
  if (!match) return 'IfNotPresent';
  const { tag, digest } = match.groups as { tag?: string; digest?: string };
  return (tag ?? (digest ? '' : 'latest')) === 'latest' ? 'Always' : 'IfNotPresent';
}
