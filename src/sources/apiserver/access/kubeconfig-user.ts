import { sep } from 'node:path';
import { newUsers } from '@kubernetes/client-node/dist/config_types.js';
import type { Field } from '../../../model/field.js';
import { isMapping } from '../../../model/field.js';
import { type ApiUser, type AuthProvider, tokenFileProvider } from './cluster-config.js';
import { EXEC_API_VERSIONS, type ExecPluginConfig } from './exec-plugin-config.js';
import {
  hasPem,
  type KubeconfigFile,
  mappingAt,
  pathOf,
  placeOf,
  secretOf,
  textOf,
  textsOf,
} from './kubeconfig-field.js';
import { isToken } from './read-credentials.js';

/** A command that this word stood for was part of client-go until Kubernetes 1.26, and became an exec plugin. */
const SUCCESSORS: Readonly<Record<string, string>> = {
  gcp: 'gke-gcloud-auth-plugin',
  azure: 'kubelogin',
};

/**
 * The `user` of a kubeconfig file that has this name. Mistakes are reported to the field.
 *
 * @param execExtension what the cluster tells an exec plugin.
 */
export function readUser(
  name: string,
  field: Field,
  file: KubeconfigFile,
  execExtension: unknown,
): ApiUser | null {
  const entry = mappingAt(field);
  if (entry === null) return null;
  const exec = field.child('exec').present ? execOf(field.child('exec'), file, execExtension) : null;
  const oidc = field.child('auth-provider').present ? oidcOf(field.child('auth-provider')) : null;
  if (exec !== null && oidc !== null)
    field.report('has both exec and auth-provider; leave one of the two out');
  const token = tokenOf(field.child('token'));
  const tokenFile = pathOf(field.child('tokenFile'), file);
  checkBasic(field, token !== null || tokenFile !== null);
  checkCertificate(field);
  const resolved = {
    ...entry,
    token,
    // As in client-go, a token file wins. The library knows it by this name, and by a field that is not of Kubernetes.
    'auth-provider': tokenFile === null ? oidc : tokenFileProvider(tokenFile),
    'token-file': null,
    'client-certificate': pathOf(field.child('client-certificate'), file),
    'client-key': pathOf(field.child('client-key'), file),
    exec,
  };
  const [user] = newUsers([{ name, user: resolved }]);
  if (user === undefined) return null;
  return { ...user, place: `${placeOf(field, file)}.`, impersonation: impersonationOf(field) };
}

function tokenOf(field: Field): string | null {
  const token = secretOf(field)?.trim() || null;
  if (token !== null && !isToken(token)) field.report('is not one token');
  return token;
}

function checkBasic(user: Field, hasToken: boolean): void {
  const username = textOf(user.child('username'));
  const password = secretOf(user.child('password'));
  if ((username !== null || password !== null) && hasToken)
    user.report('has both a token and a user name; leave one of the two out');
}

function checkCertificate(user: Field): void {
  const hasCertificate = hasPem(user, 'client-certificate');
  const hasKey = hasPem(user, 'client-key');
  if (hasCertificate && !hasKey) user.report('has a client-certificate and no client-key');
}

function impersonationOf(user: Field): ApiUser['impersonation'] {
  const name = sendable(user.child('as'), textOf(user.child('as')));
  const uid = sendable(user.child('as-uid'), textOf(user.child('as-uid')));
  const groups = textsOf(user.child('as-groups')).map((group) => sendable(user.child('as-groups'), group));
  const extraField = user.child('as-user-extra');
  const extra = isMapping(extraField.value) ? Object.keys(extraField.value) : [];
  if (name === null) {
    if (uid !== null || groups.length > 0 || extra.length > 0)
      user.child('as').missing('as-uid, as-groups and as-user-extra say more of a user that it names');
    return {};
  }
  return {
    'impersonate-user': name,
    ...(uid === null ? {} : { 'impersonate-uid': uid }),
    ...(groups.length === 0 ? {} : { 'impersonate-group': groups }),
    ...Object.fromEntries(
      extra.map((key) => {
        const field = extraField.child(key);
        return [`impersonate-extra-${headerName(key)}`, textsOf(field).map((text) => sendable(field, text))];
      }),
    ),
  };
}

/** A text as the bytes of UTF-8, which is how Node is given what a header is to carry. */
function sendable<Text extends string | null>(field: Field, text: Text): Text {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a header must not carry.
  if (text !== null && /[\x00-\x1f\x7f]/.test(text)) field.report('has a control character in it');
  return (text === null ? null : Buffer.from(text, 'utf8').toString('latin1')) as Text;
}

/** A key in the form a header's name may have (RFC 9110, section 5.6.2): other characters in per cent. */
function headerName(key: string): string {
  return [...Buffer.from(key, 'utf8')]
    .map((byte) => String.fromCharCode(byte))
    .map((character) =>
      /[A-Za-z0-9!#$&'*+.^_`|~-]/.test(character)
        ? character.toLowerCase()
        : `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('');
}

function oidcOf(provider: Field): AuthProvider | null {
  const name = provider.child('name').text() ?? '';
  if (name !== 'oidc') {
    const successor = SUCCESSORS[name];
    const hint = successor === undefined ? 'use an exec plugin' : `use the exec plugin ${successor}`;
    provider.child('name').reject(`is no auth-provider that is known here; ${hint}`);
    return null;
  }
  const config = provider.child('config');
  if (!config.present) config.missing('oidc takes at least id-token');
  if (!isMapping(config.value)) return null;
  const texts = Object.keys(config.value).flatMap((key) => {
    const value = secretOf(config.child(key));
    return value === null ? [] : [[key, value] as const];
  });
  const found = Object.fromEntries(texts);
  if (found['id-token'] === undefined) config.child('id-token').missing('sign in again to get one');
  return { name, config: found };
}

function execOf(exec: Field, file: KubeconfigFile, extension: unknown): ExecPluginConfig | null {
  if (mappingAt(exec) === null) return null;
  const command = textOf(exec.child('command'));
  if (command === null) exec.child('command').missing('name the program that gives the credentials');
  const version = exec.child('apiVersion');
  if (!version.present) version.missing(`give ${EXEC_API_VERSIONS.join(' or ')}`);
  const apiVersion = version.oneOf(EXEC_API_VERSIONS);
  const mode = exec.child('interactiveMode');
  if (mode.oneOf(['Never', 'IfAvailable', 'Always']) === 'Always')
    mode.reject('cannot be met: nobody sits at a service proxy; use a plugin that asks nothing');
  const provideClusterInfo = exec.child('provideClusterInfo').flag() ?? false;
  const config = {
    args: textsOf(exec.child('args')),
    env: environmentOf(exec.child('env')),
    installHint: textOf(exec.child('installHint')),
    clusterInfo: provideClusterInfo ? { extension } : null,
  };
  if (command === null || apiVersion === undefined) return null;
  // A bare name is looked for in PATH, as client-go has it.
  const program = command.includes(sep) ? pathOf(exec.child('command'), file) : command;
  return { command: program ?? command, apiVersion, ...config };
}

function environmentOf(list: Field): ExecPluginConfig['env'] {
  if (!list.present) return [];
  return list.items().map((item) => {
    const name = textOf(item.child('name')) ?? '';
    if (name === '') item.child('name').missing('name the variable');
    return { name, value: secretOf(item.child('value')) ?? '' };
  });
}
