import { type Namespace, topicName } from "#core/namespace.ts";
import { TOPIC_PLANS } from "#core/topics.ts";

/** A topic as a broker is to have it. */
export interface RenderedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly settings: Readonly<Record<string, string>>;
}

/** The topics of core/topics.ts by their names on the broker, with what a cluster of several brokers adds. */
export function renderedTopics(namespace: Namespace, replicas: number): readonly RenderedTopic[] {
  return TOPIC_PLANS.map(({ topic, partitions, settings }) => ({
    name: topicName(namespace, topic),
    partitions,
    replicationFactor: replicas,
    // acknowledged by all of two: one broker may be away without stopping a send
    settings: { ...settings, "min.insync.replicas": String(Math.max(1, replicas - 1)) },
  }));
}
