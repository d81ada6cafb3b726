import { expect } from 'vitest';
import type { ServiceState } from '../../src/model/service-state.js';
import type { ServiceSource } from '../../src/sources/source.js';
import { eventually } from './deadline.js';

/** Keeps every state that a source delivers. */
export class CollectedStates {
  readonly states: ServiceState[] = [];

  /** What to start a source with. */
  readonly deliver = (state: ServiceState): void => {
    this.states.push(state);
  };

  static async startOf(source: ServiceSource): Promise<CollectedStates> {
    const collected = new CollectedStates();
    await source.start(collected.deliver);
    return collected;
  }

  /** The newest state. */
  get last(): ServiceState | undefined {
    return this.states.at(-1);
  }

  /** The newest state in short: each service port with the keys of its endpoints. */
  get served(): Record<string, string[]> {
    return served(this.last);
  }

  /** Waits until this is what the newest state serves. */
  async toServe(expected: Record<string, string[]>): Promise<void> {
    await eventually(() => expect(this.served).toEqual(expected));
  }
}

/** Each service port with the keys of its endpoints. */
export function served(state: ServiceState | undefined): Record<string, string[]> {
  const names = [...(state?.servicePorts.keys() ?? [])];
  return Object.fromEntries(
    names.map((name) => [name, (state?.endpoints.get(name) ?? []).map(({ key }) => key)]),
  );
}
