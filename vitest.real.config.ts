/** Tests on real containers, networks and clients: one file at a time, as root. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/tidy.test.ts',
      'test/walk.test.ts',
      'test/controllers/**',
      'test/conformance/*.test.ts',
      'node_modules/**',
    ],
    reporters: ['default', './test/conformance/reporter.ts'],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 300_000,
    globalSetup: ['test/real-setup.ts'],
  },
});
