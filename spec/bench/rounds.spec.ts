import { describe, expect, it } from 'vitest';
import type { Measurement } from '../../bench/measurements.js';
import type { Measured } from '../../bench/messages.js';
import type { Peer, RunningPeer } from '../../bench/peer.js';
import { measureInTurn, measureMemory, startPeers, stopPeers } from '../../bench/rounds.js';
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

describe('the rounds', () => {
  it('let the peers take turns, another one first each time, and keep apart what each has done', async () => {
    let windows = 0;
    const turns: RunningPeer[] = [];
    const measure = (_load: unknown, peer: RunningPeer): Promise<Measured> => {
      turns.push(peer);
      windows += 1;
      const nothingElse = { lost: 0, seconds: 1, peerCpuMs: null, machineCpuMs: null };
      return Promise.resolve({ kind: 'measured', done: windows, ...nothingElse });
    };
    const peers = await startPeers([notingPeer('a', []), notingPeer('b', [])], ADDRESSES);
    const { peers: results } = await measureInTurn(MEASUREMENT, peers, { measure }, 3);
    expect(turns.map((peer) => peers.findIndex((one) => one === peer))).toEqual([0, 1, 1, 0, 0, 1]);
    expect(results.map(({ name, rounds }) => [name, rounds.map(({ done }) => done)])).toEqual([
      ['a', [1, 4, 5]],
      ['b', [2, 3, 6]],
    ]);
  });

  it('read memory of a peer that has just started, each time', async () => {
    const notes: string[] = [];
    const readings = [100, null];
    const holdIdle = () => {
      notes.push('read');
      return Promise.resolve(readings.shift() ?? null);
    };
    const memory = await measureMemory(notingPeer('a', notes), ADDRESSES, { holdIdle }, 10, 2);
    expect(memory).toEqual({ peer: 'a', bytesPerConnection: [100, null] });
    expect(notes).toEqual(['start a', 'read', 'stop a', 'start a', 'read', 'stop a']);
  });

  it('stop a peer whose memory could not be read', async () => {
    const notes: string[] = [];
    const holdIdle = () => Promise.reject(new Error('refused'));
    await expect(measureMemory(notingPeer('a', notes), ADDRESSES, { holdIdle }, 10, 2)).rejects.toThrow(
      'refused',
    );
    expect(notes).toEqual(['start a', 'stop a']);
  });

  it('stop whoever has started where the next one does not', async () => {
    const notes: string[] = [];
    await expect(startPeers([notingPeer('a', notes), failingPeer], ADDRESSES)).rejects.toThrow(
      'not installed',
    );
    expect(notes).toEqual(['start a', 'stop a']);
  });

  it('stop all peers at the end', async () => {
    const notes: string[] = [];
    await stopPeers(await startPeers([notingPeer('a', notes), notingPeer('b', notes)], ADDRESSES));
    expect(notes).toEqual(['start a', 'start b', 'stop a', 'stop b']);
  });
});
