import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { Failure } from "#core/failure.ts";
import { type Answer, errorAnswer } from "./answer.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".map": "application/json",
};

const BYTES_MAX = 64 * 1024 * 1024;
const FILES_MAX = 2_000;

interface StaticFile {
  readonly type: string;
  readonly etag: string;
  /** Its name holds the hash of its content. */
  readonly immutable: boolean;
  readonly plain: Uint8Array;
  readonly br: Uint8Array | null;
  readonly gzip: Uint8Array | null;
}

/**
 * The built page, read whole at the start: a request's path is only ever a key into what was read, so no path, however
 * written, leads out of the folder.
 */
export class StaticFiles {
  readonly #files: ReadonlyMap<string, StaticFile>;

  constructor(files: ReadonlyMap<string, StaticFile>) {
    this.#files = files;
  }

  /**
   * @param root folder with index.html
   * @throws Failure `web_root_invalid`
   */
  static async read(root: string): Promise<StaticFiles> {
    const contents = new Map<string, Uint8Array>();
    let bytes = 0;
    let entries;
    try {
      entries = await readdir(root, { recursive: true, withFileTypes: true });
    } catch (error) {
      throw invalid(`WEB_ROOT ${root} cannot be read; build the page first`, error);
    }
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      const content = await readFile(file);
      bytes += content.length;
      contents.set(`/${relative(root, file).split(sep).join("/")}`, content);
      if (bytes > BYTES_MAX || contents.size > FILES_MAX) {
        throw invalid(`WEB_ROOT ${root} holds more than ${FILES_MAX} files or ${BYTES_MAX} bytes`);
      }
    }
    if (!contents.has("/index.html")) {
      throw invalid(`WEB_ROOT ${root} has no index.html; build the page first`);
    }
    return StaticFiles.of(contents);
  }

  /** @param contents by path from the root, such as `/assets/index-B7x.js`; `.br` and `.gz` beside a file are its compressed forms */
  static of(contents: ReadonlyMap<string, Uint8Array>): StaticFiles {
    const files = new Map<string, StaticFile>();
    for (const [path, plain] of contents) {
      const type = TYPES[extname(path)];
      if (type === undefined) continue;
      files.set(path, {
        type,
        etag: `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`,
        immutable: /^\/assets\/.*-[A-Za-z0-9_-]{8,}\.\w+$/.test(path),
        plain,
        br: contents.get(`${path}.br`) ?? null,
        gzip: contents.get(`${path}.gz`) ?? null,
      });
    }
    return new StaticFiles(files);
  }

  /** A page of the application, which reads the path itself, has a path without a dot. */
  answer(path: string, header: (name: string) => string | undefined): Answer {
    const file = this.#files.get(path) ??
      (isPagePath(path) ? this.#files.get("/index.html") : undefined);
    if (file === undefined) {
      return errorAnswer(404, "not_found", "there is no such file or page; begin at /");
    }
    const headers: Record<string, string> = {
      "content-type": file.type,
      "cache-control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
      etag: file.etag,
    };
    if (file.br !== null || file.gzip !== null) headers["vary"] = "accept-encoding";
    if (header("if-none-match") === file.etag) return { status: 304, headers, body: EMPTY };
    const accepted = acceptedEncodings(header("accept-encoding") ?? "");
    for (const [encoding, body] of [["br", file.br], ["gzip", file.gzip]] as const) {
      if (body !== null && accepted.has(encoding)) {
        return { status: 200, headers: { ...headers, "content-encoding": encoding }, body };
      }
    }
    return { status: 200, headers, body: file.plain };
  }
}

const EMPTY = Buffer.alloc(0);

function isPagePath(path: string): boolean {
  return /^\/[a-z0-9/-]*$/i.test(path) && !/^\/assets(?:\/|$)/.test(path);
}

function acceptedEncodings(header: string): ReadonlySet<string> {
  return new Set(
    header.split(",").map((part) => part.trim().toLowerCase())
      .filter((part) => !/;\s*q=0(\.0*)?$/.test(part))
      .map((part) => part.split(";")[0]!.trim()),
  );
}

function invalid(message: string, cause?: unknown): Failure {
  return new Failure("web_root_invalid", message, cause);
}
