import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{app,bin,scripts,bench,e2e}/**/*.test.ts"],
    // Real processes on a busy machine: a test ends by its own limits, this one only catches a hang.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
