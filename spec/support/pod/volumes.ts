import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { V1HostPathVolumeSource, V1PodSpec, V1Volume } from '@kubernetes/client-node';
import type { DeployedPod } from './deployed-pod.js';

/** What a kubelet knows beside the pod's spec. */
export interface VolumeSources {
  /** The pod's own directory. */
  readonly directory: string;
  /** Stands for the root of the node. */
  readonly host: string;
  readonly configMaps: DeployedPod['configMaps'];
  readonly token: string;
}

/**
 * Makes a pod's volumes as a kubelet does (kubernetes.io/docs/concepts/storage/volumes), with the modes and the group that
 * `fsGroup` gives them, and says where each is. Throws where one is of a kind that is not known here.
 */
export function makeVolumes(spec: V1PodSpec, sources: VolumeSources): ReadonlyMap<string, string> {
  const group = spec.securityContext?.fsGroup ?? 0;
  return new Map((spec.volumes ?? []).map((volume) => [volume.name, makeVolume(volume, group, sources)]));
}

function makeVolume(volume: V1Volume, group: number, sources: VolumeSources): string {
  if (volume.hostPath !== undefined) return hostPath(volume.hostPath, sources.host);
  const directory = join(sources.directory, volume.name);
  mkdirSync(directory);
  chownSync(directory, 0, group);
  // A set-group-ID directory: what is made in it has its group.
  chmodSync(directory, 0o2777);
  if (volume.emptyDir === undefined) project(directory, group, filesOf(volume, sources));
  return directory;
}

function hostPath({ path, type }: V1HostPathVolumeSource, host: string): string {
  const place = join(host, path);
  if (type === 'DirectoryOrCreate') mkdirSync(place, { recursive: true, mode: 0o755 });
  else if (type === 'FileOrCreate') {
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, '', { flag: 'a', mode: 0o644 });
  } else throw new Error(`no hostPath of type ${type} is known here`);
  return place;
}

type ProjectedFile = readonly [path: string, text: string, mode: number];

function filesOf({ name, configMap, projected }: V1Volume, sources: VolumeSources): readonly ProjectedFile[] {
  if (configMap !== undefined) return configFiles(configMap.name, sources);
  if (projected === undefined) throw new Error(`the volume ${name} is of a kind that is not known here`);
  return (projected.sources ?? []).flatMap((source): readonly ProjectedFile[] => {
    if (source.serviceAccountToken !== undefined)
      return [[source.serviceAccountToken.path, sources.token, 0o600]];
    const { name: from, items = [] } = source.configMap ?? {};
    const files = configFiles(from, sources);
    return items.map(({ key, path }) => [path, files.find(([file]) => file === key)?.[1] ?? '', 0o644]);
  });
}

function configFiles(name: string | undefined, { configMaps }: VolumeSources): readonly ProjectedFile[] {
  const data = configMaps.get(name ?? '');
  if (data === undefined) throw new Error(`there is no ConfigMap ${name}: the pod would wait for it`);
  return Object.entries(data).map(([key, text]) => [key, text, 0o644]);
}

/** Files are links through a directory that is replaced as a whole when one of them changes; the group may read them. */
function project(directory: string, group: number, files: readonly ProjectedFile[]): void {
  const generation = '..2026_01_01';
  mkdirSync(join(directory, generation));
  for (const [path, text, mode] of files) {
    const file = join(directory, generation, path);
    writeFileSync(file, text);
    chownSync(file, 0, group);
    chmodSync(file, mode | 0o440);
    symlinkSync(join('..data', path), join(directory, path));
  }
  symlinkSync(generation, join(directory, '..data'));
}
