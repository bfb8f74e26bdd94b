import { Failure, shown } from "./failure.ts";
import type { Topic } from "./topics.ts";

/**
 * Keeps simulated and replayed data apart from the exchange's: prefix of topics and Redis keys, and part of the database's
 * name. `""` is the real exchange; others end in a dot: `simulated.`, `replay-ws62.`.
 */
export type Namespace = string & { readonly __namespace: unique symbol };

const FORM = /^(?:[a-z][a-z0-9-]{0,39}\.)?$/;

/** @throws Failure `namespace_invalid` */
export function namespace(text: string): Namespace {
  if (!FORM.test(text)) {
    throw new Failure(
      "namespace_invalid",
      `${
        shown(text)
      } is not a namespace; use lower-case letters, digits and hyphens with a dot at the end, such as simulated.`,
    );
  }
  return text as Namespace;
}

/** The topic's name on the broker. */
export function topicName(namespace: Namespace, topic: Topic): string {
  return namespace + topic;
}

/** The consumer group of a service, or any other name that must not be shared between namespaces. */
export function groupName(namespace: Namespace, service: string): string {
  return `${namespace}stofka-${service}`;
}

/** `stofka`, `stofka_simulated`, `stofka_replay_ws62`. */
export function databaseName(namespace: Namespace): string {
  return namespace === "" ? "stofka" : `stofka_${namespace.slice(0, -1).replaceAll("-", "_")}`;
}
