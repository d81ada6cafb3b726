import { describe, expect, it } from 'vitest';
import { KubeSpliceError } from '../../src/model/errors.js';
import { PortAllocator } from '../../src/proxier/port-allocator.js';

const NAME = 'default/whoami:http';

async function opens(port: number) {
  return { address: '0.0.0.0', port };
}

/** Opens any port but these, which another program holds. */
function opensUnlessIn(inUse: readonly number[]) {
  return async (port: number) => {
    if (inUse.includes(port)) throw new KubeSpliceError('PORTAL_PORT_IN_USE', `${port} is in use`);
    return { address: '0.0.0.0', port };
  };
}

async function portsOf(allocator: PortAllocator, count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let n = 0; n < count; n += 1) ports.push((await allocator.allocate(NAME, opens)).port);
  return ports;
}

describe('the port allocator', () => {
  it('gives out each port of the range once, both ends included', async () => {
    const allocator = new PortAllocator({ first: 40_000, last: 40_009 }, Math.random, []);
    const ports = await portsOf(allocator, 10);
    expect(ports.toSorted()).toEqual(Array.from({ length: 10 }, (_, n) => 40_000 + n));
  });

  it('takes them in random order', async () => {
    const numbers = [0.99, 0, 0.5];
    const allocator = new PortAllocator({ first: 1, last: 4 }, () => numbers.shift() ?? 0, []);
    expect(await portsOf(allocator, 3)).toEqual([4, 1, 2]);
  });

  it('gives a port that came back to somebody else', async () => {
    const allocator = new PortAllocator({ first: 40_000, last: 40_000 }, Math.random, []);
    const [port] = await portsOf(allocator, 1);
    allocator.release(port ?? 0);
    expect(await portsOf(allocator, 1)).toEqual([port]);
  });

  it('passes over a port that another program holds', async () => {
    const allocator = new PortAllocator({ first: 1, last: 3 }, () => 0, []);
    expect((await allocator.allocate(NAME, opensUnlessIn([1, 2]))).port).toBe(3);
  });

  it('tries a port again that another program held before', async () => {
    const allocator = new PortAllocator({ first: 1, last: 2 }, () => 0, []);
    await allocator.allocate(NAME, opensUnlessIn([1]));
    expect((await allocator.allocate(NAME, opens)).port).toBe(1);
  });

  it('gives out a port that it holds only once that is released, and holds none that it does not give out', async () => {
    const allocator = new PortAllocator({ first: 1, last: 3 }, () => 0, []);
    const [given = 0] = await portsOf(allocator, 1);
    expect(allocator.hold(new Set([given, 2, 9]))).toEqual(new Set([2]));
    expect(await portsOf(allocator, 1)).toEqual([3]);
    await expect(allocator.allocate(NAME, opens)).rejects.toMatchObject({ code: 'PORT_RANGE_EXHAUSTED' });
    allocator.release(2);
    expect((await allocator.allocate(NAME, opens, 2)).port).toBe(2);
  });

  it('says whose port is missing when nothing is free', async () => {
    const allocator = new PortAllocator({ first: 1, last: 3 }, () => 0, []);
    await portsOf(allocator, 1);
    await expect(allocator.allocate(NAME, opensUnlessIn([2, 3]))).rejects.toMatchObject({
      code: 'PORT_RANGE_EXHAUSTED',
      message:
        'default/whoami:http: no port of --proxy-port-range 1-3 is free: each is given to a service port, or in use by another program',
    });
  });

  it('gives up at once where another port would not help, and keeps the port', async () => {
    const allocator = new PortAllocator({ first: 1, last: 1 }, () => 0, []);
    const failure = new KubeSpliceError('PORTAL_OPEN_FAILED', 'no such address');
    await expect(allocator.allocate(NAME, () => Promise.reject(failure))).rejects.toBe(failure);
    expect((await allocator.allocate(NAME, opens)).port).toBe(1);
  });

  it('never gives one port to two that ask at the same time', async () => {
    const allocator = new PortAllocator({ first: 1, last: 50 }, Math.random, []);
    const given = await Promise.all(Array.from({ length: 50 }, () => allocator.allocate(NAME, opens)));
    expect(new Set(given.map(({ port }) => port)).size).toBe(50);
  });

  it('gives out ephemeral ports without a range, and asks the kernel when they have run out', async () => {
    const allocator = new PortAllocator(null, Math.random, [40_001, 40_003]);
    const ports = await portsOf(allocator, 3);
    expect(ports.slice(0, 2).toSorted()).toEqual([40_001, 40_003]);
    expect(ports[2]).toBe(0);
  });

  it('asks the kernel after a few ephemeral ports that others hold, and tries those again later', async () => {
    const taken = Array.from({ length: 100 }, (_, n) => 40_001 + 2 * n);
    const allocator = new PortAllocator(null, Math.random, taken);
    const tried: number[] = [];
    const opensNoneOfThem = (port: number) => {
      tried.push(port);
      return opensUnlessIn(taken)(port);
    };
    expect((await allocator.allocate(NAME, opensNoneOfThem)).port).toBe(0);
    expect(tried.length).toBeLessThan(20);
    expect((await portsOf(allocator, 100)).toSorted()).toEqual(taken);
  });

  it('takes back the ephemeral ports that it gave, and none that the kernel chose', async () => {
    const allocator = new PortAllocator(null, Math.random, [40_001]);
    await portsOf(allocator, 1);
    for (const port of [40_003, 40_001, 40_001]) allocator.release(port);
    expect(await portsOf(allocator, 2)).toEqual([40_001, 0]);
  });
});

