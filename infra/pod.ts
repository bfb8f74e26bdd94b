import type { types } from "@pulumi/kubernetes";
import type { Input } from "@pulumi/pulumi";
import { POD_LABELS } from "../dashboards/scrape.ts";
import { IMAGE_FOLDER, type Resources } from "./service_plan.ts";

type PodSpec = types.input.core.v1.PodSpec;
type Container = types.input.core.v1.Container;

/** Labels of everything that belongs to a component of ours; the second half is what selects its pods. */
export function labelsOf(component: string): Record<string, string> {
  return { [POD_LABELS.partOf]: "stofka", [POD_LABELS.component]: component };
}

export function metadataOf(component: string, namespace: Input<string>, name?: string) {
  return { ...(name === undefined ? {} : { name }), namespace, labels: labelsOf(component) };
}

/** Of the image's user, who owns nothing. */
const USER = 65_532;

/** A pod as Kubernetes' "restricted" profile wants it, without a way to the cluster's API. */
export function lockedPod(serviceAccountName: Input<string>, container: Container): PodSpec {
  return {
    serviceAccountName,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [container],
    // Deno keeps what it compiled; all else of the file system is read-only
    volumes: [{ name: CACHE, emptyDir: { sizeLimit: "128Mi" } }],
  };
}

const CACHE = "cache";

/** A container that may change nothing but its cache. */
export function lockedContainer(
  { name, image, command, resources }: {
    readonly name: string;
    readonly image: string;
    readonly command: readonly string[];
    readonly resources: Resources;
  },
): Container & { readonly env: { readonly name: string; readonly value: string }[] } {
  return {
    name,
    image,
    command: [...command],
    workingDir: IMAGE_FOLDER,
    env: [
      { name: "DENO_DIR", value: "/cache/deno" },
      { name: "DENO_NO_UPDATE_CHECK", value: "1" },
      { name: "NO_COLOR", value: "1" },
    ],
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    // no limit of processor time: being throttled is the event loop standing still
    resources: {
      requests: { cpu: resources.cpuRequest, memory: resources.memoryRequest },
      limits: { memory: resources.memoryLimit },
    },
    volumeMounts: [{ name: CACHE, mountPath: "/cache" }],
  };
}
