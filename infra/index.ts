import { core } from "@pulumi/kubernetes";
import { SERVICE_NAMES } from "../services/permissions.ts";
import { stackConfig } from "./config.ts";
import { StofkaDatabase } from "./database.ts";
import { StofkaMigration } from "./migration.ts";
import { StofkaMonitoring } from "./monitoring.ts";
import { metadataOf } from "./pod.ts";
import { StofkaService } from "./service.ts";
import { servicePlan } from "./service_plan.ts";
import { renderedTopics } from "./topics.ts";

const config = stackConfig();
const plans = SERVICE_NAMES.map((name) => servicePlan(name, config));

const database = new StofkaDatabase(config);
const home = new core.v1.Namespace("stofka", {
  metadata: {
    name: config.kubernetesNamespace,
    labels: { "pod-security.kubernetes.io/enforce": "restricted" },
  },
});
const namespace = home.metadata.name;
new core.v1.ConfigMap("stofka-topics", {
  metadata: metadataOf("kafka", namespace, "stofka-topics"),
  data: {
    "topics.json": JSON.stringify(
      renderedTopics(config.dataNamespace, config.kafkaReplicas),
      null,
      2,
    ),
  },
});
const migration = new StofkaMigration({ config, namespace, after: database });
for (const plan of plans) {
  new StofkaService({ plan, config, namespace, after: migration.job });
}
new StofkaMonitoring({ config, namespace });

export const image = config.image;
export const databaseName = database.name;
