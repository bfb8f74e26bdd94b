import ts from "typescript";
import { describe, expect, test } from "vitest";

/**
 * `tsc --noEmit` on a solution file is green and checks nothing. Here each project is opened as `tsc -b` opens it, with one
 * more file that must not compile.
 */

const root = new URL("..", import.meta.url).pathname;

function complaints(project: string, file: string, source: string): string[] {
  const config = ts.getParsedCommandLineOfConfigFile(`${root}${project}`, {}, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
    },
  })!;
  const probe = `${root}${file}`;
  const options = { ...config.options, composite: false, incremental: false };
  const host = ts.createCompilerHost(options);
  const readFile = host.readFile.bind(host);
  const fileExists = host.fileExists.bind(host);
  host.readFile = (name) => name === probe ? source : readFile(name);
  host.fileExists = (name) => name === probe || fileExists(name);
  const program = ts.createProgram([probe], options, host);
  return program.getSemanticDiagnostics(program.getSourceFile(probe))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

describe("types", () => {
  test("a service knows no document", () => {
    expect(complaints("tsconfig.node.json", "services/probe.ts", "document.title;\n").join())
      .toContain("Cannot find name 'document'");
    expect(complaints("tsconfig.node.json", "services/probe.ts", "globalThis.setTimeout;\n"))
      .toEqual([]);
  });

  test("the page knows no process", () => {
    expect(complaints("tsconfig.web.json", "web/probe.ts", "process.exit();\n").join())
      .toContain("Cannot find name 'process'");
    expect(complaints("tsconfig.web.json", "web/probe.ts", "document.title;\n")).toEqual([]);
  });

  test("every source belongs to a project", () => {
    const projects = ["tsconfig.node.json", "tsconfig.web.json", "tsconfig.infra.json"];
    const files = projects.flatMap((project) =>
      ts.getParsedCommandLineOfConfigFile(`${root}${project}`, {}, {
        ...ts.sys,
        onUnRecoverableConfigFileDiagnostic: () => {},
      })!.fileNames
    );
    const known = new Set(files);
    const folders = ["core", "adapters", "services", "web", "sql", "dev", "bench", "tests"];
    const sources = [...folders, "dashboards", "infra"]
      .flatMap((folder) => ts.sys.readDirectory(`${root}${folder}`, [".ts", ".tsx"]))
      .filter((file) => !file.includes("/node_modules/"));
    expect(sources.filter((file) => !known.has(file))).toEqual([]);
  });
});
