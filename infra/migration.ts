import { batch, core } from "@pulumi/kubernetes";
import {
  ComponentResource,
  type ComponentResourceOptions,
  type Input,
  type Resource,
  secret,
} from "@pulumi/pulumi";
import { OWNER_ROLE } from "#core/database_roles.ts";
import type { StackConfig } from "./config.ts";
import { postgresEgress } from "./egress.ts";
import { networkPolicy } from "./network_policy.ts";
import { labelsOf, lockedContainer, lockedPod, metadataOf } from "./pod.ts";
import { denoCommand, IMAGE_FOLDER, postgresAddress, withPassword } from "./service_plan.ts";

const COMPONENT = "migrate";
const RESOURCES = { cpuRequest: "100m", memoryRequest: "128Mi", memoryLimit: "256Mi" };

/**
 * Brings the database to the image's schema before its services start: a Job that is replaced with each image. The owner's
 * password is nowhere else. Without the roles' passwords the migrator makes no role and changes none.
 */
export class StofkaMigration extends ComponentResource {
  readonly job: batch.v1.Job;

  constructor(
    { config, namespace, after }: {
      readonly config: StackConfig;
      readonly namespace: Input<string>;
      /** What the database is made of: a component's own dependsOn does not reach what it makes. */
      readonly after: Resource;
    },
    options?: ComponentResourceOptions,
  ) {
    super("stofka:infra:Migration", COMPONENT, {}, options);
    const own = { parent: this };
    const full = `stofka-${COMPONENT}`;
    const address = postgresAddress(OWNER_ROLE, config, false);
    const account = new core.v1.ServiceAccount(full, {
      metadata: metadataOf(COMPONENT, namespace, full),
      automountServiceAccountToken: false,
    }, own);
    const secrets = new core.v1.Secret(full, {
      metadata: metadataOf(COMPONENT, namespace),
      immutable: true,
      stringData: {
        POSTGRES_URL: secret(
          config.secrets.ownerPassword.apply((password) => withPassword(address, password)),
        ),
      },
    }, own);
    const command = denoCommand([
      `--allow-net=${new URL(address).hostname}:${config.postgresPort}`,
      "--allow-env",
      "--allow-sys=uid",
      `--allow-read=${IMAGE_FOLDER}/sql`,
    ], "sql/migrate.ts");
    const container = lockedContainer({
      name: COMPONENT,
      image: config.image,
      command,
      resources: RESOURCES,
    });
    networkPolicy(this, COMPONENT, namespace, { ingress: [], egress: [postgresEgress(config)] });
    // named by Pulumi: a Job cannot be changed, so a new image makes a new one before the old is removed
    this.job = new batch.v1.Job(full, {
      metadata: metadataOf(COMPONENT, namespace),
      spec: {
        backoffLimit: 6,
        activeDeadlineSeconds: 3_600,
        template: {
          metadata: { labels: labelsOf(COMPONENT) },
          spec: {
            ...lockedPod(account.metadata.name, {
              ...container,
              envFrom: [{ secretRef: { name: secrets.metadata.name } }],
            }),
            restartPolicy: "Never",
          },
        },
      },
    }, { ...own, dependsOn: after });
    this.registerOutputs({});
  }
}
