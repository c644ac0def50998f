/** Carries out what was planned for the slices of one owner, all at once, and remembers it until the informer shows it. */
import endpointSlices from '#api/discovery/endpointslice.js';
import type { EndpointSlice } from '#api/gen/discovery-v1.js';
import { isReason } from '#apimachinery/errors.js';
import type { ControllerContext } from '../runtime.js';
import type { UnseenWrites } from '../unseen-writes.js';
import type { Changes } from './slices.js';

/** Throws the first failure, when the others are through. */
export async function writeSlices(
  owner: string,
  { creates, updates, deletes }: Changes,
  { client, state }: Pick<ControllerContext<UnseenWrites<EndpointSlice>>, 'client' | 'state'>,
): Promise<void> {
  const slices = client.of(endpointSlices);
  const results = await Promise.allSettled([
    ...creates.map(async (slice) => state.wrote(owner, await slices.create(slice))),
    ...updates.map(async (slice) => state.wrote(owner, await slices.update(slice))),
    ...deletes.map(async (slice) => {
      const { name = '', namespace } = slice.metadata;
      try {
        await slices.delete(name, { namespace });
        state.deleted(owner, slice);
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error;
      }
    }),
  ]);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure) throw failure.reason;
}
