import { describe, expect, it } from 'vitest';
import { FLAGS } from '../../src/cli/flags.js';
import { helpText } from '../../src/cli/help-text.js';

describe('the help', () => {
  it('has its headings in their order', () => {
    expect(helpText('run').match(/^[A-Z]\w+:/gm)).toEqual([
      'Usage:',
      'Commands:',
      'Configuration:',
      'Services:',
      'Portals:',
      'Steering:',
      'Status:',
      'Logs:',
      'General:',
    ]);
    expect(helpText('status').match(/^[A-Z]\w+:/gm)).toEqual(['Usage:', 'Status:', 'General:']);
  });

  it('begins with what kube-splice is and how it is used', () => {
    expect(helpText('run')).toMatch(/^kube-splice proxies the Services of Kubernetes in user space/);
    expect(helpText('run')).toContain(
      'Usage: kube-splice --kubeconfig FILE | --master URL | --manifests FILE_OR_DIR [flags]',
    );
    expect(helpText('demo')).toContain('Usage: kube-splice demo [--once] [flags]');
  });

  it('describes every flag and shows its default and its choices', () => {
    const text = helpText('run').replace(/\s+/g, ' ');
    for (const flag of FLAGS.filter(({ commands }) => new Set<string>(commands).has('run'))) {
      expect(text).toContain(flag.description.split(/[,:;]/)[0] ?? flag.description);
      if (flag.default !== '' && flag.takes !== 'boolean')
        expect(text).toContain(`[default: ${flag.default}]`);
      if ('choices' in flag) {
        expect(text).toContain(`[choices: ${flag.choices.map((choice) => `"${choice}"`).join(', ')}]`);
      }
    }
  });

  it('shows what the demo has other defaults for', () => {
    expect(helpText('demo')).toContain('[default: 127.0.0.1]');
    expect(helpText('demo')).not.toContain('[default: 0.0.0.0]');
    const steering = /--steering (?:(?!--).)*/s;
    expect(helpText('demo').match(steering)?.[0]).toContain('[default: none]');
    expect(helpText('run').match(steering)?.[0]).toContain('[default: auto]');
  });

  it('is no wider than 100 columns and ends with one newline', () => {
    for (const command of ['run', 'demo', 'status'] as const) {
      const lines = helpText(command).split('\n');
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
      expect(helpText(command)).toMatch(/\S\n$/);
    }
  });
});
