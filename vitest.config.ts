/** Unit tests, beside the code, and the tests of the house: nothing here needs root. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/tidy.test.ts', 'test/walk.test.ts', 'test/controllers/**/*.test.ts'],
    // For tests that hang: a busy machine takes several times as long as a quiet one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
