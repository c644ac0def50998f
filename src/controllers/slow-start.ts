/** Many like writes, without a flood of refusals when the first is refused. */

/**
 * Calls in batches of 1, 2, 4, ..., and stops at a batch with a failure: a template that the server refuses (a quota,
 * say) then costs one refused request rather than hundreds.
 */
export async function slowStart(count: number, call: (index: number) => Promise<void>): Promise<void> {
  for (let begun = 0, batch = 1; begun < count; batch *= 2) {
    const size = Math.min(batch, count - begun);
    const from = begun;
    const results = await Promise.allSettled(Array.from({ length: size }, (_, index) => call(from + index)));
    const failure = results.find((result) => result.status === 'rejected');
    if (failure) throw failure.reason;
    begun += size;
  }
}
