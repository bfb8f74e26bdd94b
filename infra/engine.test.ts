import { beforeAll, describe, expect, test } from "vitest";
import { CONFIG, plainOf, SECRETS } from "./testing/mocks.ts";
import { type Run, runProgram } from "./testing/recording_engine.ts";

/** The program as `pulumi up` would start it: by the SDK's launcher, from its sources, over gRPC. */

let run: Run;

beforeAll(async () => {
  run = await runProgram(CONFIG, SECRETS);
});

const one = (type: string, name: string) => {
  const found = run.registered.filter((resource) =>
    resource.type.endsWith(`:${type}`) && resource.name === name
  );
  expect(found.length, `${type} ${name}`).toBe(1);
  return found[0]!;
};

describe("the program under the SDK's launcher", () => {
  test("runs to its end and gives its outputs", () => {
    expect(run.errors).toEqual([]);
    expect(run.exitCode).toBe(0);
    expect(run.outputs).toMatchObject({ image: CONFIG["image"], databaseName: "stofka" });
  });

  test("registers everything under a name of its own", () => {
    const urns = run.registered.map(({ urn }) => urn);
    expect(urns.length).toBeGreaterThan(40);
    expect(new Set(urns).size).toBe(urns.length);
  });

  test("sends no secret that is not marked as one", () => {
    const inputs = run.registered.map(({ inputs }) => inputs);
    expect(JSON.stringify(plainOf(inputs))).not.toContain("SECRET");
    expect(JSON.stringify(inputs)).toContain("SECRET-owner");
  });

  test("protects the database, and nothing else", () => {
    expect(run.registered.filter(({ protect }) => protect).map(({ name }) => name)).toEqual([
      "database",
    ]);
  });

  test("migrates after the database is there, and starts services after that", () => {
    const job = one("Job", "stofka-migrate");
    expect(job.dependsOn.join()).toContain("Database::database");
    for (const name of ["ingest", "persist", "stream"]) {
      expect(one("Deployment", `stofka-${name}`).dependsOn).toContain(job.urn);
    }
  });

  test("puts what a component makes below it", () => {
    const { urn } = one("Deployment", "stofka-stream");
    expect(urn).toContain("stofka:infra:Service::stream$kubernetes:apps/v1:Deployment");
  });
});

test("a configuration that is wrong ends the program before anything is registered", async () => {
  const { registered, errors, exitCode } = await runProgram({ ...CONFIG, image: "x:latest" }, {});
  expect(exitCode).not.toBe(0);
  expect(errors.join()).toContain("image is");
  expect(errors.join()).toContain("redisPassword is missing");
  expect(registered.filter(({ custom }) => custom)).toEqual([]);
}, 180_000);
