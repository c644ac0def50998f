/** The store that tests of the API server run on; the registry is the room that may choose one. */
export { openMemoryStore as openTestStore } from '#storage/memory.js';
