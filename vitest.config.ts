import { defineConfig } from 'vitest/config';

/**
 * Two projects: `unit` (pure code, parallel) and `lab` (namespaces, real kernels and clients, one file at a time).
 * The console is not intercepted, so that command output can be captured by the tests themselves.
 */
export default defineConfig({
  test: {
    disableConsoleIntercept: true,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/lab/**', 'test/interop/**'],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts', 'test/interop/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
