import { describe, expect, it } from 'vitest';
import { UNKNOWN_NODE } from '../../src/model/node.js';
import { PersistentMap } from '../../src/model/persistent-map.js';
import type { ServicePortName } from '../../src/model/service-port.js';
import { EMPTY_STATE, type ServiceState } from '../../src/model/service-state.js';
import { LayeredSource } from '../../src/sources/layered-source.js';
import { CollectedStates } from '../support/collected-states.js';
import { aServicePort, endpoints } from '../support/proxy-values.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { SpokenSource } from '../support/spoken-source.js';

function serving(...served: [ServicePortName, number][]): ServiceState {
  return {
    ...EMPTY_STATE,
    servicePorts: PersistentMap.from(served.map(([name]) => [name, aServicePort({ name })] as const)),
    endpoints: PersistentMap.from(served.map(([name, port]) => [name, endpoints(port)] as const)),
  };
}

async function layered() {
  const [upper, lower] = [new SpokenSource(), new SpokenSource()];
  const logger = new RecordingLogger();
  const source = new LayeredSource(upper, lower, logger);
  return { upper, lower, logger, source, collected: await CollectedStates.startOf(source) };
}

describe('two sources as one', () => {
  it('deliver nothing until both have', async () => {
    const { upper, lower, collected } = await layered();
    upper.deliver(serving(['default/a', 1]));
    expect(collected.states).toEqual([]);
    lower.deliver(serving(['default/b', 2]));
    expect(collected.served).toEqual({ 'default/a': ['10.1.0.1:1'], 'default/b': ['10.1.0.1:2'] });
  });

  it('deliver what changes in either', async () => {
    const { upper, lower, collected } = await layered();
    upper.deliver(EMPTY_STATE);
    lower.deliver(serving(['default/b', 2]));
    lower.deliver(serving(['default/b', 3]));
    upper.deliver(serving(['default/a', 1]));
    expect(collected.served).toEqual({ 'default/a': ['10.1.0.1:1'], 'default/b': ['10.1.0.1:3'] });
    upper.deliver(EMPTY_STATE);
    expect(collected.served).toEqual({ 'default/b': ['10.1.0.1:3'] });
  });

  it('use the manifest where both have a Service, and say so once', async () => {
    const { upper, lower, collected, logger } = await layered();
    upper.deliver(serving(['default/a:http', 1]));
    lower.deliver(serving(['default/a:http', 2], ['default/a:dns', 3], ['default/b', 4]));
    lower.deliver(serving(['default/a:http', 5], ['default/a:dns', 3], ['default/b', 4]));
    expect(collected.served).toEqual({ 'default/a:http': ['10.1.0.1:1'], 'default/b': ['10.1.0.1:4'] });
    expect(logger.lines.map(({ message, fields }) => [message, fields.servicePort])).toEqual([
      ['a manifest declares this Service too: the one of the cluster is not used', 'default/a:http'],
      ['a manifest declares this Service too: the one of the cluster is not used', 'default/a:dns'],
    ]);
  });

  it('deliver nothing where what changed is not used', async () => {
    const { upper, lower, collected } = await layered();
    upper.deliver(serving(['default/a', 1]));
    lower.deliver(serving(['default/a', 2]));
    lower.deliver(serving(['default/a', 3]));
    expect(collected.states).toHaveLength(1);
  });

  it('are asked why traffic goes where it goes: whichever serves the Service', async () => {
    const { upper, lower, source } = await layered();
    upper.deliver(serving(['default/a:http', 1]));
    lower.deliver(serving(['default/a:dns', 3], ['default/b', 4]));
    upper.judged = { endpoints: [], otherPorts: ['of/TCP', 'upper/TCP'], node: UNKNOWN_NODE };
    lower.judged = { endpoints: [], otherPorts: ['of/TCP', 'lower/TCP'], node: UNKNOWN_NODE };
    expect(source.verdicts('default/a:http')).toBe(upper.judged);
    expect(source.verdicts('default/a:dns')).toBe(upper.judged);
    expect(source.verdicts('default/b')).toBe(lower.judged);
    expect([upper.asked, lower.asked]).toEqual([['default/a:http', 'default/a:dns'], ['default/b']]);
  });

  it('stop both', async () => {
    const { source, upper, lower } = await layered();
    await source.stop();
    expect([upper.stops, lower.stops]).toEqual([1, 1]);
  });
});
