#!/usr/bin/env node
import { basename, relative } from 'node:path';
import { runCleanupCommand } from './cli/cleanup-command.js';
import { type CommandLine, parseCommandLine } from './cli/command-line.js';
import { DIFF_EXIT_CODES, runDiffCommand } from './cli/diff-command.js';
import { EndSignals, EXIT_CODE_OF_HANG_UP } from './cli/end-signals.js';
import { runExplainCommand } from './cli/explain-command.js';
import { errorText, exitCodeOf } from './cli/failure.js';
import type { ConfigurationSource } from './cli/live-configuration.js';
import { proxyStarter } from './cli/proxy-process.js';
import { runProxy } from './cli/run-proxy.js';
import { serviceReportFromEnvironment } from './cli/service-report-from-environment.js';
import { runStatusCommand } from './cli/status-command.js';
import { runWatchCommand } from './cli/watch-command.js';
import { writeConfig } from './cli/write-config.js';
import { type Logger, SILENT_LOGGER, warningsOnly } from './host/log.js';
import { type ClosableLogger, createLogger } from './host/logger.js';
import { programSearch } from './host/program-search.js';
import { SpawnedCommands } from './host/spawned-commands.js';
import { hasTerminal } from './host/terminal.js';
import { KubeSpliceError } from './model/errors.js';

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
    case 'watch': {
      const ending = new AbortController();
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => ending.abort());
      return runWatchCommand({ ...commandLine, output: process.stdout, signal: ending.signal });
    }
    case 'explain': {
      const write = (text: string): void => void process.stdout.write(text);
      return runExplainCommand({ ...commandLine, write });
    }
    case 'diff':
      return diff(commandLine);
    case 'cleanup':
      for (const warning of commandLine.warnings) process.stderr.write(`${warning}\n`);
      return runCleanupCommand((text) => void process.stdout.write(text));
    case 'write-config':
      for (const warning of commandLine.warnings) process.stderr.write(`${warning}\n`);
      writeConfig(commandLine.path, commandLine.text);
      return 0;
    case 'demo':
    case 'run':
      return runLogged(commandLine);
  }
}

/** Any failure is trouble, as diff(1) has it: 1 says that there are differences. */
async function diff(commandLine: Extract<CommandLine, { command: 'diff' }>): Promise<number> {
  for (const warning of commandLine.warnings) process.stderr.write(`${warning}\n`);
  try {
    return await runDiffCommand({
      ...commandLine,
      write: (text) => void process.stdout.write(text),
      logger: SILENT_LOGGER,
      runner: new SpawnedCommands(),
      find: programSearch(process.env.PATH),
    });
  } catch (error) {
    if (!(error instanceof KubeSpliceError)) throw error;
    process.stderr.write(errorText(error));
    return DIFF_EXIT_CODES.trouble;
  }
}

/** Runs what goes on until a signal, with a log that is complete when the process ends. */
async function runLogged(commandLine: Extract<CommandLine, { command: 'demo' | 'run' }>): Promise<number> {
  const logger = await createLogger(commandLine.config.log);
  endOnUncaughtException(logger);
  try {
    for (const warning of commandLine.warnings) logger.warn(warning);
    if (commandLine.command === 'run') {
      const signals = new EndSignals(logger, process);
      const start = proxyStarter(logger);
      const service = serviceReportFromEnvironment(process.env, logger);
      const configuration = configurationOf(commandLine.configFile);
      const surroundings = { logger, signals, process, hasTerminal, service, start, configuration };
      return await runProxy(commandLine.config, surroundings);
    }
    // The demo tells in its own words what the log would say.
    const quiet = warningsOnly(logger);
    const { runDemo } = await import('./cli/demo/demo.js');
    return await runDemo({
      config: commandLine.config,
      once: commandLine.once,
      startProxy: proxyStarter(quiet),
      output: process.stdout,
      signal: new EndSignals(quiet, process).asked,
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

/** What may be read again while the proxy runs; null where flags say all. */
function configurationOf(path: string | null): ConfigurationSource | null {
  if (path === null) return null;
  const read: ConfigurationSource['read'] = () => {
    const commandLine = parseCommandLine(process.argv.slice(2), process.env);
    if (commandLine.command !== 'run') throw new Error('the same arguments are another command');
    return commandLine;
  };
  return { path, read };
}

/** How a person calls this program here: by its name where it is installed, else by its file. */
function programCalledAs(path: string): string {
  return basename(path) === 'main.js' ? `node ${relative('.', path)}` : 'kube-splice';
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

/** As it would have without a handler: to exit, Node must give the terminal its settings back, and aborts where that is gone. */
function endByHangUp(): void {
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

/** A pipe takes 64 KiB at once; the rest of what was printed is still on its way. */
function exitWhenPrinted(exitCode: number): void {
  if (exitCode === EXIT_CODE_OF_HANG_UP) endByHangUp();
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
}

// `kube-splice status | head`: whoever reads has seen enough.
process.stdout.on('error', () => process.exit(0));

main(process.argv.slice(2)).then(exitWhenPrinted, (error: unknown) => {
  if (!(error instanceof KubeSpliceError)) throw error;
  process.stderr.write(errorText(error));
  exitWhenPrinted(exitCodeOf(error));
});
