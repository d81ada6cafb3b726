#!/usr/bin/env node
import { basename, relative } from 'node:path';
import { runCleanupCommand } from './cli/cleanup-command.js';
import { type CommandLine, parseCommandLine } from './cli/command-line.js';
import { errorText, exitCodeOf } from './cli/failure.js';
import { proxyStarter } from './cli/proxy-process.js';
import { serviceReportFromEnvironment } from './cli/service-report-from-environment.js';
import { runStatusCommand } from './cli/status-command.js';
import type { ProxyConfig } from './config/proxy-config.js';
import { type Logger, warningsOnly } from './host/log.js';
import { type ClosableLogger, createLogger } from './host/logger.js';
import { KubeSpliceError } from './model/errors.js';

/** How long open connections may go on after the first SIGTERM or SIGINT, ms. */
const GRACE_MS = 5_000;

/**
 * The same signal so soon after the first is its echo, ms: `timeout` and `npm run` pass on what the whole process
 * group has received already, and the last state would not be saved.
 */
const ECHO_MS = 200;

/** What a shell calls a process that a signal has ended: 128 and the signal's number (signal(7)). */
const EXIT_CODE_OF_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

/** Does what the command line asks for. Resolves with the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const commandLine = parseCommandLine(argv, process.env);
  switch (commandLine.command) {
    case 'help': {
      // What lays out the help is large, and nobody else needs it.
      const { helpText } = await import('./cli/help-text.js');
      process.stdout.write(helpText(commandLine.of));
      return 0;
    }
    case 'version':
      process.stdout.write(commandLine.text);
      return 0;
    case 'status': {
      const write = (text: string): void => void process.stdout.write(text);
      return runStatusCommand({ ...commandLine, write });
    }
    case 'cleanup':
      for (const warning of commandLine.warnings) process.stderr.write(`${warning}\n`);
      return runCleanupCommand((text) => void process.stdout.write(text));
    case 'demo':
    case 'run':
      return runLogged(commandLine);
  }
}

/** Runs what goes on until a signal, with a log that is complete when the process ends. */
async function runLogged(commandLine: Extract<CommandLine, { command: 'demo' | 'run' }>): Promise<number> {
  const logger = await createLogger(commandLine.config.log);
  endOnUncaughtException(logger);
  try {
    for (const warning of commandLine.warnings) logger.warn(warning);
    if (commandLine.command === 'run') return await runProxy(commandLine.config, logger);
    // The demo tells in its own words what the log would say.
    const quiet = warningsOnly(logger);
    const { runDemo } = await import('./cli/demo/demo.js');
    return await runDemo({
      config: commandLine.config,
      once: commandLine.once,
      startProxy: proxyStarter(quiet),
      output: process.stdout,
      signal: firstSignal(quiet),
      command: programCalledAs(process.argv[1] ?? ''),
    });
  } catch (error) {
    if (error instanceof KubeSpliceError) {
      logger.error(`${error.code}: ${error.message}`, { remedy: error.remedy });
      return exitCodeOf(error);
    }
    logUncaught(logger, error);
    return 1;
  } finally {
    await logger.close();
  }
}

async function runProxy(config: ProxyConfig, logger: Logger): Promise<number> {
  const signal = firstSignal(logger);
  const service = serviceReportFromEnvironment(process.env, logger);
  service.start();
  const proxy = await proxyStarter(logger)(config);
  service.watch(proxy.overview);
  const ended = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await Promise.race([ended, proxy.synced]);
  if (!signal.aborted) {
    logger.info('ready; `kube-splice status` shows the portals', proxy.counts());
    await service.ready();
  }
  await ended;
  await service.stopping(GRACE_MS);
  logger.info('stopping: open connections may end', { graceSeconds: GRACE_MS / 1000 });
  await proxy.stop(GRACE_MS);
  service.end();
  logger.info('stopped');
  return 0;
}

/** How a person calls this program here: by its name where it is installed, else by its file. */
function programCalledAs(path: string): string {
  return basename(path) === 'main.js' ? `node ${relative('.', path)}` : 'kube-splice';
}

/** Aborted by the first SIGTERM or SIGINT; a second one ends the process at once. */
function firstSignal(logger: Logger): AbortSignal {
  const controller = new AbortController();
  let first: { readonly name: string; readonly at: number } | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (first?.name === name && performance.now() - first.at < ECHO_MS) return;
      if (controller.signal.aborted) process.exit(EXIT_CODE_OF_SIGNAL[name]);
      first = { name, at: performance.now() };
      logger.info(`${name} received; a second one ends at once`);
      controller.abort();
    });
  }
  return controller.signal;
}

/** Nobody knows what state the process is in: whoever started it is to start it again. */
function endOnUncaughtException(logger: ClosableLogger): void {
  process.once('uncaughtException', (error) => {
    logUncaught(logger, error);
    void logger.close().finally(() => process.exit(1));
  });
}

function logUncaught(logger: Logger, error: unknown): void {
  logger.error('uncaught exception', { stack: error instanceof Error ? error.stack : String(error) });
}

/** A pipe takes 64 KiB at once; the rest of what was printed is still on its way. */
function exitWhenPrinted(exitCode: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
}

// `kube-splice status | head`: whoever reads has seen enough.
process.stdout.on('error', () => process.exit(0));

main(process.argv.slice(2)).then(exitWhenPrinted, (error: unknown) => {
  if (!(error instanceof KubeSpliceError)) throw error;
  process.stderr.write(errorText(error));
  exitWhenPrinted(exitCodeOf(error));
});
