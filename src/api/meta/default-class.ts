/** Which class objects get that name none. */
import type { KubeObject } from '#apimachinery/object.js';

/** https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass */
export const storageClassDefaults = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** The class that an annotation marks as the default: of several the newest, and among equals the first by name. */
export function defaultClass<T extends KubeObject>(
  classes: readonly T[],
  annotations: readonly string[],
): T | undefined {
  const marked = classes.filter(({ metadata }) => annotations.some((key) => metadata.annotations?.[key] === 'true'));
  const newestFirst = ({ metadata: a }: T, { metadata: b }: T) => {
    const [left = '', right = ''] = [a.creationTimestamp, b.creationTimestamp];
    if (left !== right) return left > right ? -1 : 1;
    return (a.name ?? '') < (b.name ?? '') ? -1 : 1;
  };
  return marked.sort(newestFirst)[0];
}
