import { describe, expect, it } from 'vitest';
import { BenchEnding } from '../../bench/child-processes.js';
import type { Measurement } from '../../bench/measurements.js';
import type { Measured } from '../../bench/messages.js';
import type { Peer, RunningPeer } from '../../bench/peer.js';
import { DIRECT } from '../../bench/peers/direct.js';
import type { Failure } from '../../bench/report.js';
import { halfOfSlowest, measureInTurn, measureMemory, startPeers, stopPeers } from '../../bench/rounds.js';
import { type Addresses, addressesOf } from '../../bench/services.js';

const ADDRESSES: Addresses = addressesOf(() => ({ address: '127.0.0.1', port: 1 }));

const MEASUREMENT: Measurement = {
  name: 'udp',
  title: 'UDP',
  load: { kind: 'udp', flows: 1 },
  unit: { one: 'round trip', size: 1, cpu: 'µs' },
};

/** A peer that notes what happens to it. */
function notingPeer(name: string, notes: string[]): Peer {
  return {
    name,
    start: () => {
      notes.push(`start ${name}`);
      const stop = async () => void notes.push(`stop ${name}`);
      return Promise.resolve({ addresses: ADDRESSES, pids: [notes.length], stop });
    },
  };
}

const failingPeer: Peer = { name: 'failing', start: () => Promise.reject(new Error('not installed')) };

const window = (done: number): Measured => ({
  kind: 'measured',
  done,
  lost: 0,
  seconds: 1,
  peerCpuMs: null,
  machineCpuMs: null,
});

/** Nobody fails here. */
const nobody = ({ peer, message }: Failure): void => {
  throw new Error(`${peer} failed: ${message}`);
};

