import { once } from 'node:events';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type HoldPort, holdPort } from '../../src/host/port-reservation.js';
import { KubeSpliceError } from '../../src/model/errors.js';
import type { ServicePort } from '../../src/model/service-port.js';
import { NodePorts } from '../../src/proxier/node-ports.js';
import { aServicePort } from '../support/proxy-values.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { stateOf } from '../support/started-proxier.js';

const web = aServicePort({ name: 'default/web', nodePort: 30_080 });
const api = aServicePort({ name: 'default/api', nodePort: 30_090 });
const IN_USE = new KubeSpliceError('NODE_PORT_IN_USE', 'node port 30080/TCP is in use');

/** Ports of a host that has no other program, but where the spec puts one. */
class HostPorts {
  readonly held = new Set<string>();
  readonly tried: string[] = [];
  readonly refused = new Map<string, KubeSpliceError>();

  readonly hold: HoldPort = async (protocol, port) => {
    const key = `${port}/${protocol}`;
    this.tried.push(key);
    const refusal = this.refused.get(key);
    if (refusal !== undefined) throw refusal;
    if (this.held.has(key)) throw new KubeSpliceError('NODE_PORT_IN_USE', `node port ${key} is in use`);
    this.held.add(key);
    return { release: async () => void this.held.delete(key) };
  };
}

function start(hold?: HoldPort) {
  const host = new HostPorts();
  const logger = new RecordingLogger();
  const nodePorts = new NodePorts({ hold: hold ?? host.hold, logger });
  onTestFinished(() => nodePorts.close());
  /** Looks at those that are named, by default at all that there are. */
  const reconcile = (servicePorts: readonly ServicePort[], looked = servicePorts) =>
    nodePorts.reconcile(
      looked.map(({ name }) => name),
      stateOf(...servicePorts.map((servicePort) => [servicePort] as const)),
    );
  return { host, logger, nodePorts, reconcile };
}

describe('the node ports', () => {
  it('are held for the service ports that have one', async () => {
    const { host, nodePorts, reconcile } = start();
    const plain = aServicePort({ name: 'default/plain' });
    await reconcile([web, api, plain]);
    expect([...host.held]).toEqual(['30080/TCP', '30090/TCP']);
    expect([web, api, plain].map(({ name }) => nodePorts.isHeld(name))).toEqual([true, true, false]);
    expect(nodePorts.failed.size).toBe(0);
  });

  it('are held for each protocol apart', async () => {
    const { host, nodePorts, reconcile } = start();
    const dns = aServicePort({ name: 'default/dns', nodePort: 30_080, protocol: 'UDP' });
    await reconcile([web, dns]);
    expect([...host.held]).toEqual(['30080/TCP', '30080/UDP']);
    expect(nodePorts.isHeld(dns.name)).toBe(true);
  });

  it('are let go with the service port, and when it gets another one', async () => {
    const { host, nodePorts, reconcile } = start();
    await reconcile([web, api]);
    await reconcile([{ ...api, nodePort: 30_091 }], [web, api]);
    expect([...host.held]).toEqual(['30091/TCP']);
    expect(nodePorts.isHeld(web.name)).toBe(false);
    await reconcile([{ ...api, nodePort: null }]);
    expect([...host.held]).toEqual([]);
    expect(nodePorts.isHeld(api.name)).toBe(false);
  });

  it('are not touched for service ports that are not named', async () => {
    const { host, nodePorts, reconcile } = start();
    await reconcile([web]);
    await reconcile([api], []);
    expect([...host.held]).toEqual(['30080/TCP']);
    expect(nodePorts.isHeld(web.name)).toBe(true);
  });

  it('are asked for once as long as they are held', async () => {
    const { host, reconcile } = start();
    await reconcile([web]);
    await reconcile([web]);
    expect(host.tried).toEqual(['30080/TCP']);
  });

  it('change hands at once: that of a service port which is gone is free for another one', async () => {
    const { host, nodePorts, reconcile } = start();
    await reconcile([web]);
    const heir = aServicePort({ name: 'default/a', nodePort: 30_080 });
    const affected = await reconcile([heir], [heir, web]);
    expect(nodePorts.isHeld(heir.name)).toBe(true);
    expect(nodePorts.isHeld(web.name)).toBe(false);
    expect(affected).toEqual(new Set([heir.name, web.name]));
    // The socket is the same: at no time could another program have it.
    expect(host.tried).toEqual(['30080/TCP']);
  });

  it('are all let go in the end', async () => {
    const { host, nodePorts, reconcile } = start();
    await reconcile([web, api]);
    await nodePorts.close();
    await nodePorts.close();
    expect([...host.held]).toEqual([]);
    expect(nodePorts.isHeld(web.name)).toBe(false);
  });
});

describe('a node port that two service ports have', () => {
  const [first, second] = ['default/a', 'default/b'].map((name) =>
    aServicePort({ name: name as ServicePort['name'], nodePort: 30_080 }),
  ) as [ServicePort, ServicePort];

  it.each([
    ['together', [[first, second]]],
    ['one after the other', [[first], [second]]],
    ['the other way round', [[second], [first]]],
  ])('is that of the first by name, when they come %s', async (_how, steps) => {
    const { nodePorts, logger, reconcile } = start();
    for (const looked of steps) await reconcile([first, second], looked);
    expect([first, second].map(({ name }) => nodePorts.isHeld(name))).toEqual([true, false]);
    expect([...nodePorts.failed.keys()]).toEqual([second.name]);
    expect(logger.messages('error')).toEqual([
      'STEERING_CONFLICT: default/b: default/a has node port 30080/TCP already, and keeps it',
    ]);
  });

  it('goes to the second one with the first, and who is affected is told', async () => {
    const { nodePorts, reconcile } = start();
    await reconcile([first, second]);
    expect(await reconcile([second], [first])).toEqual(new Set([first.name, second.name]));
    expect(nodePorts.isHeld(second.name)).toBe(true);
    expect(nodePorts.failed.size).toBe(0);
  });

  it('tells of the one that gives way to a newcomer', async () => {
    const { nodePorts, reconcile } = start();
    await reconcile([second]);
    expect(await reconcile([first, second], [first])).toEqual(new Set([first.name, second.name]));
    expect(nodePorts.isHeld(second.name)).toBe(false);
  });
});

