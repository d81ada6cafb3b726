/** ClusterIPs are given out of 10.96.0.0/16, NodePorts of 30000-32767: what kubeadm sets up. */
const CLUSTER_IPS = 65_534;
const FIRST_NODE_PORT = 30_000;
const NODE_PORTS = 2_768;

/** Gives out ClusterIPs and NodePorts, one after the other, none that is in use. */
export class ClusterAddresses {
  readonly #isUsed: (text: string) => boolean;
  #clusterIPs = 0;
  #nodePorts = 0;

  /** `isUsed` tells whether a ClusterIP or a NodePort, written in decimal, belongs to a Service already. */
  constructor(isUsed: (text: string) => boolean) {
    this.#isUsed = isUsed;
  }

  takeClusterIP(): string {
    return this.#take(CLUSTER_IPS, () => {
      const host = (this.#clusterIPs % CLUSTER_IPS) + 1;
      this.#clusterIPs += 1;
      return `10.96.${host >> 8}.${host & 255}`;
    });
  }

  takeNodePort(): number {
    const port = this.#take(NODE_PORTS, () => {
      const offset = this.#nodePorts % NODE_PORTS;
      this.#nodePorts += 1;
      return `${FIRST_NODE_PORT + offset}`;
    });
    return Number(port);
  }

  #take(count: number, next: () => string): string {
    for (let tries = 0; tries < count; tries += 1) {
      const text = next();
      if (!this.#isUsed(text)) return text;
    }
    throw new Error('every address is in use');
  }
}
