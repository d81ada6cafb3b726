/**
 * Every error a person can meet, by its stable code. The text is what to do about it; `docs/errors.md` lists the
 * same codes and a spec keeps the two equal. A code, once released, is never renamed.
 */
export const ERROR_REMEDIES = {
  FLAG_INVALID: 'Correct the flag; `kube-splice --help` shows what each one takes.',
  FLAG_UNKNOWN: 'Check the spelling; `kube-splice --help` lists every command and flag.',
  CONFIG_UNREADABLE: 'Check the path of --config, and that this user may read the file.',
  CONFIG_INVALID:
    'Correct the line; docs/configuration.md has every field, `kube-splice --write-config-to FILE` writes a file to begin with.',
  CONFIG_UNWRITABLE:
    'Give --write-config-to a file in a directory that is there, and that this user may write.',
  SOURCE_MISSING:
    'Say where the Services come from: --kubeconfig FILE, --master URL, or --manifests FILE_OR_DIR.',
  MANIFEST_UNREADABLE: 'Check that the path exists and that this user may read it.',
  MANIFEST_TOO_LARGE: 'Split it: many smaller files in a directory are watched and parsed one by one.',
  MANIFEST_SYNTAX: 'Correct the YAML or JSON; the last good state of the file is served until then.',
  MANIFEST_INVALID: 'Correct the field; the last good state of the file is served until then.',
  MANIFEST_DUPLICATE: 'Keep the object in one place only; the first one found is used.',
  KUBECONFIG_UNREADABLE: 'Check the path of --kubeconfig, and that this user may read the file.',
  KUBECONFIG_INVALID:
    'Correct the field; `kubectl config view --kubeconfig FILE` shows how the file is understood.',
  IN_CLUSTER_CONFIG_MISSING:
    'Give --kubeconfig or --master, or run in a pod whose service account token is mounted.',
  CREDENTIALS_UNUSABLE: 'Mend what the message names; as long as kube-splice runs, it is tried again.',
  APISERVER_UNREACHABLE:
    'Check the address, the network and the API server; it is tried again until it answers.',
  APISERVER_CERTIFICATE_REJECTED:
    'Check the server address and the certificate authority of the cluster; never skip verification to get on.',
  APISERVER_UNAUTHORIZED: 'Renew the token or certificate, or check that it belongs to this cluster.',
  APISERVER_FORBIDDEN: 'Grant what is missing: deploy/rbac.yaml holds all that is needed.',
  APISERVER_BUSY: 'Wait: it is tried again when the server says so, or after a growing pause.',
  APISERVER_FAILED: 'Read the message of the server; its log says more.',
  APISERVER_MALFORMED: 'Check that the address, scheme and port are those of a Kubernetes API server.',
  NODE_UNKNOWN: 'Give the name of this node as the cluster has it with --hostname-override.',
  SNAPSHOT_UNREADABLE:
    'Nothing, where the API server answers: the file is written anew. Otherwise check --state-dir.',
  SNAPSHOT_UNWRITABLE: 'Create the directory of --state-dir, let this user write there, and give it room.',
  STATUS_ADDRESS_IN_USE:
    'Stop the other program, or choose another port with --healthz-port (0 turns it off).',
  STATUS_ADDRESS_UNAVAILABLE:
    'Give --healthz-bind-address an address of this host, and a port this user may bind.',
  STATUS_UNREACHABLE:
    'Start kube-splice, or name its status address with --healthz-bind-address and --healthz-port.',
  STATUS_MALFORMED:
    'Point --healthz-bind-address and --healthz-port at kube-splice: something else answered.',
  SERVICE_PORT_UNKNOWN: 'Check the spelling; `kube-splice status` lists every service port that is proxied.',
  CLIENT_ADDRESS_INVALID: 'Give the IP address that the client connects from, without a port.',
  PORT_RANGE_EXHAUSTED: 'Widen --proxy-port-range, or free ports in it; it is tried again at every sync.',
  PORTAL_PORT_IN_USE: 'Another program holds the port; another one is chosen where the range allows.',
  PORTAL_OPEN_FAILED: 'Check --bind-address and the open-file limit; it is tried again at every sync.',
  RELAY_UNAVAILABLE:
    'Build it with `npm run build:native` (make and a C++17 compiler, on Linux), or give --relay=portable.',
  RELAY_UNREACHABLE:
    'Start `kube-splice-relay --socket PATH` as this user or as root, or leave --relay-socket out.',
  RELAY_MALFORMED: 'Use the relay of the same version as kube-splice: build it anew, and start it again.',
  COMMAND_NOT_FOUND: 'Install the program that the message names, or put it where PATH finds it.',
  COMMAND_FAILED: 'Read what the program printed; what was asked of it is tried again.',
  STEERING_UNAVAILABLE:
    'Run as root or with CAP_NET_ADMIN and CAP_NET_RAW, install iptables or nftables, or give --steering=none.',
  STEERING_FAILED: 'Read what the program printed. The old rules stand, and it is tried again.',
  STEERING_CONFLICT: 'Give one of the two Services another address or port; the first by name is served.',
  STEERING_UNSUPPORTED: 'Mend what the message names; everything else is steered.',
  KUBE_PROXY_RULES_MISSING:
    'Run it where kube-proxy runs, as root, or give --iptables-save FILE with what iptables-save printed there.',
  KUBE_PROXY_RULES_UNREADABLE:
    'Give --iptables-save a file that iptables-save or ip6tables-save has printed, or - for standard input.',
  SERVICES_UNKNOWN: 'Mend what the message names, and try again.',
  FLOWS_NOT_REMOVED: "Install conntrack (Debian's package of that name), and run with CAP_NET_ADMIN.",
  NODE_PORT_IN_USE:
    'Stop the program that holds the port, or give the Service another node port; it is tried again at every sync.',
  NODE_PORT_UNAVAILABLE:
    'Read the message: ports below 1024 need CAP_NET_BIND_SERVICE, and each one an open file. It is tried again at every sync.',
  HEALTH_CHECK_PORT_IN_USE:
    'Stop the program that holds the port, or give the Service another healthCheckNodePort; it is tried again at every sync.',
  HEALTH_CHECK_PORT_UNAVAILABLE:
    'Check --nodeport-addresses and the open-file limit; it is tried again at every sync.',
  LOG_DIRECTORY_UNUSABLE: 'Create the directory and let this user write there, or leave --log-dir out.',
  DEMO_FAILED: 'Read the lines above: they name the request that was not answered as expected.',
} as const satisfies Record<string, string>;

/** The stable name of an error. */
export type ErrorCode = keyof typeof ERROR_REMEDIES;

/** An error a person can act on: a stable code, what happened (`message`), the cause, and the remedy. */
export class KubeSpliceError extends Error {
  readonly code: ErrorCode;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; remedy?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'KubeSpliceError';
    this.code = code;
    this.remedy = options.remedy ?? ERROR_REMEDIES[code];
  }
}

/** The code that Node gives a failed system call (`EADDRINUSE`, `ECONNREFUSED`, …), or `undefined`. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
