/** All of allocation that is loaded with the first pod that wants devices: the search, and the expressions it evaluates. */
import type { ResourceSlice } from '#api/gen/resource-v1.js';
import { Allocator, type AllocatorOptions } from './allocator.js';
import { SliceIndex } from './pools.js';
import { Selectors } from './selectors.js';

export class Allocation {
  readonly #selectors = new Selectors();
  #slices: SliceIndex | undefined;

  slicesChanged(): void {
    this.#slices = undefined;
  }

  allocator(
    options: Omit<AllocatorOptions, 'slices' | 'selectors'> & { slices: () => readonly ResourceSlice[] },
  ): Allocator {
    this.#slices ??= new SliceIndex(options.slices());
    return new Allocator({ ...options, slices: this.#slices, selectors: this.#selectors });
  }
}
