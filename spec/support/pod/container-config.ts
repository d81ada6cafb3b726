import { existsSync, readFileSync } from 'node:fs';
import type { V1Container, V1PodSpec } from '@kubernetes/client-node';

/** Of Debian's golang-github-containers-common: the filter that podman has for `RuntimeDefault`. */
const DEFAULT_FILTER = '/usr/share/containers/seccomp.json';
const FILTER_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** What a container is started with beside its spec. */
export interface ContainerPlace {
  readonly rootfs: string;
  readonly entrypoint: readonly string[];
  /** The file of the network namespace that stands for the node's. */
  readonly network: string;
  readonly nodeName: string;
  readonly volumes: ReadonlyMap<string, string>;
}

/** `config.json` of the OCI runtime specification: of it, the part that is looked at here. */
export interface ContainerConfig {
  readonly process: object;
}

/** How an OCI runtime is to start a container of a pod. */
export function containerConfig(
  pod: V1PodSpec,
  container: V1Container,
  place: ContainerPlace,
): ContainerConfig {
  const context = container.securityContext ?? {};
  const capabilities = grantedCapabilities(container);
  const environment = environmentOf(container, place.nodeName);
  const command = container.command ?? place.entrypoint;
  const argv = [...command, ...(container.args ?? [])].map((word) => expanded(word, environment));
  if (context.runAsNonRoot && (context.runAsUser ?? 0) === 0) throw new Error(`${container.name} is root`);
  const uid = context.runAsUser ?? pod.securityContext?.runAsUser ?? 0;
  const config = {
    ociVersion: '1.0.2',
    process: {
      user: {
        uid,
        gid: context.runAsGroup ?? 0,
        additionalGids: [pod.securityContext?.fsGroup].filter((group) => group !== undefined),
      },
      args: argv,
      env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      cwd: '/',
      // A user who is not root has them in its bounding set alone.
      capabilities: {
        bounding: capabilities,
        permitted: uid === 0 ? capabilities : [],
        effective: uid === 0 ? capabilities : [],
      },
      noNewPrivileges: context.allowPrivilegeEscalation === false,
    },
    root: { path: place.rootfs, readonly: context.readOnlyRootFilesystem === true },
    mounts: [...SYSTEM_MOUNTS, ...volumeMounts(container, place)],
    linux: {
      namespaces: [
        { type: 'mount' },
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'network', ...(pod.hostNetwork ? { path: place.network } : {}) },
      ],
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/proc/scsi', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
      ...(pod.securityContext?.seccompProfile?.type === 'RuntimeDefault'
        ? { seccomp: defaultFilter(capabilities) }
        : {}),
    },
  };
  return config;
}

const SYSTEM_MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
];

/** All that a runtime gives by default would be dropped: a spec of ours that keeps some is a mistake. */
function grantedCapabilities({ name, securityContext }: V1Container): readonly string[] {
  const { drop = [], add = [] } = securityContext?.capabilities ?? {};
  if (!drop.includes('ALL')) throw new Error(`${name} keeps the capabilities that runtimes give by default`);
  return add.map((capability) => `CAP_${capability}`);
}

function environmentOf({ env = [] }: V1Container, nodeName: string): Readonly<Record<string, string>> {
  const given = env.map(({ name, value, valueFrom }) => {
    if (valueFrom !== undefined && valueFrom.fieldRef?.fieldPath !== 'spec.nodeName')
      throw new Error(`${name} is taken from where nothing is known here`);
    return [name, value ?? nodeName] as const;
  });
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  // A kubelet names the Service kubernetes in every pod.
  const service = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '443' };
  return { PATH: path, ...service, ...Object.fromEntries(given) };
}

/** `$(NAME)`, as a kubelet replaces it. */
function expanded(word: string, environment: Readonly<Record<string, string>>): string {
  return word.replace(/\$\((\w+)\)/g, (reference, name: string) => environment[name] ?? reference);
}

function volumeMounts({ volumeMounts = [] }: V1Container, { volumes }: ContainerPlace): readonly object[] {
  return volumeMounts.map(({ name, mountPath, readOnly }) => {
    const source = volumes.get(name);
    if (source === undefined) throw new Error(`the pod has no volume ${name}`);
    const options = ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'];
    return { destination: mountPath, type: 'bind', source, options };
  });
}

interface FilterCondition {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
}

interface FilterRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly object[] | null;
  readonly errnoRet?: number;
  readonly includes?: FilterCondition;
  readonly excludes?: FilterCondition;
}

/** Undefined where this host has none: the relay filters its own calls in any case. */
function defaultFilter(capabilities: readonly string[]): object | undefined {
  if (!existsSync(DEFAULT_FILTER)) return undefined;
  const { defaultAction, defaultErrnoRet, syscalls } = JSON.parse(readFileSync(DEFAULT_FILTER, 'utf8')) as {
    defaultAction: string;
    defaultErrnoRet?: number;
    syscalls: readonly FilterRule[];
  };
  const architecture = FILTER_ARCHITECTURES[process.arch] ?? '';
  const isMet = ({ caps, arches }: FilterCondition) =>
    (caps ?? []).every((capability) => capabilities.includes(capability)) &&
    (arches === undefined || arches.includes(architecture));
  const isNamed = ({ caps = [], arches = [] }: FilterCondition) =>
    caps.some((capability) => capabilities.includes(capability)) || arches.includes(architecture);
  const rules = syscalls.filter(({ includes = {}, excludes = {} }) => isMet(includes) && !isNamed(excludes));
  return {
    defaultAction,
    ...(defaultErrnoRet === undefined ? {} : { defaultErrnoRet }),
    syscalls: rules.map(({ names, action, args, errnoRet }) => ({
      names,
      action,
      ...(args == null ? {} : { args }),
      ...(errnoRet === undefined ? {} : { errnoRet }),
    })),
  };
}
