/** What a field takes: `features` is a mapping of names to true or false; of `anything` nothing is read. */
export type ConfigFieldType =
  | 'text'
  | 'texts'
  | 'boolean'
  | 'integer'
  | 'number'
  | 'duration'
  | 'features'
  | 'anything';

/** A field of a configuration file. */
export interface ConfigFieldForm {
  /** From the root of the document, with dots: `iptables.syncPeriod`. */
  readonly path: string;
  readonly takes: ConfigFieldType;
  /** The flag that it says the same as, whether that has an effect here or not; or why the field has none. */
  readonly means: { readonly flag: string } | { readonly nothing: string };
}

/** A kind of document that a configuration file may hold. */
export interface ConfigurationForm {
  readonly apiVersion: string;
  readonly kind: string;
  readonly fields: readonly ConfigFieldForm[];
  /** Whether what is empty, false or 0 is as if it were not there: as Go writes what nobody has set. */
  readonly zeroIsAbsent: boolean;
}

type Means = ConfigFieldForm['means'];

const flag = (name: string): Means => ({ flag: name });
const nothing = (because: string): Means => ({ nothing: because });

const WINDOWS = 'this is no Windows node';
const LOGGING = 'what is logged, and where, is set by KubeSpliceConfiguration and by flags';
const CONNTRACK = 'connection tracking is left as the kernel has it';
const OTHER_MODE = 'kube-splice writes rules of its own, whichever mode is asked for';

/**
 * kube-proxy's, of 1.25 (`k8s.io/kube-proxy/config/v1alpha1`, types.go), and what later releases added to it, so that a file
 * that kubeadm wrote is read as it is.
 */
export const KUBE_PROXY_CONFIGURATION: ConfigurationForm = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  zeroIsAbsent: true,
  fields: [
    { path: 'bindAddress', takes: 'text', means: flag('bind-address') },
    { path: 'bindAddressHardFail', takes: 'boolean', means: flag('bind-address-hard-fail') },
    {
      path: 'clientConnection.acceptContentTypes',
      takes: 'text',
      means: nothing('the API server is asked in JSON'),
    },
    { path: 'clientConnection.burst', takes: 'integer', means: flag('kube-api-burst') },
    { path: 'clientConnection.contentType', takes: 'text', means: flag('kube-api-content-type') },
    { path: 'clientConnection.kubeconfig', takes: 'text', means: flag('kubeconfig') },
    { path: 'clientConnection.qps', takes: 'number', means: flag('kube-api-qps') },
    { path: 'clusterCIDR', takes: 'text', means: flag('cluster-cidr') },
    { path: 'configSyncPeriod', takes: 'duration', means: flag('config-sync-period') },
    { path: 'conntrack.maxPerCore', takes: 'integer', means: flag('conntrack-max-per-core') },
    { path: 'conntrack.min', takes: 'integer', means: flag('conntrack-min') },
    { path: 'conntrack.tcpBeLiberal', takes: 'boolean', means: nothing(CONNTRACK) },
    {
      path: 'conntrack.tcpCloseWaitTimeout',
      takes: 'duration',
      means: flag('conntrack-tcp-timeout-close-wait'),
    },
    {
      path: 'conntrack.tcpEstablishedTimeout',
      takes: 'duration',
      means: flag('conntrack-tcp-timeout-established'),
    },
    { path: 'conntrack.udpStreamTimeout', takes: 'duration', means: nothing(CONNTRACK) },
    { path: 'conntrack.udpTimeout', takes: 'duration', means: nothing(CONNTRACK) },
    { path: 'detectLocal.bridgeInterface', takes: 'text', means: flag('pod-bridge-interface') },
    { path: 'detectLocal.interfaceNamePrefix', takes: 'text', means: flag('pod-interface-name-prefix') },
    { path: 'detectLocalMode', takes: 'text', means: flag('detect-local-mode') },
    { path: 'enableProfiling', takes: 'boolean', means: flag('profiling') },
    { path: 'featureGates', takes: 'features', means: flag('feature-gates') },
    { path: 'healthzBindAddress', takes: 'text', means: flag('healthz-bind-address') },
    { path: 'hostnameOverride', takes: 'text', means: flag('hostname-override') },
    {
      path: 'iptables.localhostNodePorts',
      takes: 'boolean',
      means: nothing('NodePorts are on the addresses of nodePortAddresses, loopback included'),
    },
    { path: 'iptables.masqueradeAll', takes: 'boolean', means: flag('masquerade-all') },
    { path: 'iptables.masqueradeBit', takes: 'integer', means: flag('iptables-masquerade-bit') },
    { path: 'iptables.minSyncPeriod', takes: 'duration', means: flag('iptables-min-sync-period') },
    { path: 'iptables.syncPeriod', takes: 'duration', means: flag('iptables-sync-period') },
    { path: 'ipvs.excludeCIDRs', takes: 'texts', means: flag('ipvs-exclude-cidrs') },
    { path: 'ipvs.minSyncPeriod', takes: 'duration', means: flag('ipvs-min-sync-period') },
    { path: 'ipvs.scheduler', takes: 'text', means: flag('ipvs-scheduler') },
    { path: 'ipvs.strictARP', takes: 'boolean', means: flag('ipvs-strict-arp') },
    { path: 'ipvs.syncPeriod', takes: 'duration', means: flag('ipvs-sync-period') },
    { path: 'ipvs.tcpFinTimeout', takes: 'duration', means: flag('ipvs-tcpfin-timeout') },
    { path: 'ipvs.tcpTimeout', takes: 'duration', means: flag('ipvs-tcp-timeout') },
    { path: 'ipvs.udpTimeout', takes: 'duration', means: flag('ipvs-udp-timeout') },
    { path: 'logging.flushFrequency', takes: 'duration', means: flag('log-flush-frequency') },
    { path: 'logging.format', takes: 'text', means: flag('log-format') },
    { path: 'logging.options.json.infoBufferSize', takes: 'anything', means: nothing(LOGGING) },
    { path: 'logging.options.json.splitStream', takes: 'boolean', means: nothing(LOGGING) },
    { path: 'logging.options.text.infoBufferSize', takes: 'anything', means: nothing(LOGGING) },
    { path: 'logging.options.text.splitStream', takes: 'boolean', means: nothing(LOGGING) },
    { path: 'logging.verbosity', takes: 'integer', means: flag('v') },
    { path: 'logging.vmodule', takes: 'anything', means: flag('vmodule') },
    { path: 'metricsBindAddress', takes: 'text', means: flag('metrics-bind-address') },
    { path: 'mode', takes: 'text', means: flag('proxy-mode') },
    { path: 'nftables.masqueradeAll', takes: 'boolean', means: flag('masquerade-all') },
    { path: 'nftables.masqueradeBit', takes: 'integer', means: nothing(OTHER_MODE) },
    { path: 'nftables.minSyncPeriod', takes: 'duration', means: nothing('a change takes effect at once') },
    {
      path: 'nftables.syncPeriod',
      takes: 'duration',
      means: nothing('iptables.syncPeriod is for all rules'),
    },
    { path: 'nodePortAddresses', takes: 'texts', means: flag('nodeport-addresses') },
    { path: 'oomScoreAdj', takes: 'integer', means: flag('oom-score-adj') },
    { path: 'portRange', takes: 'text', means: flag('proxy-port-range') },
    {
      path: 'showHiddenMetricsForVersion',
      takes: 'text',
      means: flag('show-hidden-metrics-for-version'),
    },
    { path: 'udpIdleTimeout', takes: 'duration', means: flag('udp-timeout') },
    { path: 'windowsRunAsService', takes: 'boolean', means: nothing(WINDOWS) },
    { path: 'winkernel.enableDSR', takes: 'boolean', means: nothing(WINDOWS) },
    { path: 'winkernel.forwardHealthCheckVip', takes: 'boolean', means: nothing(WINDOWS) },
    { path: 'winkernel.networkName', takes: 'text', means: nothing(WINDOWS) },
    { path: 'winkernel.rootHnsEndpointName', takes: 'text', means: nothing(WINDOWS) },
    { path: 'winkernel.sourceVip', takes: 'text', means: nothing(WINDOWS) },
  ],
};

