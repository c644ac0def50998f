/** Unit tests, beside the code, and the tests of the house: nothing here needs root. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const seeded = here('test/fast-check.ts');

export default defineConfig({
  plugins: [
    {
      name: 'seeded fast-check',
      enforce: 'pre',
      resolveId: (id, importer) => (id === 'fast-check' && importer !== seeded ? seeded : undefined),
    },
  ],
  // Examples in docs/ name the package as its users do.
  resolve: {
    alias: { 'typernetes/client': here('src/client/index.ts'), 'typernetes/testing': here('src/testing/index.ts') },
  },
  test: {
    include: ['src/**/*.test.ts', 'test/tidy.test.ts', 'test/walk.test.ts', 'test/controllers/**/*.test.ts'],
    // For tests that hang: a busy machine takes several times as long as a quiet one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
