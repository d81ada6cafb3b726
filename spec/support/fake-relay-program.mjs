#!/usr/bin/env node
// Stands for kube-splice-relay where a spec is about a child process: greets on the control socket that it was started with,
// answers `ok`, and ends with it. FAKE_RELAY says how it misbehaves.
import { Socket } from 'node:net';

const fd = Number(process.argv[process.argv.indexOf('--control-fd') + 1]);
const threads = process.argv[process.argv.indexOf('--threads') + 1];
const [misbehaviour, value] = (process.env.FAKE_RELAY ?? '').split('=');
if (misbehaviour === 'exit') {
  process.stderr.write('it cannot be\n');
  process.exit(Number(value));
}
const control = new Socket({ fd, readable: true, writable: true });
const version = misbehaviour === 'version' ? value : 1;
control.write(
  `kube-splice-relay ${version} pid=${process.pid} threads=${threads} files=1000 uid=${process.getuid()} seccomp=off\n`,
);
let rest = '';
let extra = 0;
control.setEncoding('latin1').on('data', (text) => {
  const lines = (rest + text).split('\n');
  rest = lines.pop();
  for (const line of lines) {
    if (extra > 0) {
      extra -= 1;
      if (extra > 0) continue;
    } else {
      extra = Number(/ endpoints=(\d+)$/.exec(line)?.[1] ?? / keep (\d+)$/.exec(line)?.[1] ?? 0);
      if (extra > 0) continue;
    }
    const [tag, verb, , , address, port] = line.split(' ');
    if (verb === 'shutdown' && misbehaviour === 'stays') continue;
    control.write(verb === 'portal' ? `${tag} ok ${address} ${port}\n` : `${tag} ok\n`);
    if (verb === 'shutdown') process.exit(0);
  }
});
if (misbehaviour === 'stays') setInterval(() => undefined, 1_000);
else control.on('close', () => process.exit(0));
