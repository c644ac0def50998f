/** Stands before the store of one resource and tells of every request to it. */
import type { Store } from '#storage/store.js';

export type StoreOperation = 'create' | 'delete' | 'get' | 'list' | 'update';

/** Told that a request begins; gives whom to tell that it has ended. */
export type StoreObserver = (operation: StoreOperation) => (outcome: 'done' | 'failed') => void;

export function observedStore(store: Store, observe: StoreObserver): Store {
  const observed = async <T>(operation: StoreOperation, request: Promise<T>): Promise<T> => {
    const ended = observe(operation);
    try {
      const answer = await request;
      ended('done');
      return answer;
    } catch (error) {
      ended('failed');
      throw error;
    }
  };
  return {
    revision: () => store.revision(),
    get: (key, options) => observed('get', store.get(key, options)),
    range: (prefix, options) => observed('list', store.range(prefix, options)),
    put: (key, value, expected) => observed(expected === 0 ? 'create' : 'update', store.put(key, value, expected)),
    delete: (key, expected) => observed('delete', store.delete(key, expected)),
    watch: (prefix, options) => store.watch(prefix, options),
    compact: (revision) => store.compact(revision),
    close: () => store.close(),
  };
}
