import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CONFIG_NAMES, stackConfig } from "./config.ts";
import { servicePlan } from "./service_plan.ts";
import { CONFIG, SECRETS, withMocks } from "./testing/mocks.ts";

describe("stackConfig()", () => {
  test("complains of everything at once, and shows no secret", async () => {
    await withMocks(
      { ...CONFIG, image: "stofka:latest", kafkaCidrs: "everywhere", streamReplicas: "0" },
      { ownerPassword: "SECRET" },
    );
    let message = "";
    try {
      stackConfig();
    } catch (error) {
      message = (error as Error).message;
    }
    for (
      const part of ["image is", "kafkaCidrs has", "streamReplicas is", "redisPassword is missing"]
    ) {
      expect(message).toContain(part);
    }
    expect(message).not.toContain("SECRET");
    expect(message).not.toContain("ownerPassword");
  });

  test("a stack without anything names all that it needs", async () => {
    await withMocks({}, {});
    for (const name of [...Object.keys(CONFIG), ...Object.keys(SECRETS)]) {
      expect(() => stackConfig()).toThrow(`${name} is missing`);
    }
  });

  test.each([
    ["by digest", `registry.example:5000/a/stofka@sha256:${"0".repeat(64)}`, true],
    ["by tag", "registry.example/stofka:0.1.0", true],
    ["latest", "registry.example/stofka:latest", false],
    ["without a tag", "stofka", false],
  ])("an image %s", async (_, image, taken) => {
    await withMocks({ ...CONFIG, image });
    if (taken) expect(stackConfig().image).toBe(image);
    else expect(() => stackConfig()).toThrow("an image by digest");
  });

  test("overrides reach the settings they may, and no others", async () => {
    await withMocks({ ...CONFIG, overrides: `{"stream": {"SSE_CLIENTS_MAX": "8000"}}` });
    expect(servicePlan("stream", stackConfig()).plain["SSE_CLIENTS_MAX"]).toBe("8000");
    await withMocks({ ...CONFIG, overrides: `{"stream": {"HTTP_PROXY_TRUSTED": "false"}}` });
    expect(() => servicePlan("stream", stackConfig())).toThrow("may not set HTTP_PROXY_TRUSTED");
    for (const overrides of ["{", "[]", `{"stream": 1}`, `{"stream": {"A": 1}}`]) {
      await withMocks({ ...CONFIG, overrides });
      expect(() => stackConfig()).toThrow(`is not {\\"service\\"`.replaceAll("\\", ""));
    }
  });
});

test("docs/infrastructure.md names every setting of a stack", () => {
  const page = readFileSync(new URL("../docs/infrastructure.md", import.meta.url), "utf8");
  expect(CONFIG_NAMES.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
