import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Declared } from "./mocks.ts";

/** What a program registered, with what the mocks do not tell. */
export interface Registered extends Declared {
  readonly urn: string;
  readonly protect: boolean;
  readonly custom: boolean;
  /** urns */
  readonly dependsOn: readonly string[];
}

export interface Run {
  readonly registered: readonly Registered[];
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Messages of level error. */
  readonly errors: readonly string[];
  readonly exitCode: number;
}

const LOG_ERROR = 3;
const RUN_MS_MAX = 60_000;
const infra = fileURLToPath(new URL("..", import.meta.url));

/**
 * Runs the unmodified program as Pulumi's language host does, by the SDK's own launcher, against an engine that answers each
 * registration with what it was given. It has no state, no diff, no deletion, no invokes, no providers and no auto-naming
 * rules: it proves that the program loads, runs to its end and what it asks for, not that a cloud would grant it.
 */
export async function runProgram(
  config: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>>,
): Promise<Run> {
  const registered: Registered[] = [];
  const errors: string[] = [];
  let outputs: Readonly<Record<string, unknown>> = {};
  const server = new grpc.Server();
  server.addService(resources.ResourceMonitorService, {
    supportsFeature: answered((request: Any) => {
      const response = new messages.SupportsFeatureResponse();
      response.setHassupport(
        ["secrets", "resourceReferences", "outputValues"].includes(request.getId()),
      );
      return response;
    }),
    registerResource: answered((request: Any) => {
      const [type, name] = [request.getType() as string, request.getName() as string];
      const parent = request.getParent() as string;
      const urn = `${parent === "" ? "" : `${parent}$`}${type}::${name}`;
      const inputs = (request.getObject()?.toJavaScript() ?? {}) as Any;
      registered.push({
        type,
        name,
        inputs,
        urn,
        protect: request.getProtect() === true,
        custom: request.getCustom(),
        dependsOn: request.getDependenciesList(),
      });
      const made = type.startsWith("kubernetes:")
        ? { ...inputs, metadata: { name: `${name}-0a1b2c`, ...inputs.metadata } }
        : inputs;
      const response = new messages.RegisterResourceResponse();
      response.setUrn(urn);
      response.setId(request.getCustom() ? `${name}-id` : "");
      response.setObject(struct.Struct.fromJavaScript(made));
      return response;
    }),
    registerResourceOutputs: answered((request: Any) => {
      if (/^pulumi:pulumi:Stack::[^$]+$/.test(request.getUrn())) {
        outputs = request.getOutputs()?.toJavaScript() ?? {};
      }
      return new empty.Empty();
    }),
    signalAndWaitForShutdown: answered(() => new empty.Empty()),
  });
  server.addService(engines.EngineService, {
    log: answered((request: Any) => {
      if (request.getSeverity() === LOG_ERROR) errors.push(request.getMessage());
      return new empty.Empty();
    }),
    getRootResource: answered(() => new engineMessages.GetRootResourceResponse()),
    setRootResource: answered(() => new engineMessages.SetRootResourceResponse()),
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      grpc.ServerCredentials.createInsecure(),
      (error: Error | null, bound: number) => error === null ? resolve(bound) : reject(error),
    )
  );
  try {
    const exitCode = await launched(`127.0.0.1:${port}`, config, secrets);
    return { registered, outputs, errors, exitCode };
  } finally {
    server.forceShutdown();
  }
}

async function launched(
  address: string,
  config: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>>,
): Promise<number> {
  const named = (values: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`stofka:${name}`, value]));
  const child: ChildProcess = spawn(process.execPath, [
    require.resolve("@pulumi/pulumi/cmd/run"),
    ...["--monitor", address, "--engine", address, "--project", "stofka", "--stack", "test"],
    ...["--pwd", infra, "."],
  ], {
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      PULUMI_NODEJS_TYPESCRIPT: "false", // as Pulumi.yaml says
      PULUMI_CONFIG: JSON.stringify(named({ ...config, ...secrets })),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(Object.keys(named(secrets))),
    },
  });
  // after a failure the launcher lingers for more than a minute
  const late = setTimeout(() => child.kill("SIGKILL"), RUN_MS_MAX);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve(code ?? -1));
    });
  } finally {
    clearTimeout(late);
  }
}

// The SDK's own copies of gRPC and of the engine's messages: they carry no types that fit here.
// deno-lint-ignore no-explicit-any
type Any = any;
const require = createRequire(import.meta.url);
const ofSdk = createRequire(require.resolve("@pulumi/pulumi"));
const grpc: Any = ofSdk("@grpc/grpc-js");
const struct: Any = ofSdk("google-protobuf/google/protobuf/struct_pb.js");
const empty: Any = ofSdk("google-protobuf/google/protobuf/empty_pb.js");
const resources: Any = ofSdk("@pulumi/pulumi/proto/resource_grpc_pb.js");
const messages: Any = ofSdk("@pulumi/pulumi/proto/resource_pb.js");
const engines: Any = ofSdk("@pulumi/pulumi/proto/engine_grpc_pb.js");
const engineMessages: Any = ofSdk("@pulumi/pulumi/proto/engine_pb.js");

/** A call of gRPC that is answered by a function. */
function answered(answer: (request: Any) => unknown) {
  return (call: Any, done: (error: Error | null, response?: unknown) => void): void => {
    try {
      done(null, answer(call.request));
    } catch (error) {
      done(error as Error);
    }
  };
}
