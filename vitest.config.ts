import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{core,adapters,services,sql,dev,web,tests,bench}/**/*.test.{ts,tsx}"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