describe('a port that was taken back while rules may still lead to it', () => {
  const THREE = { first: 1, last: 3 };

  async function withReleased(...released: readonly number[]): Promise<PortAllocator> {
    const allocator = new PortAllocator(THREE, () => 0, []);
    await portsOf(allocator, 3);
    for (const port of released) allocator.release(port);
    return allocator;
  }

  it('rests: others are given out before it', async () => {
    const allocator = await withReleased(1);
    allocator.settle();
    allocator.release(2);
    expect(await portsOf(allocator, 2)).toEqual([1, 2]);
  });

  it('is given out all the same where nothing else is free, the one that has rested longest first', async () => {
    const allocator = await withReleased(2, 3, 1);
    expect(await portsOf(allocator, 3)).toEqual([2, 3, 1]);
    await expect(portsOf(allocator, 1)).rejects.toMatchObject({ code: 'PORT_RANGE_EXHAUSTED' });
  });

  it('is given out where another program holds all that is free', async () => {
    const allocator = await withReleased(1);
    allocator.settle();
    allocator.release(3);
    expect((await allocator.allocate(NAME, opensUnlessIn([1]))).port).toBe(3);
  });

  it('is as free as any other once they lead elsewhere', async () => {
    const allocator = await withReleased(1, 2);
    allocator.settle();
    allocator.release(3);
    // The first of those that are free, then the last: chosen among both.
    expect((await portsOf(allocator, 2)).toSorted()).toEqual([1, 2]);
    expect(await portsOf(allocator, 1)).toEqual([3]);
  });

  it('is given back once only, however often it rested or was settled', async () => {
    const allocator = await withReleased(1, 1);
    allocator.settle();
    allocator.settle();
    allocator.release(1);
    expect(await portsOf(allocator, 1)).toEqual([1]);
    await expect(portsOf(allocator, 1)).rejects.toMatchObject({ code: 'PORT_RANGE_EXHAUSTED' });
  });

  it('rests also where it is an ephemeral one', async () => {
    const allocator = new PortAllocator(null, () => 0, [40_001, 40_003]);
    const [first = 0, second] = await portsOf(allocator, 2);
    allocator.release(first);
    allocator.settle();
    allocator.release(second ?? 0);
    expect(await portsOf(allocator, 3)).toEqual([first, second, 0]);
  });
});

describe('a port that rules of an earlier run lead to', () => {
  const RANGE = { first: 1, last: 4 };

  function withResting(...ports: readonly number[]): PortAllocator {
    const allocator = new PortAllocator(RANGE, () => 0, []);
    allocator.rest(new Set(ports));
    return allocator;
  }

  it('is for the one that had it, and for others only where there is no other', async () => {
    const allocator = withResting(1, 2);
    expect((await portsOf(allocator, 2)).toSorted()).toEqual([3, 4]);
    expect((await allocator.allocate(NAME, opens, 2)).port).toBe(2);
    expect(await portsOf(allocator, 1)).toEqual([1]);
  });

  it('is not given where it is given already, or is none of the range', async () => {
    const allocator = withResting(2, 9);
    expect((await allocator.allocate(NAME, opens, 2)).port).toBe(2);
    expect((await allocator.allocate(NAME, opens, 2)).port).not.toBe(2);
    expect(RANGE.last).toBeGreaterThanOrEqual((await allocator.allocate(NAME, opens, 9)).port);
  });

  it('gives way to another one where another program holds it', async () => {
    const allocator = withResting(2);
    expect((await allocator.allocate(NAME, opensUnlessIn([2]), 2)).port).not.toBe(2);
    expect((await portsOf(allocator, 3)).toSorted()).toContain(2);
  });

  it('is as free as any other once rules lead elsewhere', async () => {
    const allocator = withResting(1, 2, 3, 4);
    allocator.settle();
    expect((await portsOf(allocator, 4)).toSorted()).toEqual([1, 2, 3, 4]);
    await expect(portsOf(allocator, 1)).rejects.toMatchObject({ code: 'PORT_RANGE_EXHAUSTED' });
  });
});
