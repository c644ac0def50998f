/** How long the headers of a request may be, its path among them. */

/** As Go's servers have it. Commands of `kubectl exec` and label selectors stand in the path, and are of any length. */
export const requestHeaderBytesMax = 1 << 20;
