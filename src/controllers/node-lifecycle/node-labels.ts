/**
 * Labels of nodes that have an older name, which must say the same.
 * https://kubernetes.io/docs/reference/labels-annotations-taints/#beta-kubernetes-io-arch-deprecated
 */
const olderNames: Record<string, string> = {
  'kubernetes.io/os': 'beta.kubernetes.io/os',
  'kubernetes.io/arch': 'beta.kubernetes.io/arch',
};

/** What is to be set under older names. */
export function missingOldLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  const missing: Record<string, string> = {};
  for (const [name, older] of Object.entries(olderNames)) {
    const value = labels[name];
    if (value !== undefined && labels[older] !== value) missing[older] = value;
  }
  return missing;
}