describe('the rounds', () => {
  it('let the peers take turns, another one first each time, and keep apart what each has done', async () => {
    let windows = 0;
    const turns: RunningPeer[] = [];
    const measure = (_load: unknown, peer: RunningPeer): Promise<Measured> => {
      turns.push(peer);
      windows += 1;
      return Promise.resolve(window(windows));
    };
    const peers = await startPeers([notingPeer('a', []), notingPeer('b', [])], ADDRESSES, nobody);
    const { peers: results } = await measureInTurn(MEASUREMENT, peers, { measure }, 3, nobody);
    expect(turns.map((peer) => peers.findIndex((one) => one === peer))).toEqual([0, 1, 1, 0, 0, 1]);
    expect(results.map(({ name, rounds }) => [name, rounds.map(({ done }) => done)])).toEqual([
      ['a', [1, 4, 5]],
      ['b', [2, 3, 6]],
    ]);
  });

  it('pass over a peer that leaves the measurement out', async () => {
    const onlyTcp: Peer = { ...notingPeer('a', []), leavesOut: ['udp'] };
    const peers = await startPeers([onlyTcp, notingPeer('b', [])], ADDRESSES, nobody);
    const measure = () => Promise.resolve(window(1));
    const { peers: results } = await measureInTurn(MEASUREMENT, peers, { measure }, 1, nobody);
    expect(results.map(({ name }) => name)).toEqual(['b']);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('refused')), 'refused'],
    ['does nothing', () => Promise.resolve(window(0)), 'nothing was done'],
  ])(
    'leave out a peer that %s in one round, say so once, and go on with the others',
    async (_, fail, message) => {
      const failures: Failure[] = [];
      const peers = await startPeers([notingPeer('a', []), notingPeer('b', [])], ADDRESSES, nobody);
      let windows = 0;
      const measure = (_load: unknown, peer: RunningPeer): Promise<Measured> => {
        windows += 1;
        return peer === peers[0] && windows > 1 ? fail() : Promise.resolve(window(1));
      };
      const failed = (failure: Failure) => void failures.push(failure);
      const { peers: results } = await measureInTurn(MEASUREMENT, peers, { measure }, 3, failed);
      expect(results).toEqual([{ name: 'b', rounds: [window(1), window(1), window(1)] }]);
      expect(failures).toEqual([{ peer: 'a', work: 'UDP', message }]);
    },
  );

  it('end where the direct connection fails, or the bench is ending', async () => {
    const direct = await startPeers([DIRECT], ADDRESSES, nobody);
    const refused = { measure: () => Promise.reject(new Error('refused')) };
    await expect(measureInTurn(MEASUREMENT, direct, refused, 1, nobody)).rejects.toThrow('refused');
    const peers = await startPeers([notingPeer('a', [])], ADDRESSES, nobody);
    const ending = { measure: () => Promise.reject(new BenchEnding('ending')) };
    await expect(measureInTurn(MEASUREMENT, peers, ending, 1, nobody)).rejects.toThrow(BenchEnding);
  });

  it('read memory of a peer that has just started, each time', async () => {
    const notes: string[] = [];
    const readings = [100, null];
    const holdIdle = () => {
      notes.push('read');
      return Promise.resolve(readings.shift() ?? null);
    };
    const memory = await measureMemory(notingPeer('a', notes), ADDRESSES, { holdIdle }, 10, 2, nobody);
    expect(memory).toEqual({ peer: 'a', bytesPerConnection: [100, null] });
    expect(notes).toEqual(['start a', 'read', 'stop a', 'start a', 'read', 'stop a']);
  });

  it('stop a peer whose memory could not be read, and leave it out', async () => {
    const notes: string[] = [];
    const failures: Failure[] = [];
    const holdIdle = () => Promise.reject(new Error('refused'));
    const failed = (failure: Failure) => void failures.push(failure);
    expect(await measureMemory(notingPeer('a', notes), ADDRESSES, { holdIdle }, 10, 2, failed)).toBeNull();
    expect(notes).toEqual(['start a', 'stop a']);
    expect(failures).toEqual([{ peer: 'a', work: 'memory', message: 'refused' }]);
  });

  it('go on without a peer that does not start', async () => {
    const failures: Failure[] = [];
    const failed = (failure: Failure) => void failures.push(failure);
    const running = await startPeers([failingPeer, notingPeer('a', [])], ADDRESSES, failed);
    expect(running.map(({ name }) => name)).toEqual(['a']);
    expect(failures).toEqual([{ peer: 'failing', work: 'start', message: 'not installed' }]);
  });

  it('stop whoever has started where the bench is ending', async () => {
    const notes: string[] = [];
    const ending: Peer = { name: 'b', start: () => Promise.reject(new BenchEnding('ending')) };
    await expect(startPeers([notingPeer('a', notes), ending], ADDRESSES, nobody)).rejects.toThrow(
      BenchEnding,
    );
    expect(notes).toEqual(['start a', 'stop a']);
  });

  it('stop all peers at the end', async () => {
    const notes: string[] = [];
    await stopPeers(await startPeers([notingPeer('a', notes), notingPeer('b', notes)], ADDRESSES, nobody));
    expect(notes).toEqual(['start a', 'start b', 'stop a', 'stop b']);
  });
});

describe('half of the slowest', () => {
  const did = (name: string, ...done: number[]) => ({ name, rounds: done.map(window) });

  it('is that of native and haproxy, in the median of their rounds, however slow another one is', () => {
    const peers = [
      did('direct', 900),
      did('native', 300, 100, 200),
      did('haproxy', 250),
      did('portable', 10),
    ];
    expect(halfOfSlowest({ peers })).toBe(100);
    expect(halfOfSlowest({ peers: peers.filter(({ name }) => name !== 'native') })).toBe(125);
  });

  it('is that of whoever ran where neither did, and at least one', () => {
    expect(halfOfSlowest({ peers: [did('direct', 900), did('nginx', 401)] })).toBe(200);
    expect(halfOfSlowest({ peers: [did('direct', 1)] })).toBe(1);
  });
});
