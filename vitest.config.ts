import { defineConfig } from "vitest/config";

/** Making a network for several ranks changes the machine's interfaces, which breaks what a browser has open meanwhile. */
const MAKES_NETWORKS = [
  "app/main/services/simulation/backends/docker.test.ts",
  "app/main/services/engine/doctor.test.ts",
];

export default defineConfig({
  test: {
    // Real processes on a busy machine: a test ends by its own limits, this one only catches a hang.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    projects: [
      {
        extends: true,
        test: { name: "all", include: ["{app,bin,scripts,bench,e2e}/**/*.test.ts"], exclude: MAKES_NETWORKS },
      },
      { extends: true, test: { name: "networks", include: MAKES_NETWORKS, sequence: { groupOrder: 1 } } },
    ],
  },
});
