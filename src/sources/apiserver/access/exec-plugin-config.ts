/** The versions of `client.authentication.k8s.io` that are spoken. */
export const EXEC_API_VERSIONS = [
  'client.authentication.k8s.io/v1',
  'client.authentication.k8s.io/v1beta1',
] as const;

/** A program that gives credentials ("client-go credential plugins" in Kubernetes' documentation). */
export interface ExecPluginConfig {
  /** An absolute path, or a name that is looked for in PATH. */
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly apiVersion: (typeof EXEC_API_VERSIONS)[number];
  /** What to tell where the program is not there. */
  readonly installHint: string | null;
  /** What the kubeconfig file holds for plugins, where the cluster is to be described to it; else null. */
  readonly clusterInfo: { readonly extension: unknown } | null;
}
