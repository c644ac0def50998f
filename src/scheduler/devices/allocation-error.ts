/** Something is wrong with a claim or a class, on whatever node. */
export class AllocationError extends Error {
  override readonly name = 'AllocationError';
}
