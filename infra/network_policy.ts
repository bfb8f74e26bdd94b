import { networking } from "@pulumi/kubernetes";
import type { types } from "@pulumi/kubernetes";
import type { ComponentResource, Input } from "@pulumi/pulumi";
import type { Egress } from "./egress.ts";
import { labelsOf, metadataOf } from "./pod.ts";

type Rule = types.input.networking.v1.NetworkPolicyIngressRule;
type EgressRule = types.input.networking.v1.NetworkPolicyEgressRule;

/** Who may reach which port of a component's pods. */
export interface Ingress {
  readonly fromNamespace: string;
  readonly port: number;
}

/** Lets a component's pods be reached and reach only what is named, and names be looked up. All else is refused. */
export function networkPolicy(
  parent: ComponentResource,
  component: string,
  namespace: Input<string>,
  { ingress, egress }: { readonly ingress: readonly Ingress[]; readonly egress: readonly Egress[] },
): networking.v1.NetworkPolicy {
  return new networking.v1.NetworkPolicy(`stofka-${component}`, {
    metadata: metadataOf(component, namespace, `stofka-${component}`),
    spec: {
      podSelector: { matchLabels: labelsOf(component) },
      policyTypes: ["Ingress", "Egress"],
      ingress: ingress.map(ingressRule),
      egress: [NAMES, ...egress.map(egressRule)],
    },
  }, { parent });
}

const BY_NAME = "kubernetes.io/metadata.name";

function ingressRule({ fromNamespace, port }: Ingress): Rule {
  return {
    from: [{ namespaceSelector: { matchLabels: { [BY_NAME]: fromNamespace } } }],
    ports: [{ protocol: "TCP", port }],
  };
}

function egressRule({ cidrs, ports }: Egress): EgressRule {
  return {
    to: cidrs.map((cidr) => ({ ipBlock: { cidr } })),
    ports: ports.map((port) => ({ protocol: "TCP", port })),
  };
}

/** The cluster's DNS. */
const NAMES: EgressRule = {
  to: [{ namespaceSelector: { matchLabels: { [BY_NAME]: "kube-system" } } }],
  ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }],
};
