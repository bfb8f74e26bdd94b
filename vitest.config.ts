import { defineConfig } from "vitest/config";

/** Files that run the whole product: each has most of the machine to itself, or its time limits would mean nothing. */
const WHOLE = "tests/whole/**/*.test.ts";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "parts",
          include: ["{core,adapters,services,sql,dev,web,tests,bench}/**/*.test.{ts,tsx}"],
          exclude: [WHOLE, "**/node_modules/**"],
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "whole",
          include: [WHOLE],
          // after the parts, one file at a time
          sequence: { groupOrder: 1 },
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 200_000,
        },
      },
    ],
  },
});
