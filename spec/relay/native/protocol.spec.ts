import { spawn } from 'node:child_process';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, within } from '../../support/deadline.js';
import { NATIVE_RELAY, NATIVE_RELAY_MISSING } from '../../support/native-relay-program.js';
import { type RelayPeer, RelayProgram } from '../../support/relay-program.js';
import { seededRandom } from '../../support/seeded-random.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

const IS_ROOT = process.getuid?.() === 0;
const PORTAL =
  '7 portal default/web:http tcp 127.0.0.1 0 affinity=none endpoints=1\n7 endpoint 127.0.0.1:9\n';

/** The program's exit code and what it wrote to stderr. */
function run(args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(NATIVE_RELAY, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  return within(
    'the end of the program',
    new Promise((resolve) => child.once('close', (code) => resolve({ code, stderr }))),
  );
}

const portalsOf = (peer: RelayPeer): Promise<string[]> => peer.ask(99, '99 portals\n');

describe.skipIf(NATIVE_RELAY_MISSING)(
  'the protocol of the relay program (skipped where it is not built)',
  () => {
    it('greets, and wants hello first', async () => {
      const relay = await RelayProgram.start();
      const peer = await relay.stranger();
      const [greeting] = await peer.lines(1);
      expect(greeting).toMatch(/^kube-splice-relay 1 pid=\d+ threads=2 files=\d+ uid=\d+ seccomp=(on|off)$/);
      expect(await peer.ask(1, '1 ping\n')).toEqual(['1 error HELLO_EXPECTED the first request is hello 1']);
      expect(await peer.ask(2, '2 hello 1\n')).toEqual(['2 ok']);
    });

    it('closes a peer that speaks another version', async () => {
      const peer = await (await RelayProgram.start()).stranger();
      await peer.lines(1);
      expect(await peer.ask(1, '1 hello 2\n')).toEqual(['1 error VERSION this relay speaks version 1']);
      await eventually(() => expect(peer.closed).toBe(true));
    });

    it('opens, routes, counts and closes portals', async () => {
      const peer = await (await RelayProgram.start()).peer();
      const [opened = ''] = await peer.ask(7, PORTAL);
      expect(opened).toMatch(/^7 ok 127\.0\.0\.1 \d+$/);
      const port = opened.split(' ')[3];
      expect(await portalsOf(peer)).toEqual([`99 portal default/web:http tcp 127.0.0.1 ${port}`, '99 ok']);
      expect(await peer.ask(7, PORTAL)).toEqual([opened]);
      expect(await peer.ask(8, '8 route default/web:http affinity=10800 endpoints=0\n')).toEqual(['8 ok']);
      expect(await peer.ask(9, '9 counters\n')).toEqual([
        '9 portal default/web:http active=0 total=0 in=0 out=0 dial-failures=0 no-endpoints=0 ' +
          'refused-for-files=0 udp-sessions=0 udp-total=0 udp-evicted=0 dropped=0',
        '9 ok',
      ]);
      // Where nothing has come there is no more to tell.
      expect((await peer.ask(9, '9 counters all\n')).at(-1)).toBe('9 ok');
      expect(await peer.ask(9, '9 affinity default/web:http 10.0.0.1\n')).toEqual(['9 ok']);
      expect((await peer.ask(9, '9 process\n'))[0]).toMatch(/^9 ok pid=\d+ version=1 cpu-us=\d+ /);
      const second = PORTAL.replace('web:http', 'other:http').replace(' 0 ', ` ${port} `);
      expect(await peer.ask(7, second)).toEqual([`7 error PORT_IN_USE 127.0.0.1:${port}`]);
      // Sent at once: the port is free when the second takes effect.
      peer.send(`10 close default/web:http\n${second}11 keep 0\n12 portals\n`);
      expect(await peer.lines(4)).toEqual(['10 ok', opened, '11 ok', '12 ok']);
    });

    it.each([
      ['1 clsoe x', '1 error UNKNOWN_VERB clsoe'],
      ['2 route nobody affinity=none endpoints=0', '2 error NO_PORTAL nobody'],
      ['3 portal a tcp 192.0.2.1 0 affinity=none endpoints=0', /^3 error OPEN_FAILED /],
      [`4 ${'x'.repeat(5_000)}`, '4 error TOO_LONG a line has at most 4096 bytes'],
      ['ping', '0 error SYNTAX a line begins with a tag of 1 to 15 digits'],
      ['1234567890123456 ping', '0 error SYNTAX a line begins with a tag of 1 to 15 digits'],
      ['5  ping', '5 error SYNTAX words are separated by one space'],
      ['6 ping\r', '6 error SYNTAX a byte is not printable ASCII'],
      ['7 ping now', '7 error SYNTAX there are too many words'],
      ['8 close', '8 error SYNTAX a word is missing'],
      [`9 close ${'x'.repeat(513)}`, '9 error SYNTAX NAME has more than 512 bytes'],
      [
        '10 portal a sctp ::1 0 affinity=none endpoints=0',
        '10 error SYNTAX the protocol is neither tcp nor udp',
      ],
      ['11 configure files=0', '11 error SYNTAX files is not 1 to 1000000'],
      ['15 configure half-closed-ms=2147483648', '15 error SYNTAX half-closed-ms is not 0 to 2147483647'],
      ['16 configure connections=1000001', '16 error SYNTAX connections is not 0 to 1000000'],
      ['17 limit a connections=', '17 error SYNTAX connections is not 0 to 1000000'],
      ['17 limit a limit=1', '17 error SYNTAX connections is not 0 to 1000000'],
      ['17 limit a', '17 error SYNTAX a word is missing'],
      ['17 limit a connections=1', '17 error NO_PORTAL a'],
      ['18 counters some', '18 error SYNTAX all expected, or nothing'],
      ['18 counters all of them', '18 error SYNTAX there are too many words'],
      ['19 process 1', '19 error SYNTAX there are too many words'],
      ['20 affinity a', '20 error SYNTAX a word is missing'],
      ['20 affinity a b', '20 error SYNTAX CLIENT is not an IPv4 or IPv6 address'],
      ['20 affinity a 10.0.0.1:80', '20 error SYNTAX CLIENT is not an IPv4 or IPv6 address'],
      ['20 affinity a 10.0.0.1', '20 error NO_PORTAL a'],
      ['11 configure udp-reply-ms=-1', '11 error SYNTAX udp-reply-ms is not 0 to 2147483647'],
      ['11 configure udp-reply-ms=1 udp-reply-ms=2', '11 error SYNTAX a KEY is named twice'],
      ['12 route a affinity=0 endpoints=0', /^12 error SYNTAX AFFINITY /],
      [
        '13 route a affinity=none endpoints=2\n13 endpoint 1.2.3.4:5\n13 endpoint 1.2.3.4:5',
        '13 error SYNTAX an endpoint is named twice: 1.2.3.4:5',
      ],
      [
        '14 route a affinity=none endpoints=3\n14 endpoint x\n14 endpoint y\n14 endpoint 1.2.3.4:5',
        '14 error SYNTAX ENDPOINT is not ADDRESS:PORT',
      ],
    ])('answers %j with an error, once, and goes on', async (line, error) => {
      const peer = await (await RelayProgram.start()).peer();
      peer.send(`${line}\n98 ping\n`);
      const [answer, next] = await peer.lines(2);
      if (typeof error === 'string') expect(answer).toBe(error);
      else expect(answer).toMatch(error);
      expect(next).toBe('98 ok');
    });

    it('takes two spellings of an address for one endpoint, and tells it in one of its own', async () => {
      const peer = await (await RelayProgram.start()).peer();
      const route = '8 route a affinity=none endpoints=2\n8 endpoint [FD00:0::1]:5\n8 endpoint [fd00::1]:5\n';
      expect(await peer.ask(8, route)).toEqual(['8 error SYNTAX an endpoint is named twice: [fd00::1]:5']);
      const dead = '7 portal a tcp 127.0.0.1 0 affinity=none endpoints=1\n7 endpoint [0:0::0:1]:1\n';
      const [opened = ''] = await peer.ask(7, dead);
      await peer.ask(9, '9 events\n');
      const client = connect({ host: '127.0.0.1', port: Number(opened.split(' ')[3]) });
      client.on('error', () => undefined);
      const [event] = await peer.lines(1);
      expect(event).toMatch(/^\* failure a tcp 127\.0\.0\.1:\d+ \[::1\]:1 dial-/);
    });

    it('reads lines in whatever pieces they come', async () => {
      const peer = await (await RelayProgram.start()).peer();
      peer.socket.setNoDelay(true);
      for (const byte of PORTAL) {
        peer.send(byte);
        await new Promise(setImmediate);
      }
      expect((await peer.lines(1))[0]).toMatch(/^7 ok 127\.0\.0\.1 \d+$/);
    });

    it('changes nothing for 10,000 lines of garbage', async () => {
      const peer = await (await RelayProgram.start()).peer();
      await peer.ask(7, PORTAL);
      const before = await portalsOf(peer);
      const random = seededRandom(5);
      const pick = (most: number): number => Math.floor(random() * most);
      const valid = [
        ...PORTAL.trim().split('\n'),
        '3 close default/web:http',
        '4 keep 0',
        '5 counters',
        '6 counters all',
        '7 affinity default/web:http 10.0.0.1',
      ];
      const garbage: string[] = [];
      for (let i = 0; i < 10_000; i++) {
        const line = valid[i % valid.length] ?? '';
        const at = pick(line.length);
        // A byte that no line may have, somewhere in a valid one; or bytes of any kind.
        garbage.push(
          i % 2 === 0
            ? `${line.slice(0, at)}${String.fromCharCode(128 + pick(128))}${line.slice(at)}`
            : `x${Array.from({ length: pick(80) }, () => String.fromCharCode(11 + pick(245))).join('')}`,
        );
      }
      peer.send(`${garbage.join('\n')}\n97 ping\n`);
      await peer.ask(97, '');
      expect(await portalsOf(peer)).toEqual(before);
    });

    it('serves eight peers and refuses the ninth', async () => {
      const relay = await RelayProgram.start();
      const peers: RelayPeer[] = [];
      for (let i = 0; i < 8; i++) peers.push(await relay.peer());
      const ninth = await relay.stranger();
      expect(await ninth.lines(1)).toEqual(['* refused']);
      peers[0]?.end();
      await eventually(async () => {
        const again = await relay.stranger();
        expect((await again.lines(1))[0]).toMatch(/^kube-splice-relay 1 /);
      });
    });

    it.skipIf(!IS_ROOT)('refuses a peer of another user (needs root)', async () => {
      const relay = await RelayProgram.start();
      chmodSync(join(relay.path, '..'), 0o755);
      chmodSync(relay.path, 0o666);
      const script = 'const {connect} = require("node:net"); connect(process.argv[1]).pipe(process.stdout)';
      const child = spawn(process.execPath, ['-e', script, relay.path], {
        uid: 4321,
        gid: 4321,
        cwd: '/',
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.on('data', (text) => {
        said += text;
      });
      await within('the end of the stranger', new Promise((resolve) => child.once('close', resolve)));
      expect(said).toBe('* refused\n');
    });

    it('makes its socket for its user alone, and removes only a stale one', async () => {
      const relay = await RelayProgram.start();
      expect(statSync(relay.path).mode & 0o777).toBe(0o600);
      const second = await run(['--socket', relay.path]);
      expect(second.code).toBe(1);
      expect(second.stderr).toContain('is served already');
      await relay.started.end('SIGKILL');
      expect(statSync(relay.path).isSocket()).toBe(true);
      await (await RelayProgram.start(relay.path)).peer();
    });

    it('says what is wrong with its options and its socket', async () => {
      const directory = temporaryDirectory();
      const file = join(directory, 'file');
      writeFileSync(file, 'kept');
      expect(await run(['--socket', file])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no socket; remove it'),
      });
      expect(statSync(file).size).toBe(4);
      const missing = await run(['--socket', join(directory, 'no', 'relay.sock')]);
      expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('is not there; make it') });
      for (const args of [[], ['--threads', '0'], ['--sokcet', 'x'], ['--socket'], ['--control-fd', '1']]) {
        const wrong = await run(args);
        expect(wrong.code).toBe(2);
        expect(wrong.stderr).toMatch(/^kube-splice-relay: .+\n$/);
      }
    });

    it('answers shutdown when nothing is open, and ends', async () => {
      const relay = await RelayProgram.start();
      const peer = await relay.peer();
      await peer.ask(7, PORTAL);
      expect(await peer.ask(8, '8 shutdown 0\n')).toEqual(['8 ok 0']);
      expect(await within('the end of the relay', relay.started.ended)).toBe(0);
    });
  },
);
