import { describe, expect, it } from 'vitest';
import type { ManifestProblem } from '../../../src/sources/manifests/manifest-problem.js';
import { fileProblem } from '../../../src/sources/manifests/manifest-problem.js';
import { logProblems, logRemarks, problemLines } from '../../../src/sources/manifests/problem-log.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const INVALID: ManifestProblem = {
  code: 'MANIFEST_INVALID',
  line: 14,
  text: 'spec.ports[0].port: 70000 is not a port; give 1 to 65535',
  object: 'Service default/web',
};
const MANY = Array.from({ length: 1_000 }, () => INVALID);

describe('the problems of a file', () => {
  it('are logged one a line, with file, line and field, and the object beside it', () => {
    const logger = new RecordingLogger();
    logProblems(logger, 'services.yaml', [INVALID, fileProblem('MANIFEST_TOO_LARGE', 'is too large')]);
    expect(logger.lines).toEqual([
      {
        level: 'error',
        message: 'services.yaml:14: spec.ports[0].port: 70000 is not a port; give 1 to 65535',
        fields: { code: 'MANIFEST_INVALID', object: 'Service default/web' },
      },
      { level: 'error', message: 'services.yaml: is too large', fields: { code: 'MANIFEST_TOO_LARGE' } },
    ]);
  });

  it('are told as lines that begin with their code', () => {
    expect(problemLines('services.yaml', [INVALID])).toEqual([
      'MANIFEST_INVALID: services.yaml:14: spec.ports[0].port: 70000 is not a port; give 1 to 65535',
    ]);
  });

  it('are counted rather than told where there are very many', () => {
    const logger = new RecordingLogger();
    logProblems(logger, 'services.yaml', MANY);
    expect(logger.lines).toHaveLength(21);
    expect(logger.lines.at(-1)).toMatchObject({ level: 'error', fields: { more: 980 } });
    expect(problemLines('services.yaml', MANY)).toHaveLength(21);
    expect(problemLines('services.yaml', MANY).at(-1)).toBe('services.yaml: 980 more problems like these');
  });
});

it('remarks are details of their level', () => {
  const logger = new RecordingLogger();
  logRemarks(logger, 'a.yaml', [{ level: 4, text: 'Pod default/x (v1) is of a kind that is not used here' }]);
  expect(logger.lines).toMatchObject([
    { level: 4, message: 'a.yaml: Pod default/x (v1) is of a kind that is not used here' },
  ]);
});
