/**
 * Divides seats among priority levels: each gets its fair share of what it wants, but not less than its lower and not
 * more than its upper bound. https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/1040-priority-and-fairness#dispatching
 */

export interface Claim {
  /** At least `lower`. */
  target: number;
  lower: number;
  upper: number;
}

/** A target of nothing still has a share, of next to nothing. */
const targetMin = 0.001;
/** A share is found to this part of a seat. */
const precision = 1e-9;
const stepsMax = 200;

/**
 * Seats that sum to `total`, where bounds allow it, each `clamp(share * target)` for one share that all have; and that
 * share. The sum grows with the share, so halving finds it.
 */
export function allocate(total: number, claims: readonly Claim[]): { seats: number[]; share: number } {
  const targets = claims.map(({ target }) => Math.max(target, targetMin));
  const at = (share: number) =>
    claims.map(({ lower, upper }, index) => Math.max(lower, Math.min(upper, share * targets[index]!)));
  const sum = (seats: readonly number[]) => seats.reduce((all, one) => all + one, 0);
  let low = 0;
  let high = Math.max(0, ...claims.map(({ upper }, index) => upper / targets[index]!));
  for (let step = 0; step < stepsMax && high - low > precision * Math.max(1, low); step++) {
    const middle = (low + high) / 2;
    if (sum(at(middle)) < total) low = middle;
    else high = middle;
  }
  return { seats: at(high), share: high };
}
