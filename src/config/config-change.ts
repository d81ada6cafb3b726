import { isDeepStrictEqual } from 'node:util';
import type { LogConfig, ProxyConfig } from './proxy-config.js';

/** When a setting that has changed has its effect: at once, or when the process is started again. */
export type TakesEffect = 'at once' | 'at the next start';

interface Setting {
  /** Without dashes. */
  readonly flag: string;
  readonly takesEffect: TakesEffect;
}

const now = (flag: string): Setting => ({ flag, takesEffect: 'at once' });
const later = (flag: string): Setting => ({ flag, takesEffect: 'at the next start' });

type TopLevel = Exclude<keyof ProxyConfig, 'log'>;

const SETTINGS: Readonly<Record<TopLevel, Setting>> = {
  bindAddress: later('bind-address'),
  proxyPortRange: later('proxy-port-range'),
  udpIdleTimeoutMs: now('udp-timeout'),
  halfClosedTimeoutMs: now('half-closed-timeout'),
  udpReplyTimeoutMs: now('udp-reply-timeout'),
  syncPeriodMs: now('iptables-sync-period'),
  statusAddress: later('healthz-bind-address'),
  metricsAddress: later('metrics-bind-address'),
  manifests: later('manifests'),
  apiServer: later('kubeconfig'),
  nodeName: later('hostname-override'),
  stateDirectory: later('state-dir'),
  proxyMode: later('proxy-mode'),
  steering: later('steering'),
  nodePortAddresses: now('nodeport-addresses'),
  clusterCIDRs: now('cluster-cidr'),
  cleanupOnExit: now('cleanup-on-exit'),
  metricsPerEndpoint: now('metrics-per-endpoint'),
  profiling: later('profiling'),
  relay: later('relay'),
  relaySocket: later('relay-socket'),
  relayThreads: later('relay-threads'),
  udpMaxSessions: later('udp-max-sessions'),
  maxConnections: now('max-connections'),
  shutdownDelayMs: now('shutdown-delay'),
  drainTimeoutMs: now('drain-timeout'),
};

const LOG_SETTINGS: Readonly<Record<keyof LogConfig, Setting>> = {
  format: later('log-format'),
  level: now('v'),
  directory: later('log-dir'),
  alsoToStderr: later('alsologtostderr'),
};

/** Every setting, by the flag that says it. */
export const SETTINGS_THAT_CHANGE: readonly Setting[] = [
  ...Object.values(SETTINGS),
  ...Object.values(LOG_SETTINGS),
];

/** What a running proxy takes up of another configuration. */
export interface ConfigChange {
  /** How it runs from now on: the rest stays as it was. */
  readonly config: ProxyConfig;
  /** Flags that say what is different, without dashes; by when that has its effect. */
  readonly atOnce: readonly string[];
  readonly atNextStart: readonly string[];
}

/**
 * @param running how the process runs.
 * @param asked how it is to run.
 */
export function configChange(running: ProxyConfig, asked: ProxyConfig): ConfigChange {
  const differing = [
    ...keysOf(SETTINGS).map((key) => ({
      setting: SETTINGS[key],
      same: isDeepStrictEqual(running[key], asked[key]),
    })),
    ...keysOf(LOG_SETTINGS).map((key) => ({
      setting: LOG_SETTINGS[key],
      same: running.log[key] === asked.log[key],
    })),
  ].filter(({ same }) => !same);
  const flagsThat = (takesEffect: TakesEffect): readonly string[] =>
    differing.filter(({ setting }) => setting.takesEffect === takesEffect).map(({ setting }) => setting.flag);
  return {
    config: {
      ...asked,
      ...Object.fromEntries(
        keysOf(SETTINGS)
          .filter((key) => SETTINGS[key].takesEffect === 'at the next start')
          .map((key) => [key, running[key]]),
      ),
      log: { ...running.log, level: asked.log.level },
    },
    atOnce: flagsThat('at once'),
    atNextStart: flagsThat('at the next start'),
  };
}

function keysOf<T extends object>(value: T): readonly (keyof T)[] {
  return Object.keys(value) as (keyof T)[];
}
