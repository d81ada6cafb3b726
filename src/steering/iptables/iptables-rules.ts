import type { IPFamily } from '../../model/address.js';
import { KubeSpliceError } from '../../model/errors.js';
import type {
  PacketRules,
  PastRedirect,
  Redirect,
  RefusedTraffic,
  SteeringCheck,
  SteeringPlace,
  SteeringState,
} from '../steering.js';
import { FamilyRules } from './family-rules.js';
import type { IptablesHost } from './find-programs.js';

/**
 * Steering with iptables and ip6tables of any release since 1.3.5: the chains of kube-proxy's userspace mode, written with
 * `iptables-restore --noflush` and nothing else. What each host has is asked of it, never taken for granted.
 */
export class IptablesRules implements PacketRules {
  readonly kind = 'iptables';
  readonly #families: Readonly<Record<IPFamily, FamilyRules>>;

  constructor(host: IptablesHost, place: SteeringPlace) {
    this.#families = {
      IPv4: new FamilyRules('IPv4', host, place),
      IPv6: new FamilyRules('IPv6', host, place),
    };
  }

  /** The programs in use, and what their kernel lacks. */
  get description(): string {
    const { programs, capabilities } = this.#families.IPv4;
    const lacks = Object.entries(capabilities ?? {}).flatMap(([name, there]) => (there ? [] : [name]));
    const without = lacks.length === 0 ? '' : `, without ${lacks.join(', ')}`;
    return `${programs ?? 'iptables'}${without}`;
  }

  async whyNot(family: IPFamily): Promise<string | null> {
    try {
      await this.#families[family].prepare();
      return null;
    } catch (error) {
      if (!(error instanceof KubeSpliceError)) throw error;
      return error.message;
    }
  }

  async past(): Promise<readonly PastRedirect[]> {
    return [...(await this.#families.IPv4.past()), ...(await this.#families.IPv6.past())];
  }

  rulesOf(redirect: Redirect): readonly string[] {
    return this.#families[redirect.family].rulesOf(redirect);
  }

  ruleCounts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const family of [this.#families.IPv4, this.#families.IPv6])
      for (const [table, count] of family.ruleCounts()) counts.set(table, (counts.get(table) ?? 0) + count);
    return counts;
  }

  async write(state: SteeringState, check: SteeringCheck): Promise<void> {
    await this.#families.IPv4.write(state, check);
    await this.#families.IPv6.write(state, check);
  }

  async refused(): Promise<RefusedTraffic | null> {
    const counts = [await this.#families.IPv4.refused(), await this.#families.IPv6.refused()];
    const known = counts.filter((count) => count !== null);
    if (known.length === 0) return null;
    return {
      connections: known.reduce((sum, { connections }) => sum + connections, 0),
      datagrams: known.reduce((sum, { datagrams }) => sum + datagrams, 0),
    };
  }

  async remove(): Promise<void> {
    const failures: unknown[] = [];
    for (const family of [this.#families.IPv4, this.#families.IPv6])
      await family.remove().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}
