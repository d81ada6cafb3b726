import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SignalledAction } from '../../src/cli/signalled-action.js';
import { eventually } from '../support/deadline.js';
import { RecordingLogger } from '../support/recording-logger.js';

describe('what is done at a signal', () => {
  it('is done once more for all signals that come meanwhile', async () => {
    const receiver = new EventEmitter();
    const action = new SignalledAction('SIGHUP', receiver, new RecordingLogger());
    const ends: (() => void)[] = [];
    action.begin(() => new Promise((resolve) => ends.push(resolve)));
    for (let signal = 0; signal < 5; signal += 1) receiver.emit('SIGHUP');
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await eventually(() => expect(ends).toHaveLength(2));
    ends[1]?.();
    receiver.emit('SIGHUP');
    await eventually(() => expect(ends).toHaveLength(3));
  });

  it('is done as soon as it can be where the signal comes before, and not after the end', async () => {
    const receiver = new EventEmitter();
    const action = new SignalledAction('SIGHUP', receiver, new RecordingLogger());
    receiver.emit('SIGHUP');
    let runs = 0;
    action.begin(async () => {
      runs += 1;
    });
    expect(runs).toBe(1);
    action.end();
    receiver.emit('SIGHUP');
    expect(runs).toBe(1);
  });

  it('may fail, which is told, and is done again at the next', async () => {
    const receiver = new EventEmitter();
    const logger = new RecordingLogger();
    const action = new SignalledAction('SIGUSR1', receiver, logger);
    action.begin(() => Promise.reject(new Error('no room')));
    receiver.emit('SIGUSR1');
    const told = () => logger.lines.filter(({ message }) => message === 'what SIGUSR1 asks for failed');
    await eventually(() => expect(told()).toHaveLength(1));
    receiver.emit('SIGUSR1');
    await eventually(() => expect(told()).toHaveLength(2));
  });
});