describe('a node port that cannot be held', () => {
  it('is told once, with its remedy, for as long as the reason is the same', async () => {
    const { host, nodePorts, logger, reconcile } = start();
    host.refused.set('30080/TCP', IN_USE);
    await reconcile([web]);
    await reconcile([web]);
    expect(nodePorts.isHeld(web.name)).toBe(false);
    expect(nodePorts.failed.get(web.name)?.error).toMatchObject({
      code: 'NODE_PORT_IN_USE',
      message: 'default/web: node port 30080/TCP is in use',
    });
    expect(logger.lines).toEqual([
      {
        level: 'error',
        message: 'NODE_PORT_IN_USE: default/web: node port 30080/TCP is in use',
        fields: { remedy: IN_USE.remedy },
      },
    ]);
    host.refused.set(
      '30080/TCP',
      new KubeSpliceError('NODE_PORT_UNAVAILABLE', "node port 30080/TCP can't be held: EMFILE"),
    );
    await reconcile([web]);
    expect(logger.messages('error')).toHaveLength(2);
  });

  it('is tried again when its service port is looked at, and told again after it was held', async () => {
    const { host, nodePorts, logger, reconcile } = start();
    host.refused.set('30080/TCP', IN_USE);
    await reconcile([web]);
    await reconcile([web, api], [api]);
    expect(host.tried).toEqual(['30080/TCP', '30090/TCP']);
    host.refused.clear();
    expect(await reconcile([web])).toEqual(new Set([web.name]));
    expect(nodePorts.isHeld(web.name)).toBe(true);
    expect(nodePorts.failed.size).toBe(0);
    await reconcile([], [web]);
    host.refused.set('30080/TCP', IN_USE);
    await reconcile([web]);
    expect(logger.messages('error')).toHaveLength(2);
  });

  it('is forgotten with its service port', async () => {
    const { host, nodePorts, reconcile } = start();
    host.refused.set('30080/TCP', IN_USE);
    await reconcile([web]);
    await reconcile([], [web]);
    expect(nodePorts.failed.size).toBe(0);
  });

  it("is another program's, on a real host, until that lets go of it", async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { nodePorts, reconcile } = start(holdPort);
    const taken = { ...web, nodePort: port };
    await reconcile([taken]);
    expect(nodePorts.failed.get(web.name)?.error.code).toBe('NODE_PORT_IN_USE');
    other.close();
    await once(other, 'close');
    await reconcile([taken]);
    expect(nodePorts.isHeld(web.name)).toBe(true);
  });
});

describe('whatever becomes of service ports', () => {
  const names = ['a/a', 'a/b', 'a/c', 'a/d'] as const;
  const nodePort = fc.constantFrom(null, 30_000, 30_001);
  const change = fc.record({
    name: fc.constantFrom(...names),
    /** Undefined where the service port is gone. */
    servicePort: fc.option(
      fc.record({ nodePort, protocol: fc.constantFrom('TCP' as const, 'UDP' as const) }),
      {
        nil: undefined,
      },
    ),
    /** Node ports that other programs have from now on. */
    refused: fc.subarray(['30000/TCP', '30001/TCP', '30000/UDP']),
  });

  it('those of the state are held once nobody else has them, each for the first by name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
        const { host, nodePorts, reconcile } = start();
        const present = new Map<string, ServicePort>();
        for (const { name, servicePort, refused } of changes) {
          if (servicePort === undefined) present.delete(name);
          else present.set(name, aServicePort({ name, ...servicePort }));
          host.refused.clear();
          for (const key of refused) host.refused.set(key, IN_USE);
          const before = new Map(names.map((known) => [known, nodePorts.isHeld(known)]));
          const affected = await reconcile([...present.values()], [aServicePort({ name })]);
          for (const known of names)
            if (nodePorts.isHeld(known) !== before.get(known)) expect(affected.has(known)).toBe(true);
        }
        host.refused.clear();
        await reconcile([...present.values()]);
        const owners = new Map<string, string>();
        for (const { name, protocol, nodePort: port } of present.values()) {
          const owner = owners.get(`${port}/${protocol}`);
          if (port !== null && (owner === undefined || name < owner)) owners.set(`${port}/${protocol}`, name);
        }
        expect(host.held).toEqual(new Set(owners.keys()));
        const wanting = [...present.values()].filter(({ nodePort: port }) => port !== null);
        for (const { name, protocol, nodePort: port } of wanting) {
          const isFirst = owners.get(`${port}/${protocol}`) === name;
          expect([nodePorts.isHeld(name), nodePorts.failed.has(name)]).toEqual([isFirst, !isFirst]);
        }
        expect(nodePorts.failed.size).toBe(wanting.length - owners.size);
        await nodePorts.close();
        expect(host.held.size).toBe(0);
      }),
    );
  });
});