/** What kube-proxy has no field for. Each is the flag of nearly the same name. */
export const KUBE_SPLICE_CONFIGURATION: ConfigurationForm = {
  apiVersion: 'kube-splice.io/v1alpha1',
  kind: 'KubeSpliceConfiguration',
  zeroIsAbsent: false,
  fields: [
    { path: 'cleanupOnExit', takes: 'boolean', means: flag('cleanup-on-exit') },
    { path: 'metricsPerEndpoint', takes: 'boolean', means: flag('metrics-per-endpoint') },
    { path: 'drainTimeout', takes: 'duration', means: flag('drain-timeout') },
    { path: 'halfClosedTimeout', takes: 'duration', means: flag('half-closed-timeout') },
    { path: 'log.alsoToStderr', takes: 'boolean', means: flag('alsologtostderr') },
    { path: 'log.directory', takes: 'text', means: flag('log-dir') },
    { path: 'log.format', takes: 'text', means: flag('log-format') },
    { path: 'log.level', takes: 'integer', means: flag('v') },
    { path: 'manifests', takes: 'texts', means: flag('manifests') },
    { path: 'master', takes: 'text', means: flag('master') },
    { path: 'maxConnections', takes: 'integer', means: flag('max-connections') },
    { path: 'relay', takes: 'text', means: flag('relay') },
    { path: 'relaySocket', takes: 'text', means: flag('relay-socket') },
    { path: 'relayThreads', takes: 'integer', means: flag('relay-threads') },
    { path: 'shutdownDelay', takes: 'duration', means: flag('shutdown-delay') },
    { path: 'stateDirectory', takes: 'text', means: flag('state-dir') },
    { path: 'steering', takes: 'text', means: flag('steering') },
    { path: 'udpMaxSessions', takes: 'integer', means: flag('udp-max-sessions') },
    { path: 'udpReplyTimeout', takes: 'duration', means: flag('udp-reply-timeout') },
  ],
};

/** Every kind of document that a configuration file may hold, each once. */
export const CONFIGURATIONS: readonly ConfigurationForm[] = [
  KUBE_PROXY_CONFIGURATION,
  KUBE_SPLICE_CONFIGURATION,
];
