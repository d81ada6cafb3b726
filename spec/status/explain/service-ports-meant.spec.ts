import { describe, expect, it } from 'vitest';
import { KubeSpliceError } from '../../../src/model/errors.js';
import { servicePortsMeant } from '../../../src/status/explain/service-ports-meant.js';

const PORTS = [
  { name: 'default/web:http', portName: 'http', port: 80 },
  { name: 'default/web:https', portName: 'https', port: 443 },
  { name: 'default/dns', portName: '', port: 53 },
  { name: 'other/web:http', portName: 'http', port: 80 },
] as const;

const meant = (asked: string) => [...servicePortsMeant(asked, PORTS)];

function errorOf(asked: string): KubeSpliceError {
  try {
    meant(asked);
  } catch (error) {
    if (error instanceof KubeSpliceError) return error;
  }
  throw new Error(`${asked} is not refused`);
}

describe('what is asked to be explained', () => {
  it.each([
    ['default/web', ['default/web:http', 'default/web:https']],
    ['default/web:http', ['default/web:http']],
    ['default/web:443', ['default/web:https']],
    ['default/dns', ['default/dns']],
    ['default/dns:53', ['default/dns']],
    ['other/web:80', ['other/web:http']],
  ])('%s means %j', (asked, names) => {
    expect(meant(asked)).toEqual(names);
  });

  it.each([
    ['web', '"web" is not NAMESPACE/SERVICE or NAMESPACE/SERVICE:PORT'],
    ['', '"" is not NAMESPACE/SERVICE or NAMESPACE/SERVICE:PORT'],
    ['a/b/c', '"a/b/c" is not NAMESPACE/SERVICE or NAMESPACE/SERVICE:PORT'],
    ['default/wbe', 'no Service "default/wbe" is proxied here; did you mean "default/web"?'],
    ['quite/something-else-altogether', 'no Service "quite/something-else-altogether" is proxied here'],
    ['default/web:8080', 'Service "default/web" has no port "8080"; it has http (80), https (443)'],
    ['default/dns:54', 'Service "default/dns" has no port "54"; it has 53'],
    ['default/\u001b[2J', 'no Service "default/\\u001b[2J" is proxied here; did you mean "default/web"?'],
  ])('%j means nothing here', (asked, message) => {
    expect(errorOf(asked)).toMatchObject({ code: 'SERVICE_PORT_UNKNOWN', message });
  });

  it('is told apart from Services that are never proxied', () => {
    expect(errorOf('default/nobody').remedy).toContain('Headless and ExternalName Services');
  });
});
