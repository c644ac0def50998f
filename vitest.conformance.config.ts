/** Tests that carry the names of the official conformance tests, each file on a cluster of its own; none needs root. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/conformance/**/*.test.ts'],
    exclude: ['test/conformance/real/**', 'node_modules/**'],
    testTimeout: 90_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/conformance/reporter.ts'],
  },
});
