import { writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CertificateAuthority, type Certified } from '../../../support/certificate-authority.js';
import { within } from '../../../support/deadline.js';
import { temporaryDirectory } from '../../../support/temporary-directory.js';
import { demandingServer } from './demanding-server.js';
import {
  base64,
  clientOf,
  failureOf,
  httpServer,
  httpsServer,
  NEVER,
  statusOf,
  textOf,
} from './local-api.js';

const authority = new CertificateAuthority();
const good = authority.server();

const trusting = (server: string) => ({
  server,
  'certificate-authority-data': base64(authority.certificate),
});

describe('credentials that change', () => {
  it('are read again after a 401, and the request is made once more', async () => {
    const tokenFile = join(temporaryDirectory(), 'token');
    writeFileSync(tokenFile, 'old\n');
    let accepted = 'old';
    const seen: (string | undefined)[] = [];
    const { url } = await httpsServer(good, (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(request.headers.authorization === `Bearer ${accepted}` ? 200 : 401).end('{}');
    });
    const client = await clientOf({ cluster: trusting(url), user: { tokenFile } });
    expect(await statusOf(client)).toBe(200);
    accepted = 'new';
    writeFileSync(tokenFile, 'new\n');
    expect(await statusOf(client)).toBe(200);
    expect(seen).toEqual(['Bearer old', 'Bearer old', 'Bearer new']);
  });

  it('that are still the same after a 401 are not sent again', async () => {
    let requests = 0;
    const { url } = await httpsServer(good, (_request, response) => {
      requests += 1;
      response.writeHead(401).end('{}');
    });
    const client = await clientOf({ cluster: trusting(url), user: { token: 'abc' } });
    expect(await statusOf(client)).toBe(401);
    expect(requests).toBe(1);
  });

  it('go over a connection of their own where the client certificate is another one', async () => {
    const directory = temporaryDirectory();
    const files = {
      'client-certificate': join(directory, 'tls.crt'),
      'client-key': join(directory, 'tls.key'),
    };
    const write = ({ certificate, key }: Certified): void => {
      writeFileSync(files['client-certificate'], certificate);
      writeFileSync(files['client-key'], key);
    };
    write(authority.client('first'));
    const names: unknown[] = [];
    const { url } = await httpsServer(
      good,
      (request, response) => {
        const { subject } = (request.socket as import('node:tls').TLSSocket).getPeerCertificate();
        names.push(subject.CN);
        response.end('{}');
      },
      { ca: authority.certificate, requestCert: true },
    );
    let now = 0;
    const client = await clientOf({ cluster: trusting(url), user: files }, { now: () => now });
    expect(await statusOf(client)).toBe(200);
    write(authority.client('second'));
    expect(await statusOf(client)).toBe(200);
    now += 60_000;
    expect(await statusOf(client)).toBe(200);
    expect(names).toEqual(['first', 'first', 'second']);
  });

  it('let requests under way go on, and their connection ends with them', async () => {
    const directory = temporaryDirectory();
    const user = {
      'client-certificate': join(directory, 'tls.crt'),
      'client-key': join(directory, 'tls.key'),
    };
    const write = ({ certificate, key }: Certified): void => {
      writeFileSync(user['client-certificate'], certificate);
      writeFileSync(user['client-key'], key);
    };
    write(authority.client('first'));
    const closed: Promise<unknown>[] = [];
    const { url } = await httpsServer(good, (request, response) => {
      closed.push(new Promise((resolve) => request.socket.once('close', resolve)));
      if (request.url === '/watch') response.write('one');
      else response.end('{}');
    });
    let now = 0;
    const client = await clientOf({ cluster: trusting(url), user }, { now: () => now });
    const watch = await client.get('/watch', {}, { signal: NEVER });
    const finished = await client.get('/list', {}, { signal: NEVER });
    write(authority.client('second'));
    now += 60_000;
    expect(await statusOf(client)).toBe(200);
    const body = watch.body[Symbol.asyncIterator]();
    expect(String((await within('what the watch sends', body.next())).value)).toBe('one');
    expect(await textOf(finished)).toBe('{}');
    await within('the close of the connection that nobody needs', closed[1] ?? Promise.reject());
  });

  it('count at the next request where TLS already refused those before', async () => {
    const stranger = new CertificateAuthority('a stranger').client();
    const directory = temporaryDirectory();
    const user = {
      'client-certificate': join(directory, 'tls.crt'),
      'client-key': join(directory, 'tls.key'),
    };
    const write = ({ certificate, key }: Certified): void => {
      writeFileSync(user['client-certificate'], certificate);
      writeFileSync(user['client-key'], key);
    };
    write(stranger);
    const port = await demandingServer(authority, 'tls1_3');
    const client = await clientOf({ cluster: trusting(`https://127.0.0.1:${port}`), user });
    const error = await failureOf(client.get('/', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_UNAUTHORIZED');
    write(authority.client());
    expect(await statusOf(client)).toBe(200);
  });

  it('of the server: a new authority in the file counts after its certificate was rejected', async () => {
    const next = new CertificateAuthority('the next authority');
    const file = join(temporaryDirectory(), 'ca.crt');
    writeFileSync(file, authority.certificate);
    const { url } = await httpsServer(next.server(), (_request, response) => void response.end('{}'));
    const client = await clientOf({ cluster: { server: url, 'certificate-authority': file } });
    const error = await failureOf(client.get('/', {}, { signal: NEVER }));
    expect(error.code).toBe('APISERVER_CERTIFICATE_REJECTED');
    writeFileSync(file, next.certificate);
    expect(await statusOf(client)).toBe(200);
  });

  it('never leave over plain HTTP', async () => {
    const seen: IncomingMessage[] = [];
    const { url } = await httpServer((request, response) => {
      seen.push(request);
      response.end('{}');
    });
    const user = { token: 'abc', as: 'jane', 'as-groups': ['a', 'b'] };
    expect(await statusOf(await clientOf({ cluster: { server: url }, user }))).toBe(200);
    expect(seen[0]?.headers.authorization).toBeUndefined();
    expect(seen[0]?.headers['impersonate-user']).toBe('jane');
  });

  it('of other kinds are sent: a user name, and another user to be taken for', async () => {
    const seen: IncomingMessage[] = [];
    const { url } = await httpsServer(good, (request, response) => {
      seen.push(request);
      response.end('{}');
    });
    const user = {
      username: 'jürgen',
      password: 'pass',
      as: 'jane',
      'as-uid': '7',
      'as-groups': ['a', 'b'],
      'as-user-extra': { 'example.com/Scopes': ['x'] },
    };
    expect(await statusOf(await clientOf({ cluster: trusting(url), user }))).toBe(200);
    const [request] = seen;
    expect(request?.headers.authorization).toBe(`Basic ${base64('jürgen:pass')}`);
    expect(
      request?.rawHeaders.filter((_, index, raw) => /^impersonate-group$/i.test(raw[index - 1] ?? '')),
    ).toEqual(['a', 'b']);
    expect(request?.headers).toMatchObject({
      'impersonate-user': 'jane',
      'impersonate-uid': '7',
      'impersonate-extra-example.com%2fscopes': 'x',
    });
  });
});
