import { describe, expect, it } from 'vitest';
import { type ErrorCode, KubeSpliceError } from '../../../src/model/errors.js';
import { ServerCondition } from '../../../src/sources/apiserver/server-condition.js';
import { NOON } from '../../support/proxy-values.js';
import { RecordingLogger } from '../../support/recording-logger.js';

function aCondition() {
  const logger = new RecordingLogger();
  let now = NOON;
  const condition = new ServerCondition({ server: 'https://api:6443', logger, now: () => now });
  const pass = (ms: number): void => {
    now += ms;
  };
  const told = (): string[] => logger.lines.map(({ level, message }) => `${level} ${message}`);
  return { condition, logger, told, pass };
}

const fault = (code: ErrorCode, message = 'api:6443: ECONNREFUSED') => new KubeSpliceError(code, message);

describe('the condition of the API server', () => {
  it('tells the first answer, once for all resources', () => {
    const { condition, told } = aCondition();
    expect(condition.isConnected).toBe(false);
    condition.answered('services');
    condition.answered('endpoints');
    condition.answered('services');
    expect(told()).toEqual(['info the API server answers']);
    expect(condition.isConnected).toBe(true);
    expect(condition.since).toBe(NOON);
  });

  it('tells a fault when it begins, however many tries for however many resources fail, and its end', () => {
    const { condition, told, logger, pass } = aCondition();
    condition.answered('services');
    condition.answered('endpoints');
    pass(1_000);
    for (let times = 0; times < 10; times += 1) {
      condition.failed('services', fault('APISERVER_UNREACHABLE'));
      condition.failed('endpoints', fault('APISERVER_UNREACHABLE', 'api:6443: ETIMEDOUT'));
    }
    expect(condition.isConnected).toBe(false);
    expect(condition.since).toBe(NOON + 1_000);
    pass(60_000);
    condition.answered('services');
    expect(condition.isConnected).toBe(false);
    condition.failed('endpoints', fault('APISERVER_UNREACHABLE'));
    condition.answered('endpoints');
    expect(told()).toEqual([
      'info the API server answers',
      'warn APISERVER_UNREACHABLE: api:6443: ECONNREFUSED',
      'info the API server answers again',
    ]);
    expect(logger.lines[1]?.fields).toMatchObject({ server: 'https://api:6443', remedy: expect.any(String) });
    expect(logger.lines[2]?.fields).toMatchObject({ afterSeconds: 60 });
    expect(condition.errors).toEqual([]);
  });

  it('tells another fault when it takes the place of the first', () => {
    const { condition, told } = aCondition();
    condition.failed('services', fault('APISERVER_UNREACHABLE'));
    condition.failed('services', fault('APISERVER_UNAUTHORIZED', 'who are you?'));
    condition.failed('services', fault('APISERVER_UNREACHABLE'));
    expect(told()).toEqual([
      'warn APISERVER_UNREACHABLE: api:6443: ECONNREFUSED',
      'warn APISERVER_UNAUTHORIZED: who are you?',
      'warn APISERVER_UNREACHABLE: api:6443: ECONNREFUSED',
    ]);
  });

  it('tells what is forbidden in one line, and shows all of it', () => {
    const { condition, told } = aCondition();
    condition.failed('node', fault('APISERVER_FORBIDDEN', 'cannot list nodes'));
    condition.failed('services', fault('APISERVER_FORBIDDEN', 'cannot list services'));
    condition.failed('endpoints', fault('APISERVER_FORBIDDEN', 'cannot list endpointslices'));
    expect(told()).toEqual(['warn APISERVER_FORBIDDEN: cannot list services']);
    expect(condition.errors).toEqual([
      'APISERVER_FORBIDDEN: cannot list nodes',
      'APISERVER_FORBIDDEN: cannot list services',
      'APISERVER_FORBIDDEN: cannot list endpointslices',
    ]);
  });

  it('tells that nodes must not be read once all else is well, and is connected without them', () => {
    const { condition, told } = aCondition();
    condition.failed('node', fault('APISERVER_FORBIDDEN', 'cannot list nodes'));
    expect(told()).toEqual([]);
    condition.answered('services');
    condition.failed('node', fault('APISERVER_FORBIDDEN', 'cannot list nodes'));
    condition.answered('endpoints');
    expect(told()).toEqual(['info the API server answers', 'warn APISERVER_FORBIDDEN: cannot list nodes']);
    expect(condition.isConnected).toBe(true);
    condition.answered('node');
    expect(condition.errors).toEqual([]);
    expect(told()).toHaveLength(2);
  });

  it('is connected again when Services and endpoints are, though nodes are asked for later', () => {
    const { condition, told } = aCondition();
    condition.answered('services');
    condition.answered('endpoints');
    condition.answered('node');
    for (const part of ['services', 'node', 'endpoints'] as const)
      condition.failed(part, fault('APISERVER_UNREACHABLE'));
    condition.answered('services');
    expect(condition.isConnected).toBe(false);
    condition.answered('endpoints');
    expect(condition.isConnected).toBe(true);
    condition.failed('node', fault('APISERVER_UNREACHABLE'));
    condition.answered('node');
    expect(told()).toEqual([
      'info the API server answers',
      'warn APISERVER_UNREACHABLE: api:6443: ECONNREFUSED',
      'info the API server answers again',
    ]);
  });

  it('shows a fault of the server once', () => {
    const { condition } = aCondition();
    condition.failed('services', fault('APISERVER_UNREACHABLE'));
    condition.failed('endpoints', fault('APISERVER_UNREACHABLE'));
    expect(condition.errors).toEqual(['APISERVER_UNREACHABLE: api:6443: ECONNREFUSED']);
  });

  it('tells no time before the fault where the clock was set back', () => {
    const { condition, logger, pass } = aCondition();
    condition.answered('services');
    condition.failed('services', fault('APISERVER_UNREACHABLE'));
    pass(-3_600_000);
    condition.answered('services');
    expect(logger.lines.at(-1)?.fields).toMatchObject({ afterSeconds: 0 });
  });
});
