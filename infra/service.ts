import { apps, core, policy } from "@pulumi/kubernetes";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Output,
  type Resource,
  secret,
} from "@pulumi/pulumi";
import type { StackConfig } from "./config.ts";
import { networkPolicy } from "./network_policy.ts";
import { labelsOf, lockedContainer, lockedPod, metadataOf } from "./pod.ts";
import { HTTP_PORT, OPS_PORT, type ServicePlan, withPassword } from "./service_plan.ts";

export interface StofkaServiceArgs {
  readonly plan: ServicePlan;
  readonly config: StackConfig;
  /** Of Kubernetes. */
  readonly namespace: Input<string>;
  /** What must be done before its pods start. */
  readonly after: Resource;
}

/** A pod leaves the Service's addresses while it still answers; then it drains (at most 4.5 s, see adapters/service.ts). */
const LEAVE_S = 10;
const GRACE_S = LEAVE_S + 5 + 60;
/** Both run for so long: an ingest must for more than 10 s, or its handover leaves a gap (docs/gaps.md). */
const READY_FOR_S = 30;

/**
 * One of the services: its pods and everything that they are given. A change of its settings makes new, immutable ones with
 * a new name, so that the Deployment rolls; the old pods keep what they started with.
 */
export class StofkaService extends ComponentResource {
  readonly deployment: apps.v1.Deployment;

  constructor(args: StofkaServiceArgs, options?: ComponentResourceOptions) {
    const { name } = args.plan;
    super("stofka:infra:Service", name, {}, options);
    const { plan, namespace } = args;
    const own = { parent: this };
    const full = `stofka-${name}`;
    const account = new core.v1.ServiceAccount(full, {
      metadata: metadataOf(name, namespace, full),
      automountServiceAccountToken: false,
    }, own);
    const settings = new core.v1.ConfigMap(full, {
      metadata: metadataOf(name, namespace),
      immutable: true,
      data: plan.plain,
    }, own);
    const secrets = this.#secrets(args);
    this.deployment = new apps.v1.Deployment(full, {
      metadata: metadataOf(name, namespace, full),
      spec: {
        replicas: plan.replicas,
        minReadySeconds: READY_FOR_S,
        revisionHistoryLimit: 3,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
        selector: { matchLabels: labelsOf(name) },
        template: {
          metadata: { labels: labelsOf(name) },
          spec: this.#pod(
            args,
            account.metadata.name,
            settings.metadata.name,
            secrets?.metadata.name,
          ),
        },
      },
    }, { ...own, dependsOn: args.after });
    new core.v1.Service(full, {
      metadata: metadataOf(name, namespace, full),
      spec: {
        selector: labelsOf(name),
        // only the page has readers behind one address; the operators' ports are each pod's own
        ...(name === "stream" ? {} : { clusterIP: "None" }),
        ports: plan.ports.map(({ name, port }) => ({ name, port, targetPort: name })),
      },
    }, own);
    new policy.v1.PodDisruptionBudget(full, {
      metadata: metadataOf(name, namespace, full),
      spec: {
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: "AlwaysAllow",
        selector: { matchLabels: labelsOf(name) },
      },
    }, own);
    const { monitoringNamespace, edgeNamespace } = args.config;
    networkPolicy(this, name, namespace, {
      ingress: [
        { fromNamespace: monitoringNamespace, port: OPS_PORT },
        ...(name === "stream" ? [{ fromNamespace: edgeNamespace, port: HTTP_PORT }] : []),
      ],
      egress: plan.egress,
    });
    this.registerOutputs({});
  }

  /** The addresses with their passwords; none where the service needs none. */
  #secrets({ plan, config, namespace }: StofkaServiceArgs): core.v1.Secret | undefined {
    const entries = Object.entries(plan.secret);
    if (entries.length === 0) return undefined;
    const stringData: Record<string, Output<string>> = {};
    for (const [key, { address, password }] of entries) {
      stringData[key] = secret(
        config.secrets[password].apply((value) => withPassword(address, value)),
      );
    }
    return new core.v1.Secret(`stofka-${plan.name}`, {
      metadata: metadataOf(plan.name, namespace),
      immutable: true,
      stringData,
    }, { parent: this });
  }

  #pod(
    { plan, config }: StofkaServiceArgs,
    account: Input<string>,
    settings: Input<string>,
    secrets: Input<string> | undefined,
  ) {
    const { name, ports, command, resources } = plan;
    const container = lockedContainer({ name, image: config.image, command, resources });
    return {
      ...lockedPod(account, {
        ...container,
        envFrom: [
          { configMapRef: { name: settings } },
          ...(secrets === undefined ? [] : [{ secretRef: { name: secrets } }]),
        ],
        ports: ports.map(({ name, port }) => ({ name, containerPort: port })),
        // the event loop alone: a neighbour that is away must not restart a service that waits for it
        livenessProbe: {
          httpGet: { path: "/healthz", port: "ops" },
          initialDelaySeconds: 10,
          periodSeconds: 10,
          timeoutSeconds: 3,
          failureThreshold: 3,
        },
        readinessProbe: {
          httpGet: { path: "/readyz", port: "ops" },
          periodSeconds: 5,
          timeoutSeconds: 3,
          failureThreshold: 2,
        },
        lifecycle: { preStop: { sleep: { seconds: LEAVE_S } } },
      }),
      terminationGracePeriodSeconds: GRACE_S,
      topologySpreadConstraints: [{
        maxSkew: 1,
        topologyKey: "kubernetes.io/hostname",
        whenUnsatisfiable: "ScheduleAnyway",
        labelSelector: { matchLabels: labelsOf(name) },
      }],
    };
  }
}
