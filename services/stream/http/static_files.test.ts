import { Buffer } from "node:buffer";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StaticFiles } from "./static_files.ts";

const folder = await mkdtemp(join(tmpdir(), "static-files-"));
const root = join(folder, "root");
let files: StaticFiles;

beforeAll(async () => {
  await mkdir(join(root, "assets"), { recursive: true });
  await writeFile(join(folder, "secret.txt"), "secret");
  await writeFile(join(root, "index.html"), "<!doctype html>");
  await writeFile(join(root, "assets/index-B7xQ2mZk.js"), "plain");
  await writeFile(join(root, "assets/index-B7xQ2mZk.js.br"), "brotli");
  await writeFile(join(root, "assets/index-B7xQ2mZk.js.gz"), "gzip");
  await writeFile(join(root, "program.exe"), "MZ");
  files = await StaticFiles.read(root);
});

afterAll(() => rm(folder, { recursive: true }));

const get = (path: string, headers: Record<string, string> = {}) =>
  files.answer(path, (name) => headers[name]);
const body = (path: string, headers?: Record<string, string>): string =>
  Buffer.from(get(path, headers).body).toString();

describe("StaticFiles", () => {
  test("serves the page at / and at the application's own paths", () => {
    for (const path of ["/", "/compare", "/a/b-c"]) {
      expect(get(path).status).toBe(200);
      expect(get(path).headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(get(path).headers["cache-control"]).toBe("no-cache");
    }
  });

  test("a name with a hash is immutable, and goes compressed to who takes it", () => {
    const path = "/assets/index-B7xQ2mZk.js";
    expect(get(path).headers["cache-control"]).toContain("immutable");
    expect(body(path, { "accept-encoding": "gzip, deflate, br" })).toBe("brotli");
    expect(body(path, { "accept-encoding": "gzip;q=0.5, br;q=0" })).toBe("gzip");
    expect(body(path)).toBe("plain");
    expect(get(path).headers["vary"]).toBe("accept-encoding");
  });

  test("what the browser has is not sent again", () => {
    const etag = get("/").headers["etag"]!;
    expect(get("/", { "if-none-match": etag })).toMatchObject({ status: 304 });
    expect(get("/", { "if-none-match": '"other"' }).status).toBe(200);
  });

  test.each([
    "/../secret.txt",
    "/assets/../../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "//secret.txt",
    "/assets/..\\..\\secret.txt",
    "/index.html%00.js",
    "/assets",
    "/assets/",
    "/assets/missing",
    "/program.exe",
    "/assets/index-B7xQ2mZk.js.br",
    "/__proto__.js",
    "/constructor.js",
  ])("has nothing at %s", (path) => {
    expect(get(path).status).toBe(404);
  });

  test("no path leads out of the folder", () => {
    const part = fc.constantFrom(
      "..",
      ".",
      "/",
      "\\",
      "%2e",
      "%2f",
      "secret.txt",
      "assets",
      "\0",
      "//",
    );
    fc.assert(fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      expect(body(`/${parts.join("")}`)).not.toContain("secret\n");
      expect(body(`/${parts.join("")}`)).not.toBe("secret");
    }));
  });

  test("a folder without the page, or none, is refused with the remedy", async () => {
    await expect(StaticFiles.read(join(folder, "none"))).rejects.toMatchObject({
      code: "web_root_invalid",
    });
    await expect(StaticFiles.read(join(root, "assets"))).rejects.toThrow("build the page first");
  });
});
