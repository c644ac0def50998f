/** Unit tests, beside the code, and the tests of the house: nothing here needs root. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/tidy.test.ts', 'test/walk.test.ts', 'test/controllers/*.test.ts'],
    testTimeout: 20_000,
  },
});
